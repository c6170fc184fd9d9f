import Database from 'better-sqlite3';

import { searchTokenizer } from '../../migrations/0022-wider-indexes.ts';

/** A text by the number of its entry. */
export interface NumberedText {
  readonly id: number;
  readonly words: string;
}

/** Reads words as the index of words of the audit log does, without that index. */
export interface WordReader {
  /** The words of a text in their order, as an index has them: small letters without accents. */
  read(text: string): readonly string[];
  /** The numbers of the texts that match an expression of FTS5. */
  matching(texts: readonly NumberedText[], expression: string): ReadonlySet<number>;
}

let reader: WordReader | undefined;

/** The only one: it keeps nothing, and nothing else runs while it reads. */
export function wordReader(): WordReader {
  reader ??= createWordReader();
  return reader;
}

/** Only SQLite itself knows what it takes for a word, so this is an index in memory. */
function createWordReader(): WordReader {
  const db = new Database(':memory:');
  db.exec(`
    CREATE VIRTUAL TABLE texts USING fts5 (words, content = '', tokenize = '${searchTokenizer}');
    CREATE VIRTUAL TABLE tokens USING fts5vocab (texts, instance)`);
  const add = db.prepare<[number, string]>('INSERT INTO texts (rowid, words) VALUES (?, ?)');
  const tokens = db.prepare<[], string>('SELECT term FROM tokens ORDER BY offset').pluck();
  const find = db.prepare<[string], number>('SELECT rowid FROM texts WHERE texts MATCH ?').pluck();
  /** Whatever was added is gone afterwards. */
  const withTexts = <Result>(texts: readonly NumberedText[], work: () => Result): Result => {
    db.exec('BEGIN');
    try {
      texts.forEach(({ id, words }) => add.run(id, words));
      return work();
    } finally {
      db.exec('ROLLBACK');
    }
  };
  return {
    read: (text) => withTexts([{ id: 1, words: text }], () => tokens.all()),
    matching: (texts, expression) => withTexts(texts, () => new Set(find.all(expression))),
  };
}
