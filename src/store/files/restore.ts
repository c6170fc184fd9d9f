import { existsSync, realpathSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import Database from 'better-sqlite3';
import { sql } from 'kysely';

import { LawspeakerError, SetupError, StoreError } from '../../core/errors.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { reasonOf } from '../../core/system-error.ts';
import { isNewer, openDatabase } from '../database.ts';
import { openStore } from '../store.ts';
import { fileErrorAdvice, fileErrorCode } from './file-errors.ts';
import { takeLock } from './lock.ts';
import { databaseFiles, makeFile } from './private-files.ts';
import { giveTo, isSameFile, makeSingleFile, replaceDatabase } from './replace.ts';
import type { KeptDatabase } from './replace.ts';

/** What `restoreDatabase` did. */
export interface Restored {
  /** The number of rows in the restored audit log, and the hash of the last: `backup` shows the same. */
  readonly auditRows: number;
  readonly head: string;
  /** When its last entry was added, in milliseconds since 1970; undefined if it has none. */
  readonly lastAt: number | undefined;
  /** The database that was there before; undefined if there was none. */
  readonly kept: KeptDatabase | undefined;
}

/** Copies everything in one step. */
const allPages = 0x7fff_ffff;

/**
 * Puts a backup in the place of the database. Checks a copy of the backup first: whether it is intact, whether
 * it is a database of this program or an older version, the hash chain of its audit log, and whether that log
 * is append-only. Brings the copy up to date. Only then replaces the database that is there, and keeps it
 * under a name with the time. The backup itself stays as it is.
 *
 * @param file the database; its lock is held meanwhile
 * @param backup a file that `backupDatabase` made, or another copy of a database
 * @param now milliseconds since 1970
 * @throws SetupError a bot uses the database, or the backup or the folder is not usable; nothing was changed
 * @throws StoreError copying failed; unless the message says otherwise, nothing was changed
 */
export async function restoreDatabase(
  file: string,
  backup: string,
  now: number,
): Promise<Restored> {
  const from = path.resolve(backup.trim());
  const folder = path.dirname(path.resolve(file));
  try {
    assertOther(file, from);
    makeFolder(folder, 0o700);
    const lockFile = `${file}-lock`;
    const lock = takeLock(
      lockFile,
      `the database ${file}`,
      'database.path',
      'Stop it before you restore a backup.',
    );
    try {
      // SQLite follows a link, and keeps its other files beside what the link leads to.
      const place = existsSync(file) ? realpathSync(file) : path.resolve(file);
      const owner = statSync(existsSync(place) ? place : path.dirname(place));
      giveTo(owner, lockFile);
      const copy = `${place}-restoring`;
      if (isSameFile(from, copy)) {
        throw new SetupError(
          `${from} is what an interrupted restore has left.`,
          'Nothing was changed. Name the backup that it was copied from, or rename this file first.',
        );
      }
      try {
        await copyDatabase(from, copy);
        assertUsable(from, copy);
        const end = await checkAuditLog(from, copy);
        makeSingleFile(copy);
        giveTo(owner, copy);
        return { ...end, kept: replaceDatabase(place, copy, now) };
      } catch (error) {
        discard(copy);
        throw error;
      }
    } finally {
      lock.release();
    }
  } catch (error) {
    throw inWords(error, folder);
  }
}

/** Says in words what the file system or SQLite does not allow. */
function inWords(error: unknown, folder: string): unknown {
  const code = fileErrorCode(error);
  return code === undefined || error instanceof LawspeakerError
    ? error
    : new SetupError(
        `Can’t write to ${folder} (${code}).`,
        `Nothing was changed. ${fileErrorAdvice(code, folder)}`,
      );
}

/** @throws SetupError the backup is the database itself, or does not exist */
function assertOther(file: string, from: string): void {
  if (!existsSync(from)) {
    throw new SetupError(`There is no file ${from}.`, 'Name a file that lawspeaker backup made.');
  }
  if (isSameFile(file, from)) {
    throw new SetupError(`${from} is the database itself.`, 'Name a backup of it.');
  }
}

/** Copies with SQLite, which also reads what is in the file's write-ahead log. */
async function copyDatabase(from: string, copy: string): Promise<void> {
  removeDatabase(copy);
  let source: Database.Database | undefined;
  try {
    source = new Database(from, { readonly: true, fileMustExist: true });
    source.pragma('busy_timeout = 5000');
    source.pragma('schema_version');
  } catch (error) {
    source?.close();
    throw isDamage(error)
      ? notUsable(from, reasonOf(error))
      : new SetupError(
          `Can’t read ${from} (${reasonOf(error)}).`,
          'Nothing was changed. Check its permissions, or copy it to a folder that this account can write to.',
        );
  }
  try {
    makeFile(copy);
    await source.backup(copy, { progress: () => allPages });
  } catch (error) {
    throw isDamage(error)
      ? notUsable(from, reasonOf(error))
      : new StoreError(
          `copying the backup failed (${reasonOf(error)})`,
          `Nothing was changed. ${fileErrorAdvice(fileErrorCode(error), path.dirname(copy))}`,
        );
  } finally {
    source.close();
  }
}

/** @throws SetupError the file is damaged, of another program, or newer than this program */
function assertUsable(from: string, copy: string): void {
  const db = new Database(copy, { fileMustExist: true });
  try {
    const found = db.pragma('integrity_check(1)', { simple: true });
    if (found !== 'ok') {
      throw notUsable(from, String(found).split('\n', 1)[0] ?? '');
    }
    const isOurs = db
      .prepare(
        `SELECT count(*) = 2 FROM sqlite_schema WHERE type = 'table' AND name IN ('audit_log', 'kysely_migration')`,
      )
      .pluck()
      .get();
    if (isOurs !== 1) {
      throw new SetupError(
        `${from} is not a database of Lawspeaker.`,
        'Nothing was changed. Name a file that lawspeaker backup made.',
      );
    }
    if (isNewer(db)) {
      throw new SetupError(
        `${from} is from a newer Lawspeaker.`,
        'Nothing was changed. Install the version that made it, or a newer one.',
      );
    }
  } catch (error) {
    throw isDamage(error) ? notUsable(from, reasonOf(error)) : error;
  } finally {
    db.close();
  }
}

/**
 * Brings the copy up to date, and verifies its audit log.
 *
 * @throws SetupError somebody has changed the log, or it can be changed
 */
async function checkAuditLog(
  from: string,
  copy: string,
): Promise<Pick<Restored, 'auditRows' | 'head' | 'lastAt'>> {
  const store = await openStore(copy);
  try {
    const posted = await store.anchor.get();
    const { count, head, fault } = await store.auditLog.verify(
      posted === undefined ? [] : [posted],
    );
    if (fault !== undefined) {
      throw new SetupError(
        `The audit log in ${from} was tampered with: row ${fault.id} is ${fault.kind}.`,
        'Nothing was changed. Use an older backup, or see docs/running.md.',
      );
    }
    await assertAppendOnly(from, copy);
    const [last] = await store.auditLog.search({ limit: 1 });
    return { auditRows: count, head, lastAt: last?.at };
  } finally {
    await store.close();
  }
}

/**
 * Only somebody who changes the database by hand removes or changes these triggers. They may also have
 * rewritten the log with all its hashes: then the chain proves nothing.
 *
 * @throws SetupError the triggers that keep the audit log append-only differ from those of a new database
 */
async function assertAppendOnly(from: string, copy: string): Promise<void> {
  const [found, expected] = [await appendOnlyTriggers(copy), await appendOnlyTriggers(':memory:')];
  if (!isDeepStrictEqual(found, expected)) {
    throw new SetupError(
      `The audit log in ${from} is not append-only: somebody has removed or changed its triggers.`,
      'Nothing was changed. Use another backup, or see docs/running.md.',
    );
  }
}

/** The triggers that refuse to change the audit log, by name. */
async function appendOnlyTriggers(file: string): Promise<ReadonlyMap<string, string>> {
  const db = await openDatabase(file);
  try {
    const { rows } = await sql<{ name: string; sql: string }>`
      SELECT name, sql FROM sqlite_schema
      WHERE type = 'trigger' AND tbl_name = 'audit_log' AND sql LIKE '%RAISE%' ORDER BY name
    `.execute(db);
    return new Map(rows.map((row) => [row.name, row.sql.replaceAll(/\s+/gu, ' ')]));
  } finally {
    await db.destroy();
  }
}

/** Removes the copy if that is possible: the next run does it, too. */
function discard(copy: string): void {
  try {
    removeDatabase(copy);
  } catch {
    // What has failed before is the error to show.
  }
}

function removeDatabase(file: string): void {
  databaseFiles(file).forEach((name) => rmSync(name, { force: true }));
}

function notUsable(from: string, reason: string): SetupError {
  return new SetupError(
    `${from} is damaged, or not a database (${reason}).`,
    'Nothing was changed. Use another backup.',
  );
}

function isDamage(error: unknown): boolean {
  return error instanceof Database.SqliteError && /^SQLITE_(?:NOTADB|CORRUPT)/u.test(error.code);
}
