import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** A tag lets rules look again at what the database has; the homeserver need not be asked about each report. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE report_items ADD COLUMN needs_rules INTEGER NOT NULL DEFAULT 0`.execute(db);
  await sql`CREATE INDEX report_items_rules ON report_items (id) WHERE needs_rules = 1`.execute(db);
}
