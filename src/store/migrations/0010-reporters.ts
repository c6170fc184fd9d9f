import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** An index to find the newest report of each person on an item. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`CREATE INDEX reports_item_reporter ON reports (item_id, reporter, received_ts)`.execute(
    db,
  );
}
