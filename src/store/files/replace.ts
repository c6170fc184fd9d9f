import {
  constants,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';

import Database from 'better-sqlite3';

import { SetupError, StoreError } from '../../core/errors.ts';
import { fileErrorAdvice, fileErrorCode } from './file-errors.ts';
import { databaseFiles } from './private-files.ts';

/** The database that was replaced. */
export interface KeptDatabase {
  /** Where it is now. */
  readonly file: string;
  /** The number of rows in its audit log; undefined if it can't be read. */
  readonly auditRows: number | undefined;
}

const busyTimeoutMs = 1000;

/**
 * Puts a prepared database in the place of another. Whatever stops the process or the machine meanwhile,
 * the place holds the whole old database or the whole new one, and SQLite never applies the old one's
 * write-ahead log to the new one. The old database is kept under a name with the time.
 *
 * Each step is on the disk before the next begins:
 *
 * 1. SQLite moves the old write-ahead log into the old file, which is then complete on its own.
 * 2. The old file gets its second name.
 * 3. What is left of an unreadable database's log is removed; it has a second name, too.
 * 4. The prepared file is renamed to the place.
 *
 * @param place the database's path, without links in it; no bot uses it
 * @param prepared a single database file in the same folder: see `makeSingleFile`
 * @param now milliseconds since 1970
 * @returns the old database; undefined if there was none
 * @throws SetupError another program has the old database open; nothing was changed
 * @throws Error of the file system; before step 4, the place still holds the old database
 */
export function replaceDatabase(
  place: string,
  prepared: string,
  now: number,
): KeptDatabase | undefined {
  const folder = path.dirname(place);
  removeInterrupted(place);
  // SQLite deletes the log beside a file that is not a database.
  const auditRows = isDatabase(place) ? mergeLog(place) : undefined;
  const present = databaseFiles(place).filter((name) => existsSync(name));
  const kept = freeName(
    `${place}${keptEnding}${new Date(now).toISOString().slice(0, 19).replaceAll(':', '-')}Z`,
  );
  try {
    present.forEach((name) => addName(name, kept + name.slice(place.length)));
    sync(folder);
    present.filter((name) => name !== place).forEach((name) => rmSync(name));
    sync(folder);
    renameSync(prepared, place);
  } catch (error) {
    tidyUp(place);
    throw error;
  }
  syncNewName(folder);
  return present.length === 0 ? undefined : { file: kept, auditRows };
}

/** Makes a database a single file that is complete on the disk. The bot sets WAL again when it opens it. */
export function makeSingleFile(file: string): void {
  const db = new Database(file, { fileMustExist: true });
  try {
    db.pragma('journal_mode = DELETE');
  } finally {
    db.close();
  }
  sync(file);
}

/** What each database begins with. Source: “Database File Format” of SQLite. */
const magic = Buffer.from('SQLite format 3\0');

/** Whether a file says that it is a database of SQLite. It may be damaged all the same. */
function isDatabase(file: string): boolean {
  if (!existsSync(file)) {
    return false;
  }
  const start = Buffer.alloc(magic.length);
  const handle = openSync(file, 'r');
  try {
    readSync(handle, start);
  } finally {
    closeSync(handle);
  }
  return start.equals(magic);
}

/**
 * Moves the write-ahead log into the database file, and removes the log.
 *
 * @returns the number of rows in the audit log; undefined if the database can't be read
 * @throws SetupError another program has it open
 * @throws Error it can't be written
 */
function mergeLog(place: string): number | undefined {
  let db: Database.Database | undefined;
  try {
    db = new Database(place, { fileMustExist: true, timeout: busyTimeoutMs });
    // Only the last connection can change this mode, and SQLite then removes the other files.
    db.pragma('journal_mode = DELETE');
    return db.prepare('SELECT count(*) FROM audit_log').pluck().get() as number;
  } catch (error) {
    const code = fileErrorCode(error) ?? '';
    if (/^SQLITE_(?:BUSY|LOCKED)/u.test(code)) {
      throw new SetupError(
        `Another program has the database ${place} open.`,
        'Nothing was changed. Close that program, then try again.',
      );
    }
    if (/^SQLITE_(?:CANTOPEN|FULL|PERM|READONLY)/u.test(code)) {
      throw error;
    }
    return undefined;
  } finally {
    db?.close();
  }
}

const keptEnding = '.before-restore-';
const partEnding = '.part';

/** The name, or `NAME-2`, `NAME-3`, … if a database of the same second has it already. */
function freeName(name: string): string {
  for (let at = 2, free = name; ; at += 1) {
    if (!databaseFiles(free).some((file) => existsSync(file))) {
      return free;
    }
    free = `${name}-${at}`;
  }
}

/** Removes what an interrupted run has left: half a copy, or a second name of the database in its place. */
function removeInterrupted(place: string): void {
  const folder = path.dirname(place);
  readdirSync(folder)
    .filter((name) => name.startsWith(path.basename(place) + keptEnding))
    .map((name) => path.join(folder, name))
    .filter((name) => name.endsWith(partEnding) || isSecondName(name, place))
    .forEach((name) => rmSync(name));
}

/** Removes what it can: the next run does the same. */
function tidyUp(place: string): void {
  try {
    removeInterrupted(place);
  } catch {
    // What has failed before is the error to show.
  }
}

/** Whether two names are of one file, and the first has no write-ahead log that the second lacks. */
function isSecondName(name: string, place: string): boolean {
  const [, ...others] = databaseFiles(name);
  return isSameFile(name, place) && !others.some((other) => existsSync(other));
}

/** Whether two names lead to one file. */
export function isSameFile(one: string, other: string): boolean {
  const [first, second] = [one, other].map((name) =>
    statSync(name, { bigint: true, throwIfNoEntry: false }),
  );
  return first !== undefined && first.ino === second?.ino && first.dev === second.dev;
}

/** The errors of a file system that has no hard links, or does not let this account make them. */
const noLinks = new Set(['EACCES', 'EMLINK', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EPERM']);

/** Gives a file a second name. If that is not possible, copies it. */
function addName(name: string, to: string): void {
  try {
    linkSync(name, to);
  } catch (error) {
    if (!noLinks.has(fileErrorCode(error) ?? '')) {
      throw error;
    }
    const part = to + partEnding;
    copyFileSync(name, part, constants.COPYFILE_FICLONE);
    giveTo(statSync(name), part);
    sync(part);
    renameSync(part, to);
  }
}

/** If root restores a database, the bot's account must be able to open it. */
export function giveTo({ uid, gid }: { uid: number; gid: number }, file: string): void {
  if (process.getuid?.() === 0) {
    chownSync(file, uid, gid);
  }
}

/** The new database is in its place: a fault of the disk must not say that nothing was changed. */
function syncNewName(folder: string): void {
  try {
    sync(folder);
  } catch (error) {
    const code = fileErrorCode(error);
    throw new StoreError(
      `the backup is in place, but the disk does not confirm it (${code ?? String(error)})`,
      fileErrorAdvice(code, folder),
    );
  }
}

/** Returns when a file's content, or a folder's names, are on the disk. */
function sync(place: string): void {
  const handle = openSync(place, 'r');
  try {
    fsyncSync(handle);
  } catch (error) {
    // Some network file systems can't do this for folders.
    if (fileErrorCode(error) !== 'EINVAL') {
      throw error;
    }
  } finally {
    closeSync(handle);
  }
}
