import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Messages with secrets that stand in direct rooms, to be redacted. What they say is not stored. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE secrets (
      id TEXT PRIMARY KEY,
      room_id TEXT NOT NULL,
      user_id TEXT NOT NULL,
      event_id TEXT,
      due_at INTEGER NOT NULL
    ) STRICT`.execute(db);
}
