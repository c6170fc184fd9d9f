import { expect, test } from 'vitest';

import { UsageError } from '../../src/core/errors.ts';
import { readSearchText } from '../../src/core/search-text.ts';

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

test.for(['', '  ', '*', '"" ""', '🚨', 'x'.repeat(501), 'x '.repeat(21)])(
  'without words, or too long: %s',
  (text) => {
    expect(() => readSearchText(text)).toThrow(UsageError);
  },
);
