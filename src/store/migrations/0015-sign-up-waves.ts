import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** The waves of new accounts that rules on sign-ups have alerted people about. A rule has one at a time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    CREATE TABLE sign_up_waves (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      rule TEXT NOT NULL,
      started_at INTEGER NOT NULL,
      newest_at INTEGER NOT NULL,
      accounts INTEGER NOT NULL,
      alerted_at INTEGER NOT NULL,
      alerted_accounts INTEGER NOT NULL,
      shown_accounts INTEGER NOT NULL,
      revision INTEGER NOT NULL DEFAULT 0,
      ended_at INTEGER
    ) STRICT`.execute(db);
  await sql`
    CREATE UNIQUE INDEX sign_up_waves_open ON sign_up_waves (rule) WHERE ended_at IS NULL`.execute(
    db,
  );
}
