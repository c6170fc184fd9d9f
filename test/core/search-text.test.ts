import { expect, test } from 'vitest';

import { UsageError } from '../../src/core/errors.ts';
import { looksLikeOperators, readSearchText } from '../../src/core/search-text.ts';

const read = (text: string) =>
  readSearchText(text).map(({ words, isPrefix }) => `${words}${isPrefix ? '…' : ''}`);

test('words, phrases in any quotation marks, and beginnings of words', () => {
  expect(read('crypto  scam')).toEqual(['crypto', 'scam']);
  expect(read('"crypto scam" 2026')).toEqual(['crypto scam', '2026']);
  expect(read('“crypto scam”* cas*')).toEqual(['crypto scam…', 'cas*…']);
  expect(read('"not closed')).toEqual(['not', 'closed']);
  expect(read('@mallory:example.com')).toEqual(['@mallory:example.com']);
});

test('emoji and punctuation are left out', () => {
  expect(read('🚨 scam !!! * ""')).toEqual(['scam']);
  expect(read('スパム')).toEqual(['スパム']);
});

test('what is given twice is searched for once, and NUL stands between words', () => {
  expect(read('scam Scam "scam" scam* scam*')).toEqual(['scam', 'scam*…']);
  expect(read('crypto\0scam')).toEqual(['crypto scam']);
});

test.for(['a*', 'ab*', '詐*', '"crypto s"*', '@mallory:ex*'])(
  'too short a beginning: %s',
  (text) => {
    expect(() => read(text)).toThrow(/At least [23] characters/u);
  },
);

test('a letter that SQLite doesn’t know is refused', () => {
  expect(() => read('scam ᦰ')).toThrow('The search doesn’t know the letter ᦰ.');
});

test('beginnings of words are few, and not too short', () => {
  expect(read('one* two* abc*')).toHaveLength(3);
  expect(read('@mallory:example.com*')).toHaveLength(1);
  expect(read('詐欺*')).toEqual(['詐欺*…']);
  expect(() => read('one* two* three* four*')).toThrow('At most 3 beginnings');
  expect(() => read('sc*')).toThrow('At least 3 characters are needed');
  expect(() => read('中*')).toThrow('At least 2 characters are needed');
});

test.for(['scam OR spam', 'NOT scam', '*scam', 'sc*m', 'a NEAR b AND c', 'NEAR(crypto scam)'])(
  'others take for operators what is in %s',
  (text) => {
    expect(looksLikeOperators(text)).toBe(true);
  },
);

test.for([
  'scam*',
  'scam or spam',
  '"scam OR spam"',
  'ORDER NOTE NEARBY',
  '"crypto scam"*',
  'scam* spam',
])('nobody takes for operators what is in %s', (text) => {
  expect(looksLikeOperators(text)).toBe(false);
});

test.for([
  '',
  '  ',
  '*',
  '"" ""',
  '🚨',
  'x'.repeat(501),
  Array.from({ length: 21 }, (_, at) => `x${at}`).join(' '),
])('without words, or too long: %s', (text) => {
  expect(() => readSearchText(text)).toThrow(UsageError);
});
