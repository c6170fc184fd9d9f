import { expect, test } from 'vitest';

import { flag, positional } from '../../../src/chat/command/arguments.ts';
import { defineCommand } from '../../../src/chat/command/declaration.ts';
import type { Command } from '../../../src/chat/command/declaration.ts';
import { conditions } from '../../../src/chat/command/help.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import {
  argumentsOf,
  dangerOf,
  leastDangerOf,
  protectsFor,
} from '../../../src/chat/command/properties.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';

const enable = defineCommand({
  name: 'enable',
  summary: 'Enables features',
  args: {
    users: positional('word', 'Which users', { optional: true, many: true }),
    on: flag('word', 'A feature', { many: true }),
  },
  danger: ({ users, on }) => (users.length > 0 || on.length > 0 ? 'change' : 'read'),
  maxDanger: 'change',
  example: 'enable --on x',
  preview: async () => ({ title: [], body: [] }),
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});

const onFile = defineCommand({
  name: 'blur',
  summary: 'Blurs a file',
  args: { file: positional('media', 'The file') },
  danger: 'change',
  example: 'blur mxc://a.example/b',
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});

test('what takes several values and is not given is an empty list, for the danger and the command', () => {
  expect(leastDangerOf(enable)).toBe('read');
  // A line that can't be read leaves arguments out.
  expect(dangerOf(enable, { on: ['a'] })).toBe('change');
  const context = { serverName: 'example.com', now: 0, prefix: '!' };
  expect(readArguments(enable, [], context).values).toMatchObject({ users: [], on: [] });
  const { values } = readArguments(enable, tokenize('--on=a --on=b'), context);
  expect(values).toMatchObject({ on: ['a', 'b'] });
});

test.for([
  [{ protects: { nobody: 'it only shows it' } }, false],
  [{ protects: true }, true],
  // Nobody is kept off, so there is nothing to override.
  [{}, false],
  [{ danger: 'destructive', preview: async () => ({ title: [], body: [] }) }, true],
] as const)('%j on files protects: %s', ([more, protects]) => {
  const command: Command = { ...onFile, ...more };
  expect(protectsFor(command, {})).toBe(protects);
  expect(Object.keys(argumentsOf(command)).includes('overrideProtection')).toBe(protects);
});

test('help says why a command may be used on protected accounts, too', () => {
  const command: Command = { ...onFile, protects: { nobody: 'it only shows it' } };
  expect(conditions(command, '!')).toContain(
    'It works on protected accounts, too: it only shows it.',
  );
});

test.for([
  ['ratelimit', 'Who can use it depends on its flags. Needs no confirmation.'],
  ['admin', 'Who can use it, and whether it asks for confirmation, depends on its flags.'],
  ['deactivate', 'Moderators and admins can use it. Asks for confirmation.'],
  ['confirm', 'It changes what the confirmed command changes.'],
  ['cancel', 'It ends the confirmation; the command is not carried out.'],
  ['undo', 'asks for confirmation if that command does; with --operation it always asks.'],
] as const)('help says what is true of %s', async ([name, sentence]) => {
  const command = (await loadCommands()).find((one) => one.name === name);
  expect(command && conditions(command, '!')).toContain(sentence);
});

test('help says so if only the confirmation depends on flags', () => {
  const command = { ...enable, maxDanger: 'destructive', role: 'admin' } as const;
  expect(conditions(command, '!')).toBe(
    'Only admins can use it. Whether it asks for confirmation depends on its flags.',
  );
});
