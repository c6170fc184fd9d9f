import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Renames tables and columns to the words that the code uses. Their content stays as it is. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`ALTER TABLE confirmations RENAME COLUMN settled_by TO decided_by`,
    sql`ALTER TABLE confirmations RENAME COLUMN settled_event_id TO decision_event_id`,
    sql`ALTER TABLE confirmations RENAME COLUMN settled_at TO decided_at`,
    sql`ALTER TABLE outbox RENAME COLUMN settled_at TO closed_at`,
    sql`ALTER TABLE report_items RENAME COLUMN settled_by TO closed_by`,
    sql`ALTER TABLE report_items RENAME COLUMN settled_at TO closed_at`,
    sql`ALTER TABLE rule_firings RENAME TO rule_matches`,
    sql`ALTER TABLE set_aside RENAME TO damaged_rows`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
  }
}
