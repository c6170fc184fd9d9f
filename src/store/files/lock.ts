import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';

import { SetupError } from '../../core/errors.ts';
import { systemCodeOf } from '../../core/system-error.ts';
import { fileErrorAdvice, fileErrorCode } from './file-errors.ts';
import { makeFile } from './private-files.ts';

/** Held until it is released or the process ends. The operating system releases it even after a crash. */
export interface Lock {
  release(): void;
}

/** Of a database. */
export interface DatabaseLock {
  release(): Promise<void>;
  /** Only of a lock that another process takes over if this one doesn't renew it. */
  readonly lease?: Lease;
}

/** What a process knows of the lock that it renews. */
export interface Lease {
  /**
   * Part of a query, which gives a row as long as no other process has taken over, whose `is_intact` is false once
   * commits may be lost.
   */
  readonly fence: string;
  /** @throws StoreError it was not renewed in time: another process may act by now */
  assertHeld(): void;
  /** Rejects once another process has taken over, or commits may be lost. */
  readonly lost: Promise<never>;
  /** All processes that use the database, the oldest first. */
  processes(): Promise<readonly BotProcess[]>;
}

/** A process of the bot. One leads, the others stand by. */
export interface BotProcess {
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly leads: boolean;
}

interface Holder {
  readonly token: string;
  readonly pid: number;
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly started_at: number;
}

const momentMs = 100;

/**
 * Takes a lock that one process can hold: an open transaction in a small SQLite file. Other processes can
 * still read who holds it.
 *
 * @param file the lock's own file, created if it is missing
 * @param of what is locked, for messages: `the database data/lawspeaker.db`
 * @param key the configuration key of the path, for messages
 * @param advice what to do if another process holds it
 * @throws SetupError another process holds it, or the file can't be used
 */
export function takeLock(
  file: string,
  of: string,
  key: string,
  advice = `Two bots would act on the same commands. Stop the other one, or set ${key} to another path.`,
): Lock {
  let db: Database.Database | undefined;
  try {
    makeFile(file);
    // If the lock is free, others only use the file for a moment: to take it too, or to look at it.
    db = new Database(file, { timeout: momentMs });
    const token = randomUUID();
    for (;;) {
      db.exec('BEGIN IMMEDIATE');
      db.exec('CREATE TABLE IF NOT EXISTS holder (token TEXT, pid INT, host TEXT, started_at INT)');
      if (holderIn(db)?.token === token) {
        const held = db;
        return {
          release() {
            held.close();
          },
        };
      }
      // Others can only read what is committed. The first to start a transaction after that has the lock.
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
    const refusal = isBusy(error) ? heldBy(db, of, advice) : cannotLock(file, error);
    db?.close();
    throw refusal;
  }
}

/**
 * Who holds a lock: ` (process 4711 on chat1, started 2026-11-27 13:05 UTC)`, or empty if that is not known.
 *
 * @returns undefined if nobody holds it
 */
export function lockHolder(file: string): string | undefined {
  let db: Database.Database | undefined;
  try {
    db = new Database(file, { timeout: 0, fileMustExist: true });
    db.exec('BEGIN IMMEDIATE; ROLLBACK');
    return undefined;
  } catch (error) {
    return isBusy(error) ? whoHolds(db) : undefined;
  } finally {
    db?.close();
  }
}

function holderIn(db: Database.Database): Holder | undefined {
  return db.prepare('SELECT * FROM holder').get() as Holder | undefined;
}

function isBusy(error: unknown): boolean {
  return systemCodeOf(error).startsWith('SQLITE_BUSY');
}

function heldBy(db: Database.Database | undefined, of: string, advice: string): SetupError {
  return new SetupError(`Another Lawspeaker already uses ${of}${whoHolds(db)}.`, advice);
}

/** ` (process 4711 on chat1, started 2026-11-27 13:05 UTC)`, or empty if it can't be read. */
function whoHolds(db: Database.Database | undefined): string {
  try {
    const holder = db === undefined ? undefined : holderIn(db);
    if (holder === undefined) {
      return '';
    }
    return processText({ ...holder, startedAt: holder.started_at });
  } catch {
    return '';
  }
}

/** ` (process 4711 on chat1, started 2026-11-27 13:05 UTC)`. */
export function processText({
  pid,
  host,
  startedAt,
}: Pick<BotProcess, 'host' | 'pid' | 'startedAt'>): string {
  const started = new Date(startedAt).toISOString().slice(0, 16).replace('T', ' ');
  return ` (process ${pid} on ${host}, started ${started} UTC)`;
}

function cannotLock(file: string, error: unknown): SetupError {
  const code = fileErrorCode(error);
  const isDamaged = code === 'SQLITE_NOTADB' || code?.startsWith('SQLITE_CORRUPT') === true;
  return new SetupError(
    `Can't take the lock ${path.resolve(file)} (${code ?? String(error)}).`,
    isDamaged
      ? 'The file is damaged. Delete it while no bot is running.'
      : fileErrorAdvice(code, path.dirname(path.resolve(file))),
  );
}
