import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Rows that can't be read: kept as they were, out of the way of the others. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE set_aside (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      at INTEGER NOT NULL,
      source TEXT NOT NULL,
      row_key TEXT NOT NULL,
      content TEXT NOT NULL,
      reason TEXT NOT NULL
    ) STRICT`.execute(db);
}
