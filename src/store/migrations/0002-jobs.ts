import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Timed reversals: what takes an action back, and when. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE jobs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      line TEXT NOT NULL,
      run_at INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'failed', 'stopped')),
      asked_by TEXT NOT NULL,
      intent_id INTEGER NOT NULL REFERENCES audit_log (id),
      event_id TEXT NOT NULL,
      room_id TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      ended_at INTEGER
    ) STRICT`.execute(db);
  await sql`CREATE INDEX jobs_waiting ON jobs (run_at) WHERE state = 'waiting'`.execute(db);
}
