import Database from 'better-sqlite3';
import type { SqliteStatement } from 'kysely';

import { remakeSearch } from './migrations/0017-search.ts';

type Inform = (message: string) => void;

/**
 * Makes the index of words anew if it is damaged. Triggers on the audit log write to it, so that nothing could be
 * recorded, and no command carried out.
 *
 * @param inform called before and after that, which can take minutes
 * @throws SqliteError it can't be made anew
 */
export function mendSearch(sqlite: Database.Database, inform: Inform): void {
  if (!isIntact(sqlite)) {
    remake(sqlite, inform);
  }
}

/**
 * A statement that makes the index of words anew if it finds it damaged, and then does what it was to do. All other
 * work waits meanwhile: an entry must not be lost, whatever became of the index.
 */
export function mendingSearch(
  sqlite: Database.Database,
  statement: SqliteStatement,
  inform: Inform,
): SqliteStatement {
  const mended = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error) || isIntact(sqlite)) {
        throw error;
      }
      remake(sqlite, inform);
      return work();
    }
  };
  return {
    reader: statement.reader,
    all: (parameters) => mended(() => statement.all(parameters)),
    run: (parameters) => mended(() => statement.run(parameters)),
    iterate: (parameters) => statement.iterate(parameters),
  };
}

function remake(sqlite: Database.Database, inform: Inform): void {
  inform(
    'The index of words of the audit log is damaged and is being made anew. If the audit log is large, this takes a few minutes.',
  );
  sqlite
    .transaction(() => {
      makeDroppable(sqlite);
      remakeSearch.forEach((statement) => sqlite.exec(statement));
    })
    .immediate();
  inform('The index of words of the audit log is complete again.');
}

/** SQLite can't drop an index whose version it doesn't know. */
function makeDroppable(sqlite: Database.Database): void {
  // Otherwise, nothing but the index itself may write to its tables.
  sqlite.unsafeMode(true);
  try {
    sqlite.exec(`
      CREATE TABLE IF NOT EXISTS audit_search_config (k PRIMARY KEY, v) WITHOUT ROWID;
      REPLACE INTO audit_search_config (k, v) VALUES ('version', 4)`);
  } finally {
    sqlite.unsafeMode(false);
  }
}

/**
 * Reads the whole index, which takes less than a second for a million entries, and tries to write to it: some damage
 * is only found that way.
 */
function isIntact(sqlite: Database.Database): boolean {
  const table = sqlite.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'audit_search'`).get();
  if (table === undefined) {
    // A migration is about to make it.
    return true;
  }
  try {
    sqlite.exec(`INSERT INTO audit_search (audit_search) VALUES ('integrity-check')`);
    tryToWrite(sqlite);
    return true;
  } catch (error) {
    if (isDamage(error)) {
      return false;
    }
    throw error;
  }
}

/** Nothing of it stays. A savepoint makes the index write what it keeps in memory. */
function tryToWrite(sqlite: Database.Database): void {
  sqlite.exec('SAVEPOINT try_search');
  try {
    sqlite.exec(`
      INSERT INTO audit_search (rowid, words, keys) VALUES (${Number.MAX_SAFE_INTEGER}, 'x', 'x');
      SAVEPOINT try_writing;
      DELETE FROM audit_search WHERE rowid = ${Number.MAX_SAFE_INTEGER};
      RELEASE try_writing;
      SAVEPOINT try_writing;
      RELEASE try_writing`);
  } finally {
    sqlite.exec('ROLLBACK TO try_search; RELEASE try_search');
  }
}

/** Two parts of the index can claim the same place in a table: then a constraint fails. */
function isDamage(error: unknown): boolean {
  return (
    error instanceof Database.SqliteError &&
    /^SQLITE_(?:CONSTRAINT|CORRUPT|ERROR)/u.test(error.code)
  );
}
