import { setTimeout as delay } from 'node:timers/promises';

import Database from 'better-sqlite3';

const POLL_INTERVAL_MS = 250;

/**
 * Takes the lock file `file`, waiting while another run holds it. It is an empty SQLite database:
 * SQLite locks it through the operating system, which releases the lock when its holder dies.
 *
 * @param onWait called once if the lock is taken.
 * @returns the lock; disposing of it releases it.
 */
export async function takeLock(file: string, onWait: () => void): Promise<Disposable> {
  const database = new Database(file, { timeout: 0 });
  try {
    for (let hasWaited = false; !tryLock(database); hasWaited = true) {
      if (!hasWaited) onWait();
      await delay(POLL_INTERVAL_MS);
    }
  } catch (error) {
    database.close();
    throw error;
  }
  return { [Symbol.dispose]: () => database.close() };
}

function tryLock(database: Database.Database): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return false;
    throw error;
  }
}
