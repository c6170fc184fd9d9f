import { describe, expect, test } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { lineOn } from '../../../src/chat/command/on-homeserver.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { writeInvocation } from '../../../src/chat/command/write-invocation.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import { UsageError } from '../../../src/core/errors.ts';

const registry = createRegistry(await loadCommands());
const homeservers = [
  { name: 'one', serverName: 'one.example' },
  { name: 'two', serverName: 'two.example' },
];
const several = { homeservers, serverName: 'one.example', now: 0, prefix: '!' };

const commandCalled = (name: string) => registry.find(name) ?? expect.unreachable();

function read(line: string, context = several) {
  const [name, ...tokens] = tokenize(line);
  const command = commandCalled(name?.text ?? '');
  const { on, values } = readArguments(command, tokens, context);
  return { on, values };
}

function errorOf(line: string, context = several): string {
  try {
    read(line, context);
  } catch (error) {
    if (error instanceof UsageError) {
      return `${error.message} ${error.advice ?? ''}`;
    }
    throw error;
  }
  return expect.unreachable();
}

describe('--on NAME', () => {
  test.each([
    ['rooms --on two', 'two.example'],
    ['users --on=two --name lobby', 'two.example'],
    ['rooms --on TWO.example', 'two.example'],
    ['rooms', undefined],
  ])('of `%s`', (line, on) => {
    expect(read(line).on).toBe(on);
  });

  test('gives bare names their server', () => {
    expect(read('lock sam kim --on two').values['accounts']).toEqual([
      '@sam:two.example',
      '@kim:two.example',
    ]);
    expect(read('lock sam').values['accounts']).toEqual(['@sam:one.example']);
  });

  test('survives being written as a line again', () => {
    const { on, values } = read('users --name lobby --on two');
    const line = writeInvocation(commandCalled('users'), {
      arguments: values as never,
      dryRun: false,
      ...(on === undefined ? {} : { on }),
    });
    expect(read(line)).toEqual({ on, values });
  });

  test.each([
    [
      'rooms --on tow',
      'There is no such homeserver. Did you mean `two`? The homeservers: `one`, `two`.',
    ],
    ['rooms --on', '`--on` needs the name of a homeserver. The homeservers: `one`, `two`.'],
    ['rooms --on two --on one', 'Give `--on` once.'],
    [
      'quarantine mxc://one.example/a mxc://two.example/b',
      'These are on several homeservers. Send one command for each',
    ],
    ['delete-room !a:two.example #b:one.example', 'These are on several homeservers.'],
    ['status --on two', '`!status` is not about one homeserver. Leave out `--on`.'],
    // It would not list only what was done there.
    ['audit --on two', '`!audit` is not about one homeserver. Leave out `--on`.'],
  ])('`%s` is an error that helps', (line, message) => {
    expect(errorOf(line)).toContain(message);
  });

  test('does not exist with one homeserver, but in lines that were stored before', () => {
    const one = { ...several, homeservers: homeservers.slice(0, 1) };
    expect(errorOf('rooms --on two', one)).toBe(
      'There is only one homeserver, one.example. Leave out `--on`.',
    );
    for (const line of ['rooms --on=one.example', 'rooms --on one', 'rooms --on One.Example']) {
      expect(read(line, one)).toEqual(read('rooms', one));
    }
  });
});

describe('without --on, a command is about the homeserver', () => {
  test.each([
    ['of its room', 'room !lobby:two.example', 'two.example'],
    ['of its alias', 'room #lobby:two.example', 'two.example'],
    ['of its message', 'event https://matrix.to/#/!lobby:two.example/$message', 'two.example'],
    ['of its file', 'quarantine mxc://two.example/file', 'two.example'],
    ['that comes first, for what is on other servers', 'room !lobby:elsewhere.example', undefined],
    ['that comes first, for room IDs without one', `room !${'a'.repeat(43)}`, undefined],
    ['that comes first, if it says nothing', 'room !lobby:one.example', 'one.example'],
  ])('%s', (_, line, on) => {
    expect(read(line).on).toBe(on);
  });
});

test.each([
  ['room !lobby', 'two.example', 'room !lobby --on two'],
  ['user @sam:two.example', 'two.example', 'user @sam:two.example'],
  ['status', 'two.example', 'status'],
  ['resolve 7', 'two.example', 'resolve 7'],
  ['more', 'two.example', 'more'],
  ['room !lobby', 'one.example', 'room !lobby'],
  ['room !lobby:two.example.org', 'two.example', 'room !lobby:two.example.org --on two'],
  ['media mxc://two.example/file', 'two.example', 'media mxc://two.example/file'],
])('the next command `%s` after an answer about %s is `%s`', (line, serverName, expected) => {
  expect(lineOn(line, { registry, homeservers, serverName })).toBe(expected);
});
