import type { Client } from 'pg';

import { beginWriting, writeLock } from '../locks.ts';

/** Not part of the migrations: those are the leader's work, and one has to lead first. */
const tables = `
  ${beginWriting};
  ${writeLock};
  CREATE TABLE IF NOT EXISTS lawspeaker_lease (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL,
    holder text NOT NULL,
    ends_at timestamptz NOT NULL
  );
  CREATE TABLE IF NOT EXISTS lawspeaker_processes (
    id text PRIMARY KEY,
    host text NOT NULL,
    pid bigint NOT NULL,
    version text NOT NULL,
    started_at bigint NOT NULL,
    seen_at timestamptz NOT NULL
  );
  CREATE UNLOGGED TABLE IF NOT EXISTS lawspeaker_intact (holder text PRIMARY KEY);
  COMMIT`;

/** Only at the very first start: it waits for those who write. */
export async function makeTables(client: Client): Promise<void> {
  const { rows } = await client.query<{ is_there: boolean }>(
    `SELECT to_regclass('lawspeaker_intact') IS NOT NULL AS is_there`,
  );
  if (rows[0]?.is_there !== true) {
    await client.query(tables);
  }
}
