import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { UsageError } from '../../src/core/errors.ts';
import { readSearchText, spellingsOf } from '../../src/core/search-text.ts';

/*
 * SQLite and JavaScript know different versions of Unicode. Each letter and digit there is, alone, as the index of
 * words has it: with an upgrade of one of the two, this may change.
 */

let sqlite: Database.Database;
/** The word that stands for each character in the index; none if the index leaves it out. */
let words: ReadonlyMap<string, string>;
const characters: string[] = [];

beforeAll(() => {
  sqlite = new Database(':memory:');
  sqlite.exec(`
    CREATE VIRTUAL TABLE letters USING fts5 (
      words, content = '', tokenize = 'unicode61 remove_diacritics 2'
    );
    CREATE VIRTUAL TABLE letter_words USING fts5vocab (letters, 'instance')`);
  for (let point = 1; point <= 0x10_ffff; point += 1) {
    const character = String.fromCodePoint(point);
    if (/[\p{L}\p{N}]/u.test(character)) {
      characters.push(character);
    }
  }
  const add = sqlite.prepare('INSERT INTO letters (rowid, words) VALUES (?, ?)');
  sqlite.transaction(() => characters.forEach((character, at) => add.run(at, character)))();
  const rows = sqlite.prepare('SELECT doc, term FROM letter_words').raw().all() as [
    number,
    string,
  ][];
  words = new Map(rows.map(([at, word]) => [characters[at] ?? '', word]));
});
afterAll(() => sqlite.close());

test('a letter that the index leaves out is refused, and no other', () => {
  const isRefused = (character: string) => {
    try {
      readSearchText(character);
      return false;
    } catch (error) {
      return error instanceof UsageError;
    }
  };
  const leftOut = characters.filter((character) => !words.has(character));
  expect(leftOut.length).toBeGreaterThan(0);
  expect(characters.filter(isRefused)).toEqual(leftOut);
});

test('capitals and small letters are found by each other', () => {
  /** Signs that only look like a letter, such as that of Kelvin, are none of its spellings. */
  const isPair = (capital: string, small: string) =>
    capital !== small && small.toUpperCase() === capital;
  const missed = characters.flatMap((capital) => {
    const small = capital.toLowerCase();
    const isFound = (written: string, stored: string) =>
      spellingsOf(written).some((one) => words.get(one) === words.get(stored));
    return isPair(capital, small) && !(isFound(small, capital) && isFound(capital, small))
      ? [capital]
      : [];
  });
  expect(missed).toEqual([]);
});
