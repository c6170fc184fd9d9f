import { describe, expect, test } from 'vitest';

import { positional } from '../../../src/chat/command/arguments.ts';
import { defineCommand } from '../../../src/chat/command/declaration.ts';
import type { Command } from '../../../src/chat/command/declaration.ts';
import { usage } from '../../../src/chat/command/help.ts';
import { commandTokens, readArguments } from '../../../src/chat/command/read-arguments.ts';
import { writeStructured } from '../../../src/chat/command/structured.ts';
import { writeInvocation } from '../../../src/chat/command/write-invocation.ts';

const remark = defineCommand({
  name: 'remark',
  summary: 'Remarks something',
  args: {
    about: positional('target', 'A user or a room', { implied: true }),
    text: positional('text', 'What', { rest: true, verbatim: true }),
  },
  danger: 'change',
  reversible: false,
  example: 'remark @a:x hello',
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});
const context = { serverName: 'example.com', now: 1_000_000, prefix: '!' };
const inThread = {
  ...context,
  fillIn: (kind: string) => (kind === 'target' ? '@sender:x' : undefined),
};
const read = (line: string, where: typeof context = context) =>
  readArguments(remark, commandTokens(remark, `remark ${line}`, where), where);

/** Texts that a shell, or a parser of flags, would change. */
const texts = [
  'was warned',
  'warned - by phone -- twice',
  'warned – by phone — twice',
  '- first\n- second',
  '– first\n\n\n– second  with  blanks\tand tabs',
  'says "no"  and “never”',
  '"all of it in quotes"',
  '“typographic”',
  'it’s 5" wide, don\'t ask',
  String.raw`C:\path\ and \"`,
  'used --x and --force=1, -v',
  '--x at the start',
  '--',
  '-',
  '—',
  'a=b "',
  '@b:x was there',
  'He left —in a hurry — at 5, -in his words- gone',
];

describe('a text that is kept as it was typed', () => {
  test.each(texts)('%j', (text) => {
    expect(read(`@a:x ${text}`).values).toEqual({ about: '@a:x', text });
    expect(read(`@a:x\n  ${text} \n `).values).toEqual({ about: '@a:x', text });
    const withFlags = read(`--reason="two words" --dry-run @a:x ${text}`);
    expect(withFlags).toMatchObject({
      values: { about: '@a:x', text },
      reason: 'two words',
      dryRun: true,
    });
  });

  test.each(texts)('about a report: %j', (text) => {
    expect(read(`@a:x ${text}`, inThread).values).toEqual({ about: '@a:x', text });
    // With a user or a room in front, it is about them. Without `--`, a flag in front is one.
    const line = text === '@b:x was there' ? `@sender:x ${text}` : `-- ${text}`;
    expect(read(line, inThread).values).toEqual({ about: '@sender:x', text });
  });

  test.each(texts)('is written so that it is read again: %j', (text) => {
    for (const given of [text, `${text} --dry-run`, '--reason x']) {
      const line = writeInvocation(remark, {
        arguments: { about: '@a:x', text: given },
        reason: 'two words',
        dryRun: true,
      });
      expect(readArguments(remark, commandTokens(remark, line, context), context)).toMatchObject({
        values: { about: '@a:x', text: given },
        reason: 'two words',
        dryRun: true,
      });
      const sent = writeStructured(
        { command: 'remark', arguments: { about: '@a:x', text: given, reason: 'two words' } },
        remark,
      );
      expect(readArguments(remark, commandTokens(remark, sent, context), context)).toMatchObject({
        values: { about: '@a:x', text: given },
        reason: 'two words',
      });
    }
  });

  test.each([
    '@a:x was warned --reason spam',
    '@a:x --reason=spam was warned',
    '@a:x "was warned" --dry-run',
    '@a:x was warned\n--in 2h',
    '@a:x was warned —reason spam',
    '@a:x was warned --Dry-Run',
    '@a:x was warned —Dry-run',
    '@a:x was warned -dry-run',
    '@a:x was warned --no-dry-run',
  ])('%s: a flag that comes too late is not taken for text', (line) => {
    expect(() => read(line)).toThrow(/`--(reason|dry-run|in)` stands in the text/u);
    const [target, ...text] = line.split(' ');
    const kept = read(`-- ${target} ${text.join(' ')}`);
    expect(kept.values).toEqual({ about: '@a:x', text: text.join(' ') });
    expect(kept.dryRun).toBe(false);
  });

  test('says where the flag belongs, and how to keep it in the text', () => {
    expect(() => read('@a:x was warned --in 2h')).toThrow(
      expect.objectContaining({
        word: '--in',
        advice:
          'Write flags first: `!remark --in 2h ABOUT TEXT`. If it belongs to the text, put `--` first: `!remark -- ABOUT TEXT`.',
      }) as Error,
    );
    expect(usage(remark, '!')).toBe('!remark [--reason TEXT] [--dry-run] ABOUT TEXT');
  });

  test.each([
    ['', 'Which user or room?'],
    ['@a:x', 'TEXT is missing'],
    ['@a:x \n ', 'TEXT is missing'],
    ['--force @a:x hello', 'has no flag `--force`'],
    ['--reason', '`--reason` needs a value'],
    ['"@a:x hello', 'Missing closing quote'],
    ['--reason spam links @a:x hello', '`links` follows `--reason` without quotes'],
  ])('%j: %s', (line, message) => {
    expect(() => read(line)).toThrow(message);
  });

  test('does not begin with a quote that is never closed, about a report', () => {
    expect(read('"said he, and left', inThread).values).toEqual({
      about: '@sender:x',
      text: '"said he, and left',
    });
  });

  test('takes time in proportion to the length of the line', () => {
    const flags = '--reason=x '.repeat(6000);
    const startedAt = performance.now();
    expect(() => read(`${flags}@a:x hello`)).toThrow('');
    expect(read(`@a:x ${'- "a '.repeat(12_000)}`).values['text']).toHaveLength(59_999);
    expect(performance.now() - startedAt).toBeLessThan(1000);
  });
});

test('other commands are read word by word', () => {
  const lock: Command = { ...remark, args: { about: positional('target', 'Whom') } };
  expect(commandTokens(lock, 'lock "@a:x"  --reason=x', context).map(({ text }) => text)).toEqual([
    '@a:x',
    '--reason=x',
  ]);
});
