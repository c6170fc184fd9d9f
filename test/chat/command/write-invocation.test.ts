import * as fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import { describe, expect, test } from 'vitest';

import { flag, positional } from '../../../src/chat/command/arguments.ts';
import type { Argument } from '../../../src/chat/command/arguments.ts';
import { defineCommand } from '../../../src/chat/command/declaration.ts';
import type { Command } from '../../../src/chat/command/declaration.ts';
import type { Json } from '../../../src/chat/command/invocation.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { argumentsOf, canChange } from '../../../src/chat/command/properties.ts';
import { commandTokens, readArguments } from '../../../src/chat/command/read-arguments.ts';
import { shortLine, writeInvocation } from '../../../src/chat/command/write-invocation.ts';
import { readReference } from '../../../src/chat/reading/values.ts';
import { readDuration } from '../../../src/core/duration.ts';
import { parseEventId, parseRoomId, parseUserId } from '../../../src/core/ids.ts';

const commands = await loadCommands();
const context = { serverName: 'example.com', now: Date.UTC(2026, 10, 21), prefix: '!' };

/** Values that a careless writer or reader would change. */
const trickyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom(...Array.from(`a \\"'“”„‘’«»-—–=:\n\u00A0`)), maxLength: 20 }),
  fc.constantFrom(
    'true',
    'false',
    'value:3',
    'value:0',
    '--',
    '-',
    '—',
    '--erase',
    '--no-erase',
    '--reason=x',
    '=',
    '',
    ' ',
    '"',
    '\\',
    "don't",
    '‘don’t’',
    '7d',
    '007',
    'null',
    '__proto__',
    '@a:x',
  ),
);
const trickyWord = trickyText.map((text) => text.replaceAll(/\s/gu, '')).filter(Boolean);
const localpart = fc
  .string({
    unit: fc.constantFrom(...Array.from(`ab0._=-/+"'\\“—ä日😀`)),
    minLength: 1,
    maxLength: 12,
  })
  .filter((text) => parseUserId(`@${text}:x`) !== undefined);
const userId = localpart.map((local) => `@${local}:example.com`);
const roomId = fc
  .oneof(
    localpart.map((local) => `!${local}:example.com`),
    localpart.map((local) => `!${local}`),
  )
  .filter((text) => parseRoomId(text) !== undefined);
const eventId = localpart
  .map((local) => `$${local}`)
  .filter((text) => parseEventId(text) !== undefined);
const mediaServer = 'files.example.com:8448';
const mediaUri = fc
  .string({ unit: fc.constantFrom(...Array.from('aB0_-')), minLength: 1, maxLength: 24 })
  .map((id) => `mxc://${mediaServer}/${id}`);

function valueOf({ kind, options }: Argument): Arbitrary<Json> {
  const { min = 0, max = 999_999_999, choices = [] } = options;
  switch (kind) {
    case 'account':
    case 'identity':
    case 'user':
      return userId;
    case 'room':
      return roomId;
    case 'target':
      return fc.oneof(userId, roomId);
    case 'event':
      return fc.record({ room: roomId, event: eventId });
    case 'media':
      return mediaUri;
    case 'text':
      // What is kept as it was typed has no blanks around it.
      return options.verbatim === true
        ? trickyText.map((text) => text.trim()).filter(Boolean)
        : trickyText;
    case 'word':
      // What lists alternatives takes nothing else.
      return options.placeholder?.includes('|') === true
        ? fc.constantFrom(...options.placeholder.replace('ID', '12').split('|'))
        : trickyWord;
    case 'item':
    case 'integer':
      return fc.integer({ min, max });
    case 'boolean':
      return fc.boolean();
    case 'choice':
      return fc.constantFrom(...choices);
    case 'duration':
      return fc
        .tuple(fc.integer({ min: 1, max: 999_999 }), fc.constantFrom('s', 'm', 'h', 'd', 'w'))
        .map(([number, unit]) => readDuration(`${number}${unit}`) ?? 0);
    case 'date':
      return fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
  }
}

/** An argument's value; undefined where it may be left out, with what then stands for it. */
function givenOf(argument: Argument): Arbitrary<Json | undefined> {
  const { many, optional, required, default: fallback } = argument.options;
  const one = valueOf(argument);
  if (many === true) {
    const fewest = argument.place === 'positional' && optional !== true ? 1 : 0;
    return fc.uniqueArray(one, {
      minLength: fewest,
      maxLength: 4,
      selector: (value) => JSON.stringify(value),
    });
  }
  return required === true || (argument.place === 'positional' && optional !== true)
    ? one
    : fc.oneof(fc.constant(standsFor(argument.kind, fallback)), one);
}

/** A default time is declared as how long ago, and read as when that was. */
function standsFor(kind: Argument['kind'], fallback: Argument['options']['default']) {
  const durationMs = typeof fallback === 'string' ? (readDuration(fallback) ?? Number.NaN) : 0;
  return kind === 'date' && fallback !== undefined
    ? context.now - durationMs
    : kind === 'duration' && fallback !== undefined
      ? durationMs
      : fallback;
}

function invocationOf(command: Command) {
  const takesBareTarget = Object.values(command.args).some(
    ({ kind, options }) => kind === 'target' && options.bare === true,
  );
  /** An ID is never taken for a word by position where a user or a room needs no flag. */
  const isByPosition = (given: Readonly<Record<string, unknown>>) =>
    !takesBareTarget ||
    Object.entries(command.args).every(([key, { place, kind }]) => {
      const value = given[key];
      const isWord = place === 'positional' && kind === 'word' && typeof value === 'string';
      return !isWord || !(value.startsWith('@') || readReference(value) !== undefined);
    });
  const declared = Object.fromEntries(
    Object.entries(command.args).map(([key, argument]) => [key, givenOf(argument)]),
  );
  return fc.record({
    arguments: fc
      .record(declared)
      .filter(isByPosition)
      .map((given) => {
        // Where one by position is left out, so are those behind it.
        let isOut = false;
        for (const [key, { place, options }] of Object.entries(command.args)) {
          const isSet = (name: string) =>
            [given[name] ?? []].flat().length > 0 && given[name] !== false;
          if (options.unless?.some(isSet) === true) {
            given[key] = options.many === true ? [] : undefined;
            continue;
          }
          if (place === 'positional') {
            isOut ||= given[key] === undefined;
            given[key] = isOut ? (options.many === true ? [] : undefined) : given[key];
          }
        }
        return given;
      }),
    reason: canChange(command) ? fc.option(trickyText, { nil: undefined }) : fc.constant(undefined),
    dryRun: canChange(command) ? fc.boolean() : fc.constant(false),
    overrideProtection: Object.hasOwn(argumentsOf(command), 'overrideProtection')
      ? fc.boolean()
      : fc.constant(false),
  });
}

const sample = defineCommand({
  name: 'sample',
  summary: 'Tries all',
  args: {
    account: positional('account', 'A user'),
    room: positional('room', 'A room'),
    text: positional('text', 'Text', { optional: true }),
    words: positional('word', 'Words', { optional: true, many: true }),
    users: flag('user', 'Users', { many: true }),
    message: flag('event', 'An event'),
    file: flag('media', 'A file'),
    name: flag('text', 'Text', { default: 'spam' }),
    names: flag('text', 'Texts', { many: true }),
    limit: flag('integer', 'A number', { min: 1, max: 100, default: 20 }),
    orderBy: flag('choice', 'A choice', { choices: ['name', 'age'] }),
    for: flag('duration', 'A duration'),
    since: flag('date', 'A date'),
    erase: flag('boolean', 'Erase', { default: false }),
    purge: flag('boolean', 'Purge', { default: true }),
    guests: flag('boolean', 'Guests'),
  },
  danger: 'change',
  protects: true,
  example: 'sample',
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});

/** Users and the rest of the line as a text. */
const notice = defineCommand({
  name: 'notice',
  summary: 'Tells something',
  args: {
    users: positional('user', 'Users', { many: true }),
    text: positional('text', 'What to say', { rest: true }),
    before: flag('duration', 'Only users seen before', { required: true }),
    every: flag('duration', 'How often', { default: '1d' }),
  },
  danger: 'change',
  reversible: false,
  example: 'notice',
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});

test.each([sample, notice, ...commands].map((command) => [command.name, command] as const))(
  '%s: what is written is read as the same invocation',
  (_, command) => {
    fc.assert(
      fc.property(invocationOf(command), ({ overrideProtection, reason, ...invocation }) => {
        const line = writeInvocation(command, {
          ...invocation,
          arguments: invocation.arguments as Record<string, Json>,
          ...(reason === undefined ? {} : { reason }),
          ...(overrideProtection ? { overrideProtection } : {}),
        });
        const read = readArguments(command, commandTokens(command, line, context), context);
        expect(line.split(' ', 1)).toEqual([command.name]);
        expect(read).toMatchObject({ reason, dryRun: invocation.dryRun, overrideProtection });
        for (const key of Object.keys(command.args)) {
          expect(read.values[key], `${key} in ${line}`).toEqual(invocation.arguments[key]);
        }
      }),
      { numRuns: 200 },
    );
  },
);

describe('what is written', () => {
  const written = (args: Record<string, Json>, more: object = {}) =>
    writeInvocation(sample, { arguments: args, dryRun: false, ...more });

  test('leaves out defaults', () => {
    expect(written({ limit: 20, erase: false, purge: true, name: 'spam' })).toBe('sample');
    expect(written({ limit: 5, erase: true, purge: false, guests: false })).toBe(
      'sample --limit=5 --erase --no-purge --no-guests',
    );
  });

  test('can be read by people', () => {
    expect(
      written(
        { account: '@a:x', room: '!r:x', for: 86_400_000, since: Date.UTC(2026, 10, 21) },
        { reason: 'spam links', dryRun: true },
      ),
    ).toBe(
      'sample @a:x !r:x --for=1d --since=2026-11-21T00:00:00.000Z --reason="spam links" --dry-run',
    );
  });
});

describe('a line for people', () => {
  const short = (args: Record<string, Json>, more: object = {}) =>
    shortLine(notice, { arguments: args, dryRun: false, ...more });
  const users = Array.from({ length: 30 }, (_, at) => `@user${at}:example.com`);

  test('names the first of many', () => {
    expect(short({ users, before: 3_600_000 }, { reason: 'spam links' })).toBe(
      'notice @user0:example.com @user1:example.com @user2:example.com and 27 more --before=1h --reason="spam links"',
    );
    expect(short({ users: users.slice(0, 2) })).toBe(
      'notice @user0:example.com @user1:example.com',
    );
  });

  test('is for every command as short as it should be, with whole IDs', () => {
    const long = users.map((user) => user.replace('user', 'u'.repeat(90)));
    expect(short({ users: long })).toBe(`notice ${long[0]} and 29 more`);
    const given = { account: '@a:x', users: long.slice(0, 3), guests: true };
    const line = shortLine(sample, { arguments: given, dryRun: false });
    expect(line).toBe(`sample @a:x --users=${long[0]} …`);
  });

  test('cuts long text, and does not say when', () => {
    const text = 'x'.repeat(100);
    const cutText = `"${'x'.repeat(59)}…"`;
    expect(short({ users: ['@a:x'], text }, { reason: text, notBefore: 1e12 })).toBe(
      `notice @a:x ${cutText} --reason=${cutText}`,
    );
  });
});
