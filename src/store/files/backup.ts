import { open, rm, stat } from 'node:fs/promises';
import path from 'node:path';

import Database from 'better-sqlite3';

import { SetupError, StoreError } from '../../core/errors.ts';

/** What a backup holds. */
export interface Backup {
  readonly bytes: number;
  /** Rows of the audit log, and the hash of the last: `audit verify` says the same of the original. */
  readonly auditRows: number;
  readonly head: string | undefined;
}

/** All at once: a copy in pieces begins anew whenever the bot writes. */
const allPages = 0x7fff_ffff;

/**
 * Copies a database as it is at one moment, also while a bot writes to it, into a new file that its
 * owner alone can read. The copy is whole in itself, without files beside it.
 *
 * @throws SetupError there is no such database, or the new file can't be made
 * @throws StoreError copying failed; nothing is left behind
 */
export async function backupDatabase(file: string, target: string): Promise<Backup> {
  const to = path.resolve(target.trim());
  const source = openSource(file);
  try {
    await makeFile(to);
    try {
      await source.backup(to, { progress: () => allPages });
      return { ...look(to), bytes: (await stat(to)).size };
    } catch (error) {
      await rm(to, { force: true });
      throw new StoreError(
        `the backup failed (${reasonOf(error)})`,
        'Nothing is left of it. Check the free space where it was to go.',
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
      `The database ${file} can’t be read (${reasonOf(error)}).`,
      'Check database.path and the permissions.',
    );
  }
}

/** Never the place of a file that is there: an older backup may be the only good one. */
async function makeFile(to: string): Promise<void> {
  try {
    const handle = await open(to, 'wx', 0o600);
    await handle.close();
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw code === 'EEXIST'
      ? new SetupError(`${to} is there already.`, 'A backup replaces nothing: name a new file.')
      : new SetupError(`${to} can’t be made (${code}).`, 'Check the folder and its permissions.');
  }
}

/** Reads the copy, as it will be read when it is needed. */
function look(to: string): Omit<Backup, 'bytes'> {
  const copy = new Database(to, { fileMustExist: true });
  try {
    // The bot puts it back when it opens the file.
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

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
