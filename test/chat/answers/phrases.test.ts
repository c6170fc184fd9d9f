import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { person, shortId } from '../../../src/chat/answers/account.ts';
import { bold, code, facts } from '../../../src/chat/answers/answer.ts';
import {
  ago,
  agoShort,
  clock,
  count,
  dateTime,
  exactSpan,
  size,
  span,
  when,
} from '../../../src/chat/answers/phrases.ts';
import type { GroupedCommand } from '../../../src/chat/command/declaration.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { readDuration, writeDuration } from '../../../src/core/duration.ts';
import { cut } from '../../../src/core/text.ts';
import { nearest } from '../../../src/core/text.ts';

const now = Date.UTC(2026, 10, 21, 20, 51);

describe('times', () => {
  test.each([
    [0, '0 seconds'],
    [1000, '1 second'],
    [59_499, '59 seconds'],
    [59_500, '1 minute'],
    [89_999, '1 minute'],
    [598_000, '10 minutes'],
    [59.49 * 60_000, '59 minutes'],
    [59.5 * 60_000, '1 hour'],
    [36 * 3_600_000 - 1, '1 day'],
    [36 * 3_600_000, '2 days'],
    [30 * 86_400_000, '1 month'],
    [86_400_000, '1 day'],
    [3 * 86_400_000, '3 days'],
    [604_800_000, '1 week'],
    [5 * 604_800_000, '1 month'],
    [53 * 604_800_000, '1 year'],
  ])('%i ms are %s', (durationMs, expected) => {
    expect(span(durationMs)).toBe(expected);
    expect(span(-durationMs)).toBe(expected);
  });

  test.each([
    [90 * 60_000, '90 minutes'],
    [3_600_000, '1 hour'],
    [30 * 86_400_000, '30 days'],
    [14 * 86_400_000, '2 weeks'],
    [1500, '1.5 seconds'],
  ])('%i ms were set to %s', (durationMs, expected) => {
    expect(exactSpan(durationMs)).toBe(expected);
  });

  test('from now', () => {
    expect(ago(now - 999, now)).toBe('just now');
    expect(ago(now - 7_200_000, now)).toBe('2 hours ago');
    expect(ago(now + 7_200_000, now)).toBe('in 2 hours');
    expect(when(now - 3 * 86_400_000, now)).toBe('3 days ago (2026-11-18 20:51 UTC)');
    expect(when(null, now)).toBe('never');
    expect(when(undefined, now)).toBe('never');
    expect(clock(now)).toBe('20:51 UTC');
    expect(agoShort(now, now)).toBe('now');
    expect(agoShort(now - 59_000, now)).toBe('59s');
    expect(agoShort(now - 59_999, now)).toBe('1m');
    expect(agoShort(now - 3 * 86_400_000, now)).toBe('3d');
    expect(agoShort(now - 5 * 604_800_000, now)).toBe('1mo');
  });

  test('whatever a server takes for a time, nothing is thrown', () => {
    expect(dateTime(Number.NaN)).toBe('at an impossible time');
    expect(dateTime(8.64e15 + 1)).toBe('at an impossible time');
    expect(dateTime(8.64e15)).toBe('+275760-09-13 00:00 UTC');
    fc.assert(
      fc.property(fc.double(), (at) => {
        expect(dateTime(at)).toMatch(/^(?:[+-]?\d{4,6}-\d\d-\d\d \d\d:\d\d UTC|at an .*)$/u);
        expect(clock(at)).toMatch(/^(?:\d\d:\d\d UTC|at an .*)$/u);
        expect(ago(at, now)).not.toBe('');
      }),
    );
  });
});

test.each([
  ['@mallory:x.example', '@mallory'],
  ['@mallory:x.example:8448', code('@mallory:x.example:8448')],
  ['@mallory:evil.example', code('@mallory:evil.example')],
  ['@mal lory:x.example', code('@mal lory:x.example')],
  ['!room:x.example', code('!room:x.example')],
  ['rule:spam', code('rule:spam')],
])('%s is shown in a list as %j', (id, shown) => {
  expect(shortId(id, 'x.example')).toEqual(shown);
});

test('numbers', () => {
  expect(count(1, 'device')).toBe('1 device');
  expect(count(0, 'device')).toBe('0 devices');
  expect(count(1204, 'message')).toBe('1,204 messages');
  expect(count(2, 'entry', 'entries')).toBe('2 entries');
});

test.each([
  [0, '0 bytes'],
  [1, '1 byte'],
  [999, '999 bytes'],
  [1000, '1 kB'],
  [412_300, '412 kB'],
  [999_499, '999 kB'],
  [999_500, '1 MB'],
  [12_400_000, '12.4 MB'],
  [112_000_000, '112 MB'],
  [999_999_999, '1 GB'],
  [3.5e12, '3.5 TB'],
])('%i bytes are %s', (bytes, expected) => {
  expect(size(bytes)).toBe(expected);
});

describe('durations', () => {
  test.each([
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['7d', 604_800_000],
    ['2w', 1_209_600_000],
  ])('%s', (text, durationMs) => {
    expect(readDuration(text)).toBe(durationMs);
  });

  test.each([
    '',
    '5',
    'm',
    '0m',
    '-5m',
    '1.5h',
    '5 m',
    '5M',
    '5mo',
    '1h30m',
    '1000000s',
    ' 5m',
    '5m\n',
    '٥m',
  ])('not %j', (text) => {
    expect(readDuration(text)).toBeUndefined();
  });

  test('what is written is read as the same', () => {
    const text = fc
      .tuple(fc.integer({ min: 1, max: 999_999 }), fc.constantFrom('s', 'm', 'h', 'd', 'w'))
      .map(([number, unit]) => `${number}${unit}`);
    fc.assert(
      fc.property(text, (written) => {
        const durationMs = readDuration(written) ?? Number.NaN;
        expect(readDuration(writeDuration(durationMs))).toBe(durationMs);
      }),
    );
  });
});

describe('names', () => {
  test('are cut by what people see as letters', () => {
    expect(cut('a'.repeat(60))).toBe('a'.repeat(60));
    expect(cut('a'.repeat(61))).toBe(`${'a'.repeat(59)}…`);
    expect(cut('👩‍👩‍👧'.repeat(60))).toBe('👩‍👩‍👧'.repeat(60));
    expect(cut(`a${'\u0301'.repeat(10_000)}`).length).toBeLessThanOrEqual(481);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        expect([...new Intl.Segmenter().segment(cut(text))].length).toBeLessThanOrEqual(60);
      }),
    );
  });

  test('stand in front of the ID where there is one', () => {
    const name = '@mallory:x';
    expect(person({ name, displayname: 'Mallory' })).toEqual([
      bold('Mallory'),
      ' ',
      { kind: 'code', text: name },
    ]);
    expect(person({ name, displayname: ' ' })).toEqual([{ kind: 'code', text: name }]);
    expect(person({ name, displayname: null })).toEqual([{ kind: 'code', text: name }]);
  });

  test('facts leave out what is not there', () => {
    expect(facts(false, 'a', undefined, ['b', 'c'])).toEqual({
      kind: 'line',
      content: ['a', ' · ', 'b', 'c'],
    });
    expect(facts(undefined, false)).toEqual({ kind: 'line', content: [] });
  });
});

describe('the registry', () => {
  const command = (name: string, ...aliases: string[]) =>
    ({ name, aliases }) as unknown as GroupedCommand;

  test('finds by name and alias, however they are written', () => {
    const one = command('shadow-ban', 'sb');
    const registry = createRegistry([one, command('audit')]);
    expect(registry.find('Shadow-Ban')).toBe(one);
    expect(registry.find('SB')).toBe(one);
    expect(registry.find('constructor')).toBeUndefined();
    expect(registry.find('__proto__')).toBeUndefined();
    expect(registry.find('ｓｈａｄｏｗ－ｂａｎ')).toBe(one);
    expect(registry.all.map(({ name }) => name)).toEqual(['audit', 'shadow-ban']);
    const guessed = (word: string) => registry.guess(word)?.commands.map(({ name }) => name);
    expect(guessed('shadowban')).toEqual(['shadow-ban']);
    expect(guessed('Audits')).toEqual(['audit']);
    expect(guessed('weather')).toBeUndefined();
  });

  test('refuses two of one name', () => {
    expect(() => createRegistry([command('a', 'b'), command('b')])).toThrow(TypeError);
  });

  test('names the files of a name that is declared twice, and of a synonym that is a name', () => {
    const declared = (name: string, more: object): GroupedCommand => ({
      ...command(name),
      group: 'accounts',
      ...more,
    });
    const one = declared('memberships', {});
    const other = declared('rooms-of', { aliases: ['memberships'] });
    expect(() => createRegistry([one, other])).toThrow(
      'src/commands/accounts/memberships.ts and src/commands/accounts/rooms-of.ts both declare the name memberships',
    );
    const former = declared('rooms-of', { synonyms: ['memberships'] });
    expect(() => createRegistry([one, former])).toThrow(
      'memberships is the name of src/commands/accounts/memberships.ts: remove it from the synonyms in src/commands/accounts/rooms-of.ts',
    );
  });

  test('guesses nothing that is far, and fast', () => {
    expect(nearest('eraze', ['erase', 'reason'])).toBe('erase');
    expect(nearest('x', ['erase'])).toBeUndefined();
    expect(nearest('abc', [])).toBeUndefined();
    const startedAt = performance.now();
    expect(nearest('a'.repeat(60_000), ['erase', 'reason'])).toBeUndefined();
    expect(performance.now() - startedAt).toBeLessThan(200);
  });
});
