import { setTimeout as wait } from 'node:timers/promises';

import { sql } from 'kysely';
import type { Kysely } from 'kysely';

import { StoreError } from '../core/errors.ts';
import { dialectOf } from './dialect.ts';
import type { Tables } from './schema.ts';
import { auditSearch } from './tables/audit/audit-search.ts';

/**
 * Rewrites a database, so that nothing that was deleted is left in it. Nothing else can be done meanwhile.
 *
 * @throws StoreError another program is reading it
 */
export async function compactDatabase(db: Kysely<Tables>): Promise<void> {
  await auditSearch(db).compact();
  await (dialectOf(db) === 'sqlite' ? rewriteFile(db) : rewriteTables(db));
}

async function rewriteFile(db: Kysely<Tables>): Promise<void> {
  await sql`VACUUM`.execute(db);
  await emptyLog(db);
}

/** How often, and with which pause, to try to empty the write-ahead log while another program reads. */
const emptyTries = 20;
const emptyPauseMs = 500;

/** Moves all that is in the write-ahead log into the file, and empties the log. */
async function emptyLog(db: Kysely<Tables>): Promise<void> {
  for (let tries = 0; tries < emptyTries; tries += 1) {
    const { rows } = await sql<{ busy: number }>`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db);
    if (rows[0]?.busy !== 1) {
      return;
    }
    await wait(emptyPauseMs);
  }
  throw new StoreError(
    'another program is reading the database',
    'End it: a backup, an export, or the sqlite3 program.',
  );
}

async function rewriteTables(db: Kysely<Tables>): Promise<void> {
  const { rows } = await sql<{ names: string }>`
    SELECT string_agg(format('%I', relname), ', ') AS names FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
      AND NOT starts_with(relname, 'lawspeaker_')`.execute(db);
  await db.connection().execute(async (connection) => {
    await sql`SET statement_timeout = 0`.execute(connection);
    await sql.raw(`SET lock_timeout = ${lockTimeoutMs}`).execute(connection);
    try {
      // Statistics for the planner quote values.
      await sql`VACUUM (FULL, ANALYZE) ${sql.raw(rows[0]?.names ?? '')}`.execute(connection);
      await forgetStatistics(connection);
    } finally {
      await sql`RESET statement_timeout`.execute(connection);
      await sql`RESET lock_timeout`.execute(connection);
    }
  });
}

/** Tables that can be empty once people are forgotten. */
const emptiedTables: readonly (keyof Tables)[] = ['notes', 'tags'];

/** Of a table that is empty now, ANALYZE keeps the statistics from before. A column that is set anew has none. */
async function forgetStatistics(db: Kysely<Tables>): Promise<void> {
  for (const table of emptiedTables) {
    const columns = await sql<{ name: string }>`
      SELECT attname::text AS name FROM pg_stats
      JOIN information_schema.columns AS info
        ON info.table_schema = schemaname AND info.table_name = tablename AND info.column_name = attname
      WHERE schemaname = current_schema() AND tablename = ${table} AND info.data_type = 'text'
        AND NOT EXISTS (SELECT 1 FROM ${sql.table(table)})`.execute(db);
    for (const { name } of columns.rows) {
      await sql`
        ALTER TABLE ${sql.table(table)} ALTER COLUMN ${sql.ref(name)} TYPE TEXT COLLATE "C"`.execute(
        db,
      );
    }
  }
}

/** A backup reads all tables for as long as it takes. Nothing else could be done while their rewriting waits for it. */
const lockTimeoutMs = 5000;
