import Database from 'better-sqlite3';
import type { SqliteStatement } from 'kysely';

import { remakeSearch } from './migrations/0022-wider-indexes.ts';
import { keysOf } from './tables/audit/search-expression.ts';

type Inform = (message: string) => void;

/**
 * Makes the index of words anew if it is damaged. Triggers on the audit log write to it, so that nothing could be
 * recorded, and no command carried out.
 *
 * @param inform called before and after that, which can take minutes
 * @throws SqliteError it can't be made anew
 */
export function mendSearch(sqlite: Database.Database, inform: Inform): void {
  if (!isThere(sqlite) || isUsable(sqlite)) {
    return;
  }
  remake(sqlite, inform);
}

/** The whole index is checked at most this often. What else is wrong must not hold up the bot each time. */
const checkEveryMs = 60_000;

/**
 * Makes statements that make the index of words anew if they find it damaged, and then do what they were to do. All
 * other work waits meanwhile: an entry must not be lost, whatever became of the index.
 */
export function createSearchMender(
  sqlite: Database.Database,
  inform: Inform,
): (statement: SqliteStatement) => SqliteStatement {
  /** When the index was last found to be intact; by `performance.now()`. */
  let intactAt = Number.NEGATIVE_INFINITY;

  function isDamaged(): boolean {
    if (performance.now() - intactAt < checkEveryMs) {
      return false;
    }
    const isFound = !isIntact(sqlite);
    intactAt = isFound ? intactAt : performance.now();
    return isFound;
  }

  const mended = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      if (!isDamage(error) || !isDamaged()) {
        throw error;
      }
      remake(sqlite, inform);
      return work();
    }
  };
  return (statement) => ({
    reader: statement.reader,
    all: (parameters) => mended(() => statement.all(parameters)),
    run: (parameters) => mended(() => statement.run(parameters)),
    iterate: (parameters) => statement.iterate(parameters),
  });
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

/** Before its migration, it is not. */
function isThere(sqlite: Database.Database): boolean {
  return (
    sqlite.prepare(`SELECT 1 FROM sqlite_schema WHERE name = 'audit_search'`).get() !== undefined
  );
}

/**
 * Whether the index takes entries, and finds the first and the last one. That is quick. A statement that finds other
 * damage mends it.
 */
function isUsable(sqlite: Database.Database): boolean {
  return isUndamaged(() => {
    tryToWrite(sqlite);
    return ['ASC', 'DESC'].every((order) => findsEnd(sqlite, order));
  });
}

/** Reads the whole index: less than a second for a million entries. */
function isIntact(sqlite: Database.Database): boolean {
  return (
    !isThere(sqlite) ||
    isUndamaged(() => {
      sqlite.exec(`INSERT INTO audit_search (audit_search) VALUES ('integrity-check')`);
      tryToWrite(sqlite);
      return true;
    })
  );
}

function isUndamaged(check: () => boolean): boolean {
  try {
    return check();
  } catch (error) {
    if (isDamage(error)) {
      return false;
    }
    throw error;
  }
}

/** Whether the index finds the first or the last entry by who asked for it. */
function findsEnd(sqlite: Database.Database, order: string): boolean {
  const end = sqlite
    .prepare<[], { id: number; actor: string }>(
      `SELECT id, actor FROM audit_log WHERE kind != 'outcome' ORDER BY id ${order} LIMIT 1`,
    )
    .get();
  return (
    end === undefined ||
    sqlite
      .prepare(`SELECT 1 FROM audit_search WHERE audit_search MATCH ? AND rowid = ?`)
      .get(keysOf({ by: end.actor }), end.id) !== undefined
  );
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
