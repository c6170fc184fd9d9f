import assert from 'node:assert/strict';

import { expect, test } from 'vitest';

import { textOf } from '../../../src/chat/answers/answer.ts';
import type { Command } from '../../../src/chat/command/declaration.ts';
import {
  commandsAbout,
  helpFor,
  helpForAll,
  helpForGroup,
  usage,
  usageFor,
} from '../../../src/chat/command/help.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';

const registry = createRegistry(await loadCommands());
const about = (word: string) => commandsAbout(registry, word).map(({ name }) => name);

test('help has a short line for each group', () => {
  const { body = [] } = helpForAll(registry, '!');
  const lines = body.map((block) => (block.kind === 'line' ? textOf(block.content) : ''));
  expect(lines).toHaveLength(8);
  expect(lines[0]).toMatch(/^Accounts \(\d+\): deactivate · redact-user · .* · …$/u);
  expect(lines.at(-1)).toMatch(/^Bot \(\d+\): audit · /u);
});

test('the help of a group leads to the command that is called like it', () => {
  expect(helpForGroup(registry, 'media', '%')).toMatchObject({ next: ['help %media'] });
  expect(helpForGroup(registry, 'server', '%')).toMatchObject({ next: [] });
});

test.each([
  // By name and by synonym, before what is only described with the word.
  ['password', 'reset-password', 'create-user'],
  ['Quarantine', 'quarantine', 'unquarantine'],
  ['ban', 'shadow-ban', 'redact-user'],
])('%s finds %s before %s', (word, first, later) => {
  const found = about(word);
  expect(found).toContain(first);
  expect(found.indexOf(first)).toBeLessThan(
    found.includes(later) ? found.indexOf(later) : found.length,
  );
});

test.each(['', 'a', '!', '.*', 'no such word'])('nothing is about %j', (word) => {
  expect(about(word)).toEqual([]);
});

test('the usage of a command that takes many accounts names all ways to choose them', () => {
  const usageOf = (name: string) => usage(registry.find(name) as Command, '!');
  expect(usageOf('deactivate')).toBe(
    '!deactivate USER…|--matching "FILTERS"|--from-file [--erase] [--reason TEXT] [--dry-run]',
  );
  expect(usageOf('join')).toBe(
    '!join USER…|--matching "FILTERS"|--from-file ROOM [--reason TEXT] [--dry-run]',
  );
  expect(usageOf('user')).not.toContain('--matching');
});

test('the help of a command names similar ones', () => {
  const redact = registry.find('redact');
  assert(redact !== undefined);
  const { body = [] } = helpFor(redact, '!', commandsAbout(registry, 'user'));
  const also = body.flatMap((block) => (block.kind === 'line' ? [textOf(block.content)] : []));
  expect(also.at(-1)).toMatch(/^See also: !\S+( · !\S+){4}$/u);
});

test('the help of a command names the homeservers for --on, if there are several', () => {
  const helpOf = (name: string, ...names: readonly string[]) => {
    const homeservers = names.map((one) => ({ name: one, serverName: `${one}.example` }));
    return JSON.stringify(helpFor(registry.find(name) as Command, '!', [], homeservers).body);
  };
  const onFlag = '--on';
  expect(helpOf('users', 'one', 'two')).toContain(
    ': The homeserver, if no ID says it: one, two (default: one)',
  );
  expect(helpOf('users', 'one')).not.toContain(onFlag);
  expect(helpOf('status', 'one', 'two')).not.toContain(onFlag);
});

test('the usage line of an error is short, and shows what the error is about', () => {
  const line = (name: string, error: { argument?: string; word?: string }) =>
    usageFor(registry.find(name) as Command, '!', {
      argument: undefined,
      word: undefined,
      ...error,
    });
  expect(line('audit', { argument: 'until', word: 'yesterday' })).toBe(
    '!audit … [--until 7d] … (all: !help audit)',
  );
  expect(line('audit', { word: '--limit' })).toBe('!audit … [--limit N] … (all: !help audit)');
  expect(line('audit', { word: '--statsu' })).toContain('!audit … [[--status] done|failed|');
  expect(line('audit', { word: 'exprot' })).toBe('!audit [ID|export|verify] … (all: !help audit)');
  expect(line('users', { word: '--nonsense' })).toBe('!users … (all: !help users)');
  // A short one is shown whole.
  expect(line('lock', { word: '--force' })).toBe(usage(registry.find('lock') as Command, '!'));
  for (const command of registry.all) {
    for (const argument of Object.keys(command.args)) {
      expect(line(command.name, { argument }).length).toBeLessThanOrEqual(160);
    }
  }
});
