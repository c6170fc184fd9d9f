import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Columns get the words that the code uses; what they hold stays. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`ALTER TABLE confirmations RENAME COLUMN settled_by TO decided_by`,
    sql`ALTER TABLE confirmations RENAME COLUMN settled_event_id TO decision_event_id`,
    sql`ALTER TABLE confirmations RENAME COLUMN settled_at TO decided_at`,
    sql`ALTER TABLE outbox RENAME COLUMN settled_at TO closed_at`,
    sql`ALTER TABLE report_items RENAME COLUMN settled_by TO closed_by`,
    sql`ALTER TABLE report_items RENAME COLUMN settled_at TO closed_at`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
  }
}
