import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { quote, tokenize } from '../../../src/chat/reading/tokenize.ts';
import { UsageError } from '../../../src/core/errors.ts';

const words = (line: string) => tokenize(line).map(({ text }) => text);

/** The error that reading this line ends with, if any. */
function faultOf(line: string): UsageError | undefined {
  try {
    tokenize(line);
    return undefined;
  } catch (error) {
    if (error instanceof UsageError) {
      return error;
    }
    throw error;
  }
}

/** Every UTF-16 string, surrogates without their other half included. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
  fc.string({
    unit: fc.constantFrom(...Array.from(`ab -–—"'“”„‘’«»\\=\n\u00A0\u200B`)),
    maxLength: 30,
  }),
);

describe('blanks', () => {
  test.each([
    ['a b', ['a', 'b']],
    ['  a   b  ', ['a', 'b']],
    ['a\nb\r\nc\td', ['a', 'b', 'c', 'd']],
    ['a\u00A0b\u202Fc\u3000d\u2003e\u2028f', ['a', 'b', 'c', 'd', 'e', 'f']],
    ['', []],
    [' \n ', []],
  ])('%j', (line, expected) => {
    expect(words(line)).toEqual(expected);
  });
});

describe('quotes group', () => {
  test.each([
    ['"two words"', 'two words'],
    ["'two words'", 'two words'],
    ['“two words”', 'two words'],
    ['„two words“', 'two words'],
    ['„two words”', 'two words'],
    ['‘two words’', 'two words'],
    ['«two words»', 'two words'],
    // One of a pair typed, the other made by the phone.
    ['"two words”', 'two words'],
    ['“two words"', 'two words'],
    ["‘two words'", 'two words'],
    ['"he said “two words” to me"', 'he said “two words” to me'],
    ["'he said “two” words'", 'he said “two” words'],
    ['"don\'t do it"', "don't do it"],
    ["'don't do it'", "don't do it"],
    ['‘don’t do it’', 'don’t do it'],
    ['"line\nbreak"', 'line\nbreak'],
    ['""', ''],
    ['"a"b', 'ab'],
  ])('%s', (line, expected) => {
    expect(tokenize(line)).toMatchObject([{ text: expected, quoted: true }]);
  });

  test('each for itself', () => {
    expect(words('"a b” "c d” e')).toEqual(['a b', 'c d', 'e']);
    expect(words('"a b" “c d” ‘e f’')).toEqual(['a b', 'c d', 'e f']);
  });

  test('only where a word or a value begins', () => {
    expect(words(`don't won't 5" rock'n'roll`)).toEqual([`don't`, `won't`, '5"', `rock'n'roll`]);
    expect(words('don’t won’t')).toEqual(['don’t', 'won’t']);
    expect(tokenize('--reason="two words" x')).toMatchObject([
      { text: '--reason=two words', quoted: false, quotedValue: true },
      { text: 'x', quoted: false },
    ]);
    expect(words('--reason=“two words”')).toEqual(['--reason=two words']);
    expect(words('—reason=“two words”')).toEqual(['--reason=two words']);
    expect(words('a="b c"')).toEqual(['a="b', 'c"']);
  });

  test.each([
    '"open',
    "'open",
    '“open',
    '„open',
    '‘open',
    '«open',
    '"open\\"',
    '--reason="open',
    '"',
  ])('a quote that is not closed is an error that shows it: %s', (line) => {
    expect(faultOf(`a ${line}`)?.message).toContain('Missing closing quote');
    const word = faultOf(`a ${line}${'x'.repeat(1000)}`)?.word ?? '';
    expect(`${line}xxx`).toContain(word.slice(0, 3));
    expect(word).toHaveLength(40);
  });
});

describe('a backslash', () => {
  test.each([
    [String.raw`two\ words`, 'two words'],
    [String.raw`"a \" b"`, 'a " b'],
    [String.raw`"a \\"`, 'a \\'],
    [String.raw`"a\nb"`, String.raw`a\nb`],
    [String.raw`'a\'`, 'a\\'],
    [String.raw`a\\b`, String.raw`a\b`],
    ['a\\', 'a\\'],
  ])('%s', (line, expected) => {
    expect(words(line)).toEqual([expected]);
  });

  test('makes a value of what looks like a flag', () => {
    expect(tokenize(String.raw`\--erase`)).toMatchObject([{ text: '--erase', quoted: true }]);
    expect(tokenize(String.raw`\"`)).toMatchObject([{ text: '"', quoted: true }]);
  });
});

describe('dashes', () => {
  test.each([
    ['—erase', '--erase'],
    ['–erase', '--erase'],
    ['-–erase', '--erase'],
    ['——erase', '--erase'],
    ['—', '--'],
    ['–no-purge', '--no-purge'],
    // Within a word, and before anything else than a name, they are text.
    ['a—b', 'a—b'],
    ['—5', '—5'],
    ['--a—b', '--a—b'],
  ])('%s is read as %s', (typed, read) => {
    expect(words(typed)).toEqual([read]);
  });

  test('stay as they are in quotes', () => {
    expect(words('"—erase" “–”')).toEqual(['—erase', '–']);
  });
});

test('whatever is typed, nothing is thrown but a UsageError', () => {
  fc.assert(
    fc.property(anyText, (line) => {
      expect(() => faultOf(line)).not.toThrow();
    }),
    { numRuns: 2000 },
  );
});

test('without quotes, escapes and dashes, words are what stands between blanks', () => {
  const plain = fc.string({
    unit: fc.constantFrom(...Array.from('abÄ日😀@:.!0 \n\u00A0')),
    maxLength: 40,
  });
  fc.assert(
    fc.property(plain, (line) => {
      expect(words(line)).toEqual(line.split(/\s+/u).filter((word) => word !== ''));
    }),
  );
});

test('quote is the inverse for one word, in front of and behind others', () => {
  fc.assert(
    fc.property(anyText, anyText, (word, other) => {
      expect(words(`${quote(word)} ${quote(other)}`)).toEqual([word, other]);
      expect(words(`--name=${quote(word)} ${quote(other)}`)).toEqual([`--name=${word}`, other]);
    }),
    { numRuns: 2000 },
  );
});

test('a quoted word is never a flag', () => {
  fc.assert(
    fc.property(anyText, (rest) => {
      expect(tokenize(quote(`-${rest}`))[0]?.quoted).toBe(true);
    }),
  );
});

// Anybody in the room can send 65 kB; reading them must not stop the bot.
test.each([
  ['words', 'a '.repeat(30_000)],
  ['one word', 'a'.repeat(60_000)],
  ['dashes', '-'.repeat(60_000)],
  ['dashes and a quote', `${'-'.repeat(30_000)}!="`.repeat(2)],
  ['a long name with many values', `--${'a'.repeat(30_000)}${'="'.repeat(15_000)}`],
  ['quotes', '"a" '.repeat(15_000)],
  ['quotes closed by phones', '"a” '.repeat(15_000)],
  ['quotes in words', '"a"b '.repeat(12_000)],
  ['apostrophes', `'a'b `.repeat(12_000)],
  ['escapes', '"\\'.repeat(30_000)],
])('60 kB of %s take no time', (_, line) => {
  const startedAt = performance.now();
  faultOf(line);
  expect(performance.now() - startedAt).toBeLessThan(1000);
});
