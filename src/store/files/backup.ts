import { open, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import Database from 'better-sqlite3';

import { SetupError, StoreError } from '../../core/errors.ts';
import { reasonOf } from '../../core/system-error.ts';
import { fileErrorAdvice, fileErrorCode } from './file-errors.ts';

/** What a backup contains. */
export interface Backup {
  readonly bytes: number;
  /** The number of rows in the audit log, and the hash of the last: `audit verify` shows the same. */
  readonly auditRows: number;
  readonly head: string | undefined;
}

/** Copy everything in one step: a copy in several steps starts again whenever the bot writes. */
const allPages = 0x7fff_ffff;

/**
 * Copies a consistent snapshot of a database to a new file, also while a bot writes to the database. Only
 * the owner can read the copy. It is a single file.
 *
 * @throws SetupError there is no such database, or the new file can't be created
 * @throws StoreError copying failed; the new file is deleted
 */
export async function backupDatabase(file: string, target: string): Promise<Backup> {
  const to = path.resolve(target.trim());
  const source = openSource(file);
  try {
    await makeFile(to);
    try {
      await source.backup(to, { progress: () => allPages });
      return { ...inspect(to), bytes: (await stat(to)).size };
    } catch (error) {
      await rm(to, { force: true });
      throw new StoreError(
        `the backup failed (${reasonOf(error)})`,
        `The incomplete file was deleted. ${fileErrorAdvice(fileErrorCode(error), path.dirname(to))}`,
      );
    }
  } finally {
    source.close();
  }
}

function openSource(file: string): Database.Database {
  let source: Database.Database | undefined;
  try {
    source = new Database(file, { readonly: true, fileMustExist: true });
    source.pragma('busy_timeout = 5000');
    source.prepare('SELECT count(*) FROM audit_log').get();
    return source;
  } catch (error) {
    source?.close();
    throw new SetupError(
      `Can’t read the database ${file} (${reasonOf(error)}).`,
      'Check database.path and the permissions.',
    );
  }
}

/** Never overwrites a file: an older backup may be the only good one. */
async function makeFile(to: string): Promise<void> {
  try {
    const handle = await open(to, 'wx', 0o600);
    await handle.close();
  } catch (error) {
    const code = fileErrorCode(error);
    throw code === 'EEXIST'
      ? new SetupError(`${to} already exists; backups never overwrite.`, 'Choose another name.')
      : new SetupError(
          `Can’t create ${to} (${code ?? String(error)}).`,
          code === 'ENOENT'
            ? 'There is no such folder: create it first.'
            : fileErrorAdvice(code, path.dirname(to)),
        );
  }
}

/** Opens the copy and checks it. */
function inspect(to: string): Omit<Backup, 'bytes'> {
  const copy = new Database(to, { fileMustExist: true });
  try {
    // The bot sets WAL again when it opens the file.
    copy.pragma('journal_mode = DELETE');
    const found = copy.pragma('quick_check(1)', { simple: true });
    if (found !== 'ok') {
      throw new Error('the copy is damaged');
    }
    const { rows } = copy.prepare('SELECT count(*) AS rows FROM audit_log').get() as {
      rows: number;
    };
    const last = copy.prepare('SELECT hash FROM audit_log ORDER BY id DESC LIMIT 1').get() as
      | { hash: string }
      | undefined;
    return { auditRows: rows, head: last?.hash };
  } finally {
    copy.close();
  }
}
