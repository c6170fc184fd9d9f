import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';

import { SetupError } from '../../core/errors.ts';
import { makeFile } from './private-files.ts';

/** Held until it is released or the process ends, however that ends: the operating system lets go of it. */
export interface Lock {
  release(): void;
}

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly started_at: number;
}

/**
 * Takes a lock that one process can hold: a transaction that is kept open in a small SQLite file. Others
 * can still read who holds it.
 *
 * @param file the lock's own file, made if it is missing
 * @param of what is locked, in words: `the database data/lawspeaker.db`
 * @param key the configuration key that names it
 * @throws SetupError another process holds it, or the file can't be used
 */
export function takeLock(file: string, of: string, key: string): Lock {
  let db: Database.Database | undefined;
  try {
    makeFile(file);
    // Others are at it for a moment only, unless they hold it.
    db = new Database(file, { timeout: 0 });
    const token = randomUUID();
    for (;;) {
      db.exec('BEGIN IMMEDIATE');
      db.exec('CREATE TABLE IF NOT EXISTS holder (token TEXT, pid INT, host TEXT, started_at INT)');
      if (holderIn(db)?.token === token) {
        const held = db;
        return { release: () => held.close() };
      }
      // Only what is committed can be read by others. Who comes first after that holds it.
      db.exec('DELETE FROM holder');
      db.prepare('INSERT INTO holder VALUES (?, ?, ?, ?)').run(
        token,
        process.pid,
        hostname(),
        Math.round(performance.timeOrigin),
      );
      db.exec('COMMIT');
    }
  } catch (error) {
    const refusal = isBusy(error) ? heldBy(db, of, key) : cannotLock(file, error);
    db?.close();
    throw refusal;
  }
}

function holderIn(db: Database.Database): Holder | undefined {
  return db.prepare('SELECT * FROM holder').get() as Holder | undefined;
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('SQLITE_BUSY');
}

function heldBy(db: Database.Database | undefined, of: string, key: string): SetupError {
  return new SetupError(
    `Another Lawspeaker already uses ${of}${whoHolds(db)}.`,
    `Two would act on the same commands. Stop that one, or give this one a ${key} of its own.`,
  );
}

/** ` (process 4711 on chat1, started 2026-11-27 13:05 UTC)`, as far as it can be read. */
function whoHolds(db: Database.Database | undefined): string {
  try {
    const holder = db === undefined ? undefined : holderIn(db);
    if (holder === undefined) {
      return '';
    }
    const started = new Date(holder.started_at).toISOString().slice(0, 16).replace('T', ' ');
    return ` (process ${holder.pid} on ${holder.host}, started ${started} UTC)`;
  } catch {
    return '';
  }
}

function cannotLock(file: string, error: unknown): SetupError {
  return new SetupError(
    `The lock ${path.resolve(file)} can't be taken (${error instanceof Error ? error.message : String(error)}).`,
    'Check the permissions of its folder. If the file is damaged, delete it while no bot runs.',
  );
}
