import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmdirSync,
  statSync,
} from 'node:fs';
import path from 'node:path';

import { SetupError } from '../../core/errors.ts';
import { makeFolder } from '../../core/make-folder.ts';
import { isHidden, isOpenToOthers } from '../../core/open-files.ts';
import type { OpenPlace } from '../../core/open-files.ts';
import { reasonOf, systemCodeOf } from '../../core/system-error.ts';

/** Called if a file or folder stays readable or writable for other users. */
export type Warn = (warning: string) => void;

const fileMode = 0o600;
const folderMode = 0o700;
/** A database file, and the files that SQLite creates next to it. */
const databaseEndings = ['', '-wal', '-shm', '-journal'];
/** And the lock. */
const companions = [...databaseEndings, '-lock', '-lock-journal'];
const openToOthers = 0o077;
const writableByOthers = 0o022;
const sticky = 0o1000;

/**
 * Creates the database file if it is missing. Makes it, the files that SQLite creates next to it, and its
 * folder private: other users can't read or write them.
 *
 * A folder with other files in it, or of another owner, is shared (`/tmp`, `/var/lib`): its mode is the
 * operator's choice. If other users can replace files in it, `warn` is called.
 *
 * @throws SetupError the folder or the file can't be created
 */
export function makeDatabasePrivate(file: string, warn: Warn): void {
  const folder = path.dirname(path.resolve(file));
  try {
    makeFolder(folder, folderMode);
    // SQLite creates its other files with the same mode.
    makeFile(file);
    // Checked before the mode is changed: a file that its owner made read-only stays so.
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
 * Whether there is a database file already. Leaves nothing behind.
 *
 * @throws SetupError it can't be written, or can't be created
 */
export function isDatabaseThere(file: string): boolean {
  try {
    if (existsSync(file)) {
      accessSync(file, constants.R_OK | constants.W_OK);
      return true;
    }
    assertCreatable(path.dirname(path.resolve(file)));
    return false;
  } catch (error) {
    throw cannotBeOpened(file, error);
  }
}

/** @throws Error nothing can be created in this folder, or the folder can't be */
function assertCreatable(folder: string): void {
  if (existsSync(folder)) {
    accessSync(folder, constants.W_OK | constants.X_OK);
    // Permissions don't tell everything: root may write to `/proc`, but nothing can be created there.
    rmdirSync(mkdtempSync(path.join(folder, '.lawspeaker-check-')));
  } else {
    assertCreatable(path.dirname(folder));
  }
}

/**
 * Where other users can read or write the files of a database, or other private files or folders, and where
 * this user can't look.
 */
export function openPlaces(database: string | undefined, others: readonly string[]): OpenPlace[] {
  const files = database === undefined ? [] : companions.map((ending) => database + ending);
  const places = [...files, ...others].map((name) => path.resolve(name));
  const folder = database === undefined ? undefined : path.dirname(path.resolve(database));
  return [
    ...(folder !== undefined && isShared(folder)
      ? [{ message: sharedFolder(folder), advice: sharedFolderAdvice(folder) }]
      : []),
    ...places.flatMap((place) => {
      if (!isOpenToOthers(place, openToOthers)) {
        return [];
      }
      const mode = statSync(place).isDirectory() ? folderMode : fileMode;
      return [
        {
          message: `Other users of this machine can read ${place}.`,
          advice: `Run: chmod ${mode.toString(8)} ${place}`,
        },
      ];
    }),
    ...[...(database === undefined ? [] : [database]), ...others]
      .map((name) => path.resolve(name))
      .filter(isHidden)
      .map((place) => ({
        message: `This user can’t see who can read ${place}.`,
        advice: 'Run check-config as the account that the bot runs as.',
      })),
  ];
}

/**
 * Creates a folder if it is missing, and makes it private.
 *
 * @throws SetupError it can't be created
 */
export function makeFolderPrivate(folder: string, warn: Warn): void {
  try {
    makeFolder(folder, folderMode);
  } catch (error) {
    throw new SetupError(
      `Can't create the folder ${folder} (${systemCodeOf(error)}).`,
      'Check the path and its permissions.',
    );
  }
  makePrivate(folder, folderMode, warn);
}

/** Creates an empty private file, if there is none. */
export function makeFile(file: string): void {
  try {
    // Never opens an existing file: closing it would drop the locks that this process holds on it.
    closeSync(openSync(file, 'wx', fileMode));
  } catch (error) {
    if (systemCodeOf(error) !== 'EEXIST') {
      throw error;
    }
  }
}

/** The names of a database file and of the files that SQLite creates next to it, whether they exist or not. */
export function databaseFiles(file: string): string[] {
  return databaseEndings.map((ending) => file + ending);
}

export function cannotBeOpened(file: string, error: unknown): SetupError {
  return new SetupError(
    `Can't open the database ${file} (${reasonOf(error)}).`,
    'Check database.path, the permissions and the free disk space. Replace a damaged file with a backup.',
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
      `Other users of this machine can read ${place}, and its mode can't be changed (${systemCodeOf(error)}). ` +
        `Its owner can run: chmod ${mode.toString(8)} ${place}`,
    );
  }
}

function isOwn(folder: string): boolean {
  return statSync(folder).uid === process.getuid?.();
}

function warnIfShared(folder: string, warn: Warn): void {
  if (isShared(folder)) {
    warn(`${sharedFolder(folder)} ${sharedFolderAdvice(folder)}`);
  }
}

/** Whether other users can replace files in a folder that are not theirs. */
function isShared(folder: string): boolean {
  return isOpenToOthers(folder, writableByOthers) && (statSync(folder).mode & sticky) === 0;
}

const sharedFolder = (folder: string) =>
  `Other users of this machine can replace files in ${folder}, including the database.`;

const sharedFolderAdvice = (folder: string) =>
  `Use a separate folder for the database, or run: chmod go-w ${folder}`;
