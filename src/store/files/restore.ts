import {
  chownSync,
  existsSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';

import Database from 'better-sqlite3';

import { SetupError, StoreError } from '../../core/errors.ts';
import { isNewer } from '../database.ts';
import { openStore } from '../store.ts';
import { takeLock } from './lock.ts';
import { databaseFiles, makeFile } from './private-files.ts';

/** What `restoreDatabase` did. */
export interface Restored {
  /** The number of rows in the restored audit log, and the hash of the last: `backup` shows the same. */
  readonly auditRows: number;
  readonly head: string;
  /** When its last entry was added, in milliseconds since 1970; undefined if it has none. */
  readonly lastAt: number | undefined;
  /** The database that was there before; undefined if there was none. */
  readonly movedAside:
    | {
        readonly file: string;
        /** Undefined if it can't be read. */
        readonly auditRows: number | undefined;
      }
    | undefined;
}

/** Copies everything in one step. */
const allPages = 0x7fff_ffff;

/**
 * Puts a backup in the place of the database. Checks a copy of the backup first: whether it is intact, whether
 * it is a database of this program or an older version, and the hash chain of its audit log. Brings the copy
 * up to date. Only then moves the database that is there aside, under a name with the time. The backup itself
 * stays as it is.
 *
 * @param file the database; its lock is held meanwhile
 * @param backup a file that `backupDatabase` made, or another copy of a database
 * @param now milliseconds since 1970
 * @throws SetupError a bot uses the database, or the backup is not usable; nothing was changed
 * @throws StoreError copying failed; nothing was changed
 */
export async function restoreDatabase(
  file: string,
  backup: string,
  now: number,
): Promise<Restored> {
  const from = path.resolve(backup.trim());
  assertOther(file, from);
  mkdirSync(path.dirname(path.resolve(file)), { recursive: true, mode: 0o700 });
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
    try {
      await copyDatabase(from, copy);
      assertUsable(from, copy);
      const end = await checkChain(from, copy);
      giveTo(owner, copy);
      const movedAside = moveAside(place, now);
      renameSync(copy, place);
      await syncFolder(path.dirname(place));
      return { ...end, movedAside };
    } finally {
      removeDatabase(copy);
    }
  } finally {
    lock.release();
  }
}

/** @throws SetupError the backup is the database itself, or does not exist */
function assertOther(file: string, from: string): void {
  if (!existsSync(from)) {
    throw new SetupError(`There is no file ${from}.`, 'Name a file that lawspeaker backup made.');
  }
  if (existsSync(file) && realpathSync(file) === realpathSync(from)) {
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
      : new SetupError(`Can’t read ${from} (${reasonOf(error)}).`, 'Check its permissions.');
  }
  try {
    makeFile(copy);
    await source.backup(copy, { progress: () => allPages });
  } catch (error) {
    throw isDamage(error)
      ? notUsable(from, reasonOf(error))
      : new StoreError(
          `copying the backup failed (${reasonOf(error)})`,
          'Nothing was changed. Check the free disk space and the permissions of the database’s folder.',
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

/** Brings the copy up to date, and verifies its audit log. @throws SetupError the log was tampered with */
async function checkChain(
  from: string,
  copy: string,
): Promise<Pick<Restored, 'auditRows' | 'head' | 'lastAt'>> {
  const store = await openStore(copy);
  try {
    const { count, head, fault } = await store.auditLog.verify(await store.anchor.get());
    if (fault !== undefined) {
      throw new SetupError(
        `The audit log in ${from} was tampered with: row ${fault.id} is ${fault.kind}.`,
        'Nothing was changed. Use an older backup, or see docs/running.md.',
      );
    }
    const [last] = await store.auditLog.search({ limit: 1 });
    return { auditRows: count, head, lastAt: last?.at };
  } finally {
    await store.close();
  }
}

/** Moves a database with its other files, so that it can still be opened under its new name. */
function moveAside(place: string, now: number): Restored['movedAside'] {
  const present = databaseFiles(place).filter((name) => existsSync(name));
  if (present.length === 0) {
    return undefined;
  }
  const auditRows = rowsIn(place);
  const time = new Date(now).toISOString().slice(0, 19).replaceAll(':', '-');
  const aside = `${place}.before-restore-${time}Z`;
  if (existsSync(aside)) {
    throw new StoreError(`${aside} already exists`, 'Nothing was changed. Try again in a second.');
  }
  databaseFiles(place)
    .filter((name) => existsSync(name))
    .forEach((name) => renameSync(name, aside + name.slice(place.length)));
  return { file: aside, auditRows };
}

/** Closing it also folds its write-ahead log into the file, unless it can't be read. */
function rowsIn(place: string): number | undefined {
  let db: Database.Database | undefined;
  try {
    db = new Database(place, { fileMustExist: true });
    return db.prepare('SELECT count(*) FROM audit_log').pluck().get() as number;
  } catch {
    return undefined;
  } finally {
    db?.close();
  }
}

/** If root restores a database, the bot's account must be able to open it. */
function giveTo({ uid, gid }: { uid: number; gid: number }, file: string): void {
  if (process.getuid?.() === 0) {
    chownSync(file, uid, gid);
  }
}

function removeDatabase(file: string): void {
  databaseFiles(file).forEach((name) => rmSync(name, { force: true }));
}

/** The new name is on the disk, too. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
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

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
