import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  statSync,
} from 'node:fs';
import path from 'node:path';

import { SetupError } from '../../core/errors.ts';

/** Told when a file or folder stays readable or writable for others. */
export type Warn = (warning: string) => void;

const fileMode = 0o600;
const folderMode = 0o700;
/** What SQLite and the bot put beside a database file. */
const companions = ['', '-wal', '-shm', '-journal', '-lock', '-lock-journal'];
const openToOthers = 0o077;
const writableByOthers = 0o022;
const sticky = 0o1000;

/**
 * Makes the database file if it is missing, and takes it, the files that SQLite puts beside it, and its
 * folder away from every other user, whatever their modes were.
 *
 * A folder that holds anything else, or belongs to somebody else, is shared (`/tmp`, `/var/lib`): its mode
 * is the operator's business. If other users may replace files in it, `warn` is told.
 *
 * @throws SetupError the folder or the file can't be made
 */
export function makeDatabasePrivate(file: string, warn: Warn): void {
  const folder = path.dirname(path.resolve(file));
  try {
    mkdirSync(folder, { recursive: true, mode: folderMode });
    // SQLite gives its other files the mode of this one.
    makeFile(file);
    // Said before its mode is changed: what its owner has closed stays closed.
    accessSync(file, constants.R_OK | constants.W_OK);
  } catch (error) {
    throw cannotBeOpened(file, error);
  }
  const own = new Set(companions.map((ending) => path.basename(file) + ending));
  own.forEach((name) => makePrivate(path.join(folder, name), fileMode, warn));
  if (isOwn(folder) && readdirSync(folder).every((name) => own.has(name))) {
    makePrivate(folder, folderMode, warn);
  } else {
    warnIfShared(folder, warn);
  }
}

/**
 * Makes a folder that is the bot's alone, or takes it, and the files right in it, away from every other
 * user.
 *
 * @throws SetupError it can't be made
 */
export function makeFolderPrivate(folder: string, warn: Warn): void {
  try {
    mkdirSync(folder, { recursive: true, mode: folderMode });
  } catch (error) {
    throw new SetupError(
      `The folder ${folder} can't be made (${codeOf(error)}).`,
      'Check the path and its permissions.',
    );
  }
  makePrivate(folder, folderMode, warn);
}

/** Makes an empty file that its owner alone can read, if there is none. */
export function makeFile(file: string): void {
  try {
    // Never opened if it is there: closing it would drop the locks that this process holds on it.
    closeSync(openSync(file, 'wx', fileMode));
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') {
      throw error;
    }
  }
}

export function cannotBeOpened(file: string, error: unknown): SetupError {
  return new SetupError(
    `The database ${file} can't be opened (${error instanceof Error ? error.message : String(error)}).`,
    'Check database.path, the permissions and the free space; a damaged file can be replaced by a backup.',
  );
}

function makePrivate(place: string, mode: number, warn: Warn): void {
  const found = statSync(place, { throwIfNoEntry: false });
  if (found === undefined || (found.mode & openToOthers) === 0) {
    return;
  }
  try {
    chmodSync(place, mode);
  } catch (error) {
    warn(
      `${place} can be read by other users of this machine, and its mode can't be changed (${codeOf(error)}). ` +
        `Its owner can: chmod ${mode.toString(8)} ${place}`,
    );
  }
}

function isOwn(folder: string): boolean {
  return statSync(folder).uid === process.getuid?.();
}

function warnIfShared(folder: string, warn: Warn): void {
  const { mode } = statSync(folder);
  if ((mode & writableByOthers) !== 0 && (mode & sticky) === 0) {
    warn(
      `Other users of this machine may replace files in ${folder}, the database too. ` +
        'Give the database a folder of its own.',
    );
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
