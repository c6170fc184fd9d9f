import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Finds closed reports that still say whom they are about. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE INDEX report_items_closed ON report_items (closed_at)
    WHERE closed_at IS NOT NULL AND coalesce(sender, '') NOT GLOB '@forgotten-*:invalid'`.execute(
    db,
  );
}
