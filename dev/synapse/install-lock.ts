import Database from 'better-sqlite3';

import { poll } from '../../src/core/async/poll.ts';

/**
 * Does `work` while it holds the lock file `file`, and first waits while another run holds it. The
 * file is an empty SQLite database: SQLite locks it through the operating system, which releases the
 * lock when its holder dies.
 *
 * @param onWait called once if the lock is taken
 */
export async function withLock<Result>(
  file: string,
  onWait: () => void,
  work: () => Promise<Result>,
): Promise<Result> {
  const database = new Database(file, { timeout: 0 });
  const tryLock = async () => {
    try {
      return database.exec('BEGIN EXCLUSIVE');
    } catch (error) {
      if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
        return undefined;
      }
      throw error;
    }
  };
  try {
    if ((await tryLock()) === undefined) {
      onWait();
      await poll(tryLock, { firstIntervalMs: 250, maxIntervalMs: 250, limitMs: Infinity });
    }
    return await work();
  } finally {
    database.close();
  }
}
