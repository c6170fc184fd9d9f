import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { parseUserId } from '../../../src/core/ids.ts';
import { commandLineIn } from '../../../src/operations/parse/command-line.ts';

const registry = createRegistry(await loadCommands());
const settings = {
  prefix: '!',
  botUser: parseUserId('@lawspeaker:example.com') ?? expect.unreachable(),
};

describe('a command line', () => {
  test.each([
    ['!help', 'help'],
    ['  !help  ', 'help  '],
    ['\n!help', 'help'],
    ['!Help deactivate', 'Help deactivate'],
    ['!user a\nb', 'user a\nb'],
    // Keyboards, copying and input methods.
    ['\u2060!user x', 'user x'],
    ['\uFEFF\u200B !user x', 'user x'],
    ['!\u200Buser x', 'user x'],
    ['!\u2060nonsense x', 'nonsense x'],
    ['！suspend x', 'suspend x'],
    ['！ｓｕｓｐｅｎｄ　x', 'ｓｕｓｐｅｎｄ　x'],
    ['! user x', 'user x'],
    ['!\u00A0user x', 'user x'],
    ['!!user x', 'user x'],
    ['! usre x', 'usre x'],
    ['! mute x', 'mute x'],
    // Markdown, as it stands in plain bodies.
    ['`!user x`', 'user x'],
    ['``!user x``', 'user x'],
    ['```\n!user x\n```', 'user x'],
    ['```text\n!user x\n```\n', 'user x'],
    ['```!user x```', 'user x'],
    ['**!user x**', 'user x'],
    ['**`!user x`**', 'user x'],
    ['*!user x_y*', 'user x_y'],
    ['_!user x_y_', 'user x_y'],
    ['`lawspeaker: user x`', 'user x'],
    // Room IDs: answered with what can be asked about them.
    ['!abc:example.com', 'abc:example.com'],
    ['!5abc:example.com ', '5abc:example.com'],
    [`!${'a-_5'.repeat(11).slice(0, 43)}`, 'a-_5'.repeat(11).slice(0, 43)],
    [`!${'_-_5'.repeat(11).slice(0, 43)}`, '_-_5'.repeat(11).slice(0, 43)],
    ['!user: x', 'user: x'],
    ['!user:x', 'user:x'],
    ['!ändere', 'ändere'],
    ['lawspeaker: help', 'help'],
    ['Lawspeaker: help', 'help'],
    ['lawspeaker, help', 'help'],
    ['lawspeaker: !help', 'help'],
    ['lawspeaker:  \n help', 'help'],
    ['@lawspeaker help', 'help'],
    ['@lawspeaker: !help', 'help'],
    ['@lawspeaker:example.com help', 'help'],
    ['@lawspeaker:example.com: help', 'help'],
    ['@lawspeaker:example.com\u00A0help', 'help'],
    ['@LAWSPEAKER:example.com, !help x', 'help x'],
  ])('%j', (text, expected) => {
    expect(commandLineIn(text, { settings, registry })).toBe(expected);
  });

  test.each([
    '',
    'help',
    '! important',
    '!!important',
    '! no',
    '! I will help',
    '!!',
    '!',
    // Quoted, taken back, or in a sentence.
    '"!help"',
    '~~!help~~',
    '\\!help',
    '- !help',
    '`!help` and `!user x`',
    '**!help** and **!user**',
    '`!suspend` is better here',
    '**!suspend** him',
    '`help`',
    '```\nhelp\n```',
    'try `!help`',
    '!abc:example.com is full of spam',
    `!${'a-_5'.repeat(11).slice(0, 43)} again`,
    '!?',
    '!5',
    '!-x',
    '?help',
    'say !help',
    '> !help',
    'lawspeaker help',
    'lawspeaker is down, help',
    'lawspeaker',
    'lawspeaker:',
    'lawspeaker: 5',
    'lawspeakers: help',
    '@lawspeaker',
    '@lawspeaker:example.com',
    '@lawspeaker:elsewhere.org help',
    '@lawspeaker2:example.com help',
  ])('is not in %j', (text) => {
    expect(commandLineIn(text, { settings, registry })).toBeUndefined();
  });

  test('has the prefix that is configured', () => {
    const other = { ...settings, prefix: '$.' };
    expect(commandLineIn('$.help', { settings: other, registry })).toBe('help');
    expect(commandLineIn('!help', { settings: other, registry })).toBeUndefined();
    expect(commandLineIn('lawspeaker: $.help', { settings: other, registry })).toBe('help');
  });

  test('is found fast, whatever a message holds', () => {
    const startedAt = performance.now();
    for (const part of [
      ':',
      ' ',
      ', ',
      '!',
      '@',
      'a',
      'a:',
      '\n',
      '@lawspeaker:',
      '`',
      '*',
      '_',
      '** ',
      '`\n',
      '! ',
      '\u2060',
      '！',
    ]) {
      commandLineIn(part.repeat(60_000 / part.length), { settings, registry });
      commandLineIn(`lawspeaker: ${part.repeat(60_000 / part.length)}`, { settings, registry });
    }
    expect(performance.now() - startedAt).toBeLessThan(500);
  });

  test('is a piece of the message', () => {
    const unmarked = (text: string) => text.replaceAll(/[*_`]/gu, '');
    fc.assert(
      fc.property(
        fc.constantFrom('', '!', '! ', '！', '`!', 'lawspeaker: ', '@lawspeaker ', '**!'),
        fc.string({ unit: 'binary' }),
        (start, rest) => {
          const text = start + rest;
          const line = commandLineIn(text, { settings, registry });
          const isPiece =
            line === undefined ||
            (line !== '' && !/^\s/u.test(line) && unmarked(text).includes(unmarked(line)));
          expect(isPiece).toBe(true);
        },
      ),
      { numRuns: 50 },
    );
  }, 30_000);
});
