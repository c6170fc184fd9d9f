import Database from 'better-sqlite3';

import { remakeSearch } from './migrations/0017-search.ts';

/**
 * Makes the index of words anew if it is damaged. Triggers on the audit log write to it, so that nothing could be
 * recorded, and no command carried out.
 *
 * @param inform called before and after that, which can take minutes
 * @throws SqliteError it can't be made anew
 */
export function mendSearch(sqlite: Database.Database, inform: (message: string) => void): void {
  if (isIntact(sqlite)) {
    return;
  }
  inform(
    'The index of words of the audit log is damaged and is being made anew. If the audit log is large, this takes a few minutes.',
  );
  sqlite.transaction(() => remakeSearch.forEach((statement) => sqlite.exec(statement))).immediate();
  inform('The index of words of the audit log is complete again.');
}

/** Reads the whole index: less than a second for a million entries. */
function isIntact(sqlite: Database.Database): boolean {
  try {
    sqlite.exec(`INSERT INTO audit_search (audit_search) VALUES ('integrity-check')`);
    return true;
  } catch (error) {
    if (error instanceof Database.SqliteError && /^SQLITE_(?:CORRUPT|ERROR)/u.test(error.code)) {
      return false;
    }
    throw error;
  }
}
