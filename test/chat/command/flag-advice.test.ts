import { describe, expect, test } from 'vitest';

import { flagName } from '../../../src/chat/command/arguments.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { argumentsOf } from '../../../src/chat/command/properties.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import { UsageError } from '../../../src/core/errors.ts';

const registry = createRegistry(await loadCommands());

/** The error of a line, and its advice. */
function refused(line: string): { message: string; advice: string } {
  const [name, ...tokens] = tokenize(line);
  const command = registry.find(name?.text ?? '');
  try {
    if (command !== undefined) {
      readArguments(command, tokens, { serverName: 'example.com', now: 0, prefix: '!' });
    }
  } catch (error) {
    if (error instanceof UsageError) {
      return { message: error.message, advice: error.advice ?? '' };
    }
    throw error;
  }
  throw new Error(`${line} was read`);
}

describe('filters outside the quotes of --matching', () => {
  test.each([
    ['lock --matching spam* --created-after 2d', '"spam* --created-after 2d"'],
    ['lock --matching=spam* --created-after 2d --dry-run', '"spam* --created-after 2d"'],
    ['lock --matching "spam*" --created-after=2d', '"spam* --created-after=2d"'],
    ['lock --matching --name "two words" --reason x', `"--name 'two words'"`],
    ['lock --reason raid --matching --locked', '"--locked"'],
  ])('%s is answered with %s', (line, filters) => {
    expect(refused(line).advice).toBe(
      `Put all filters in one pair of quotes: \`--matching ${filters}\`.`,
    );
  });

  test('are recognized, whatever the filter', () => {
    const users = registry.find('users');
    const filters = Object.keys(users === undefined ? {} : argumentsOf(users)).map(flagName);
    expect(filters).toContain('created-after');
    for (const filter of filters) {
      expect(refused(`lock --matching spam* --${filter} x`).advice).toContain('one pair of quotes');
    }
  });

  test('are not seen behind another flag, or without --matching', () => {
    for (const line of [
      'lock --matching spam* --dry-run --created-after 2d',
      'lock @a:x --created-after 2d',
    ]) {
      expect(refused(line).advice).toBe('If it is a value, put it in quotes: `"--created-after"`.');
    }
  });

  test('a flag of the command that is typed wrong is not a filter', () => {
    expect(refused('lock --matching spam* --dry_run').advice).toBe('Did you mean `--dry-run`?');
  });
});

test.each([
  ['lock --file', '--from-file'],
  ['lock --csv', '--from-file'],
  ['lock --users a', '--from-file'],
  ['lock --filter spam*', '--matching'],
  ['lock --where spam*', '--matching'],
  ['lock @a:x --when 22:00', '--at'],
  ['lock @a:x --time 22:00', '--at'],
  ['lock @a:x --date 2026-12-31', '--at'],
  ['lock @a:x --after 2h', '--in'],
  ['lock @a:x --delay 2h', '--in'],
  ['lock @a:x --duration 2h', '--for'],
])('%s is answered with %s', (line, flag) => {
  const { message, advice } = refused(line);
  expect(message).toContain('has no flag');
  expect(advice).toMatch(new RegExp(`^Did you mean \`${flag}\`\\? (?:It takes|Send)`, 'u'));
});

test('another name is not offered for a flag that the command does not have', () => {
  expect(refused('users --when 22:00').advice).not.toContain('--at');
  expect(refused('deactivate @a:x --duration 2h').advice).not.toContain('--for');
});

test.each([
  ['audit limit 5', '--limit'],
  ['create-token uses 1', '--uses'],
  ['delete-room #a:x block', '--block'],
])('a flag without its dashes: %s', (line, flag) => {
  expect(refused(line)).toMatchObject({
    message: expect.stringContaining('Unexpected word') as unknown,
    advice: expect.stringContaining(`Did you mean the flag \`${flag}\`?`) as unknown,
  });
});

describe('a duration or a time of several words', () => {
  test.each([
    ['lock @a:x --in 1 minute', 'Write `--in 1m`.'],
    ['lock @a:x --for 2 hours', 'Write `--for 2h`.'],
    ['lock @a:x --at 22:00 UTC', 'Put the whole time in quotes: `--at "22:00 UTC"`.'],
    ['lock @a:x --at 22:00 +01:00', 'Put the whole time in quotes: `--at "22:00 +01:00"`.'],
    [
      'audit --since 2026-12-31 22:00',
      'Put the whole time in quotes: `--since "2026-12-31 22:00"`.',
    ],
  ])('%s is answered with %s', (line, advice) => {
    expect(refused(line)).toMatchObject({
      message: expect.stringContaining('takes one word') as unknown,
      advice,
    });
  });

  test.each(['--in 1minute', '--in 1min', '--for=90minutes'])(
    '%s is answered with the unit',
    (flag) => {
      expect(refused(`lock @a:x ${flag}`).advice).toMatch(/^Did you mean `(?:1|90)m`\?$/u);
    },
  );

  test.each([
    'audit export --since "2026-11-01 18:00 Europe/Berlin" --format csv',
    'audit --until "2026-11-02 10:00" --since "2026-11-01 10:00"',
  ])('flags may follow a time in quotes: %s', (line) => {
    expect(() => refused(line)).toThrow(`${line} was read`);
  });

  test('users may follow', () => {
    const command = registry.find('lock');
    const tokens = tokenize('--in 2h minute @m:x');
    expect(
      command && readArguments(command, tokens, { serverName: 'x', now: 0, prefix: '!' }).values,
    ).toMatchObject({ accounts: ['@minute:x', '@m:x'] });
  });
});

describe('flags by other names, and values of another kind', () => {
  test.each([
    ['transparency --last 30d', '`--from 2026-07-01 --to 2026-12-31`'],
    ['transparency --since 30d --to 2026-12-31', '`--from 2026-07-01 --to 2026-12-31`'],
    ['tag @m:x spam --for 2027-11-01', '`--until "2026-11-01 10:00 Europe/Berlin"`'],
    [
      'tag @m:x spam --for 2027-11-01 10:00 Europe/Berlin',
      '`--until "2026-11-01 10:00 Europe/Berlin"`',
    ],
    ['tag @m:x spam --until tomorrow', 'unless a zone follows: `"2026-11-01 10:00 Europe/Berlin"`'],
    [
      'tag @m:x spam --until "2027-11-01 10:00 Mars/Olympus"',
      'unless a zone follows: `"2026-11-01 10:00 Europe/Berlin"`',
    ],
    [
      'tag @m:x spam --until 2027-11-01 10:00 Europe/Berlin',
      '`--until "2027-11-01 10:00 Europe/Berlin"`',
    ],
    ['lock @m:x --at 25:00', 'unless a zone follows'],
  ])('%s is answered with %s', (line, advice) => {
    expect(refused(line).advice).toContain(advice);
  });

  test('that the advice names are read', () => {
    const tag = registry.find('tag');
    const words = tokenize('@m:x spam --until "2026-11-01 10:00 Europe/Berlin"');
    const read = tag && readArguments(tag, words, { serverName: 'x', now: 0, prefix: '!' });
    expect(read?.values['until']).toBe(Date.UTC(2026, 10, 1, 9));
  });
});
