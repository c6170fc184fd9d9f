import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { flag, positional } from '../../../src/chat/command/arguments.ts';
import type { Argument } from '../../../src/chat/command/arguments.ts';
import { defineCommand } from '../../../src/chat/command/declaration.ts';
import type { Command } from '../../../src/chat/command/declaration.ts';
import { usage } from '../../../src/chat/command/help.ts';
import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { argumentsOf } from '../../../src/chat/command/properties.ts';
import { readArguments } from '../../../src/chat/command/read-arguments.ts';
import { tokenize } from '../../../src/chat/reading/tokenize.ts';
import { UsageError } from '../../../src/core/errors.ts';
import { parseMxcUri, parseRoomAlias, parseRoomId, parseUserId } from '../../../src/core/ids.ts';

const commands = await loadCommands();

const now = Date.UTC(2026, 10, 21, 20, 51);
const context = { serverName: 'example.com', now, prefix: '!' };

/** A command with an argument of every kind. */
const sample = defineCommand({
  name: 'sample',
  summary: 'Tries all',
  args: {
    users: positional('account', 'Users', { many: true, placeholder: 'USER' }),
    user: flag('user', 'A user'),
    room: flag('room', 'A room'),
    message: flag('event', 'An event'),
    file: flag('media', 'A file'),
    text: flag('text', 'Text'),
    word: flag('word', 'A word'),
    limit: flag('integer', 'A number', { min: 1, max: 100, default: 20 }),
    orderBy: flag('choice', 'A choice', { choices: ['name', 'age'] }),
    for: flag('duration', 'A duration'),
    since: flag('date', 'A date'),
    erase: flag('boolean', 'Erase', { default: false }),
    purge: flag('boolean', 'Purge', { default: true }),
    guests: flag('boolean', 'Guests'),
    email: flag('word', 'Addresses', { many: true }),
  },
  danger: 'change',
  example: 'sample @a:x',
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});

const two = defineCommand({
  name: 'two',
  summary: 'Takes a room and perhaps a number',
  args: {
    room: positional('room', 'The room'),
    number: positional('integer', 'The number', { optional: true }),
  },
  danger: 'read',
  example: 'two #a:x 1',
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});

const read = (line: string, command: Command = sample) =>
  readArguments(command, tokenize(line), context);
const values = (line: string, command?: Command) => read(line, command).values;

function refused(line: string, command?: Command): UsageError {
  try {
    read(line, command);
  } catch (error) {
    if (error instanceof UsageError) {
      return error;
    }
    throw error;
  }
  throw new Error(`was read: ${line}`);
}

describe('every way to write a flag', () => {
  test.each([
    ['a --word x', { word: 'x' }],
    ['a --word=x', { word: 'x' }],
    ['--word x a', { word: 'x' }],
    ['a —word x', { word: 'x' }],
    ['a –word=x', { word: 'x' }],
    ['a\u00A0--word\u00A0x', { word: 'x' }],
    ['a\n--word\nx', { word: 'x' }],
    ['a --order-by name', { orderBy: 'name' }],
    ['a --order-by NAME', { orderBy: 'name' }],
    ['a --erase', { erase: true }],
    ['--erase a', { erase: true }],
    ['a --erase=true', { erase: true }],
    ['a --erase=false', { erase: false }],
    ['a --no-erase', { erase: false }],
    ['a', { erase: false, purge: true, guests: undefined, limit: 20, email: [], text: undefined }],
    ['a --no-purge', { purge: false }],
    ['a –no-purge', { purge: false }],
    ['a --guests', { guests: true }],
    ['a --no-guests', { guests: false }],
    ['a --email x --email=y', { email: ['x', 'y'] }],
    ['a --text "two words"', { text: 'two words' }],
    ['a --text=“two words”', { text: 'two words' }],
    ['a --text "--erase"', { text: '--erase', erase: false }],
    ['a --text="—"', { text: '—' }],
    ['a --text=a=b', { text: 'a=b' }],
    ['a --text=', { text: '' }],
    ['a --text ""', { text: '' }],
    ['a --text -', { text: '-' }],
    // What a parser may take for more than text.
    ['a --text value:0', { text: 'value:0' }],
    ['a --text=value:3', { text: 'value:3' }],
    ['a --text true', { text: 'true' }],
    ['a --text 007', { text: '007' }],
    ['a --word 1e3', { word: '1e3' }],
    ['a --word a.b.c', { word: 'a.b.c' }],
  ])('%j', (line, expected) => {
    expect(values(line)).toMatchObject({ users: ['@a:example.com'], ...expected });
  });

  test('a flag does not eat the users behind it', () => {
    expect(values('--erase a true --email x b').users).toEqual([
      '@a:example.com',
      '@true:example.com',
      '@b:example.com',
    ]);
  });

  test('-- ends the flags', () => {
    expect(values('--erase -- -a --erase --no-purge=x --')).toMatchObject({
      erase: true,
      purge: true,
      users: ['-a', '--erase', '--no-purge=x', '--'].map((name) => `@${name}:example.com`),
    });
    expect(values('a --text x — @b:x').users).toEqual(['@a:example.com', '@b:x']);
  });
});

describe('kinds', () => {
  test('users', () => {
    const link = 'https://matrix.to/#/%40c%3Aelsewhere.org?via=x';
    expect(values(`a @b ${link} @d:example.com a`).users).toEqual([
      '@a:example.com',
      '@b:example.com',
      '@c:elsewhere.org',
      '@d:example.com',
    ]);
    expect(refused('a !room:x').word).toBe('!room:x');
    expect(refused('a --user b:c:d').message).toContain('`--user`');
  });

  test('rooms', () => {
    expect(values('!a:x', two)).toEqual({ room: '!a:x', number: undefined });
    expect(values('matrix:r/lobby:x 5', two)).toEqual({ room: '#lobby:x', number: 5 });
    expect(refused('lobby', two).word).toBe('lobby');
    expect(refused('@a:x', two).message).toContain('not a room');
  });

  test('events', () => {
    expect(values('a --message https://matrix.to/#/!r:x/$e').message).toEqual({
      room: '!r:x',
      event: '$e',
    });
    expect(refused('a --message $e').message).toContain('not a link to a message');
  });

  test('files', () => {
    expect(values('a --file mxc://x.example/AbC_-9').file).toBe('mxc://x.example/AbC_-9');
    const link = 'https://x.example/_matrix/media/v3/download/x.example/AbC/evil.png';
    expect(values(`a --file ${link}`).file).toBe('mxc://x.example/AbC');
    expect(refused('a --file AbC')).toMatchObject({
      word: 'AbC',
      advice: expect.stringContaining('mxc://') as string,
    });
    expect(refused('a --file https://matrix.to/#/!r:x/$e').advice).toContain('`!redact`');
  });

  test('numbers', () => {
    expect(values('a --limit 100').limit).toBe(100);
    for (const word of ['0', '101', '1.5', '1e2', '0x10', '٣', 'many', '""', '9'.repeat(16)]) {
      expect(refused(`a --limit ${word}`).message).toContain('between 1 and 100');
    }
    expect(refused('a --limit -5').message).toContain('`--limit` needs a value');
    expect(refused('a --limit=-5').word).toBe('-5');
  });

  test('choices', () => {
    expect(refused('a --order-by nam')).toMatchObject({
      word: 'nam',
      advice: 'Did you mean `name`? Possible values: name, age.',
    });
    expect(refused('a --order-by weather').advice).toBe('Possible values: name, age.');
    expect(refused('a --order-by constructor').word).toBe('constructor');
  });

  test('durations', () => {
    expect(values('a --for 24h').for).toBe(86_400_000);
    expect(refused('a --for 24').advice).toContain('`30s`');
  });

  test('dates', () => {
    const since = (word: string) => values(`a --since ${word}`).since;
    expect(since('2026-11-21')).toBe(Date.UTC(2026, 10, 21));
    expect(since('2026-11-21T18:40')).toBe(Date.UTC(2026, 10, 21, 18, 40));
    expect(since('2026-11-21T18:40Z')).toBe(Date.UTC(2026, 10, 21, 18, 40));
    expect(since('2026-11-21T18:40:30.5+02:00')).toBe(Date.UTC(2026, 10, 21, 16, 40, 30, 500));
    expect(since('2024-02-29')).toBe(Date.UTC(2024, 1, 29));
    expect(since('7d')).toBe(now - 604_800_000);
    expect(since('9999w')).toBe(0);
    for (const word of [
      'yesterday',
      '2026-02-30',
      '2026-02-29T10:00Z',
      '2026-13-01',
      '2026-11-00',
      '2026-11-21T25:00Z',
      '21.11.2026',
      '2026-11',
      '1969-12-31',
      '9999-12-31T23:59-23:59',
      '1795294998000',
    ]) {
      expect(refused(`a --since ${word}`).advice).toContain('`2026-11-21`');
    }
  });

  test('words', () => {
    expect(refused('a --word "two words"').message).toContain('not a single word');
    expect(refused('a --word ""').message).toContain('not a single word');
  });
});

describe('what can be misread is refused, naming the word', () => {
  test.each([
    ['a --eraze', '--eraze', 'Did you mean `--erase`?'],
    ['a --eraze=true', '--eraze', 'Did you mean `--erase`?'],
    ['a --Erase', '--Erase', 'Did you mean `--erase`?'],
    ['a -erase', '-erase', 'Did you mean `--erase`?'],
    ['a --no-eraze', '--no-eraze', undefined],
    ['a --weather', '--weather', undefined],
    ['a --__proto__', '--__proto__', undefined],
    ['a --__proto__=x', '--__proto__', undefined],
    ['a --constructor', '--constructor', undefined],
    ['a --constructor.prototype.x=y', '--constructor.prototype.x', undefined],
    ['a --toString x', '--toString', undefined],
    ['a --_', '--_', undefined],
    ['a ---', '---', undefined],
    ['a --=x', '--', undefined],
    ['a -e', '-e', undefined],
    ['a -5', '-5', undefined],
    ['a --orderBy name', '--orderBy', 'Did you mean `--order-by`?'],
    ['a --erase=maybe', '--erase=maybe', 'Write `--erase` or `--no-erase`.'],
    ['a --no-erase=false', '--no-erase=false', 'Write `--erase` or `--no-erase`.'],
    ['a --no-erase=true', '--no-erase=true', 'Write `--erase` or `--no-erase`.'],
    ['a --no-no-erase', '--no-no-erase', undefined],
    ['a --no-text', '--no-text', undefined],
    ['a --no-text x', '--no-text', undefined],
    ['a --text', '--text', undefined],
    ['a --text --erase', '--text', undefined],
    ['a --text -- b', '--text', undefined],
    ['a --text x --text y', '--text', undefined],
    ['a --erase --no-erase', '--no-erase', undefined],
    ['a --erase --erase', '--erase', undefined],
  ])('%s', (line, word, advice) => {
    const error = refused(line);
    expect(error.word).toBe(word);
    expect(error.advice).toBe(advice ?? error.advice);
  });

  test('missing and surplus', () => {
    expect(refused('')).toMatchObject({
      message: 'Which user?',
      advice:
        'Give `@name:server` or a name. For many, `--matching` or `--from-file`: see `!help matching`.',
    });
    expect(refused('--erase').message).toBe('Which user?');
    expect(refused('', two).message).toBe('Which room?');
    expect(refused('!a:x 1 more', two)).toMatchObject({ word: 'more' });
    expect(refused('!a:x 1 -- --x', two)).toMatchObject({ word: '--x' });
  });

  test.each([
    ['a --text spam links', 'links'],
    ['a --text spam @b:x links', 'links'],
    ['a --text spam — really annoying', 'really'],
    ['a --text spam -- really', 'really'],
    ['a —text spam links --erase', 'links'],
    ['--text spam a', 'a'],
    ['a --reason spam links', 'links'],
  ])('words that may belong to a text are no users: %s', (line, word) => {
    const error = refused(line);
    expect(error.word).toBe(word);
    expect(error.advice).toContain('in quotes');
  });

  test('of a word that may be a user, the full ID is suggested', () => {
    expect(refused('--reason spam bob').advice).toBe(
      'Put the words in quotes: `--reason "spam bob …"`. If it is a user, write `@bob:example.com`.',
    );
    expect(refused('--reason spam and/or').advice).not.toContain('If it is a user');
  });

  test('full IDs, links and what follows a flag are users', () => {
    expect(values('--text spam @a:x https://matrix.to/#/@b:x').users).toEqual(['@a:x', '@b:x']);
    expect(values('--text spam --erase a').users).toEqual(['@a:example.com']);
    expect(values('--text "spam" a').users).toEqual(['@a:example.com']);
    expect(values('--text=spam a').users).toEqual(['@a:example.com']);
  });

  test('a long word is shown in part', () => {
    const long = 'x'.repeat(60_000);
    for (const line of [
      `a --${long}`,
      `a --limit ${long}`,
      `a --order-by ${long}`,
      `a --text x ${long}`,
      `a --text ${long} x`,
      `${long}:`,
    ]) {
      const { message, advice = '' } = refused(line);
      expect(message.length + advice.length).toBeLessThan(500);
    }
    expect(refused(`!a:x 1 ${long}`, two).message.length).toBeLessThan(200);
  });
});

/** What a server notice would declare: users and a text, a flag that must be given. */
const notice = defineCommand({
  name: 'notice',
  summary: 'Tells something',
  args: {
    users: positional('account', 'One or more users', {
      many: true,
      unless: ['allUsers'],
      placeholder: 'USER',
    }),
    text: positional('text', 'What to say', { rest: true }),
    allUsers: flag('boolean', 'Everybody'),
    before: flag('duration', 'Only users seen before', { required: true, placeholder: 'AGE' }),
    every: flag('duration', 'How often', { default: '1d' }),
  },
  danger: 'change',
  reversible: false,
  protects: { nobody: 'it only says something' },
  example: 'notice @a:x --before 1h hello',
  run: async ({ args }) => {
    // Neither is ever undefined.
    const before: number = args.before;
    const text: string = args.text;
    return [before, text];
  },
  answer: () => ({ mark: '✅', title: [] }),
});

/** Users, and a word behind them that belongs to none of them. */
const move = defineCommand({
  name: 'move',
  summary: 'Moves users to a room',
  args: {
    users: positional('account', 'One or more users', { many: true, placeholder: 'USER' }),
    room: positional('room', 'Where to'),
  },
  danger: 'change',
  protects: true,
  example: 'move @a:x #b:x',
  run: async () => undefined,
  answer: () => ({ mark: '✅', title: [] }),
});

describe('several users and something behind them', () => {
  test.for([
    ['a #b:x', ['@a:example.com']],
    ['a b c #b:x', ['@a:example.com', '@b:example.com', '@c:example.com']],
    ['#b:x --from-file', []],
    ['a #b:x --matching "--name y"', ['@a:example.com']],
  ] as const)('%s', ([line, users]) => {
    expect(values(line, move)).toEqual({ users, room: '#b:x' });
  });

  test('is missing if there is only a user', () => {
    expect(refused('a', move).message).toBe('Which room?');
    expect(refused('#b:x', move).message).toContain('#b:x');
  });
});

describe('a flag that must be given', () => {
  test('is read', () => {
    expect(values('a --before 2h hello', notice)).toMatchObject({ before: 7_200_000 });
  });

  test('is demanded, with an example', () => {
    expect(refused('a hello', notice)).toMatchObject({
      message: '`--before` is missing.',
      word: '--before',
      advice: 'Only users seen before: `--before AGE`',
    });
  });

  test('stands without brackets in the usage', () => {
    expect(usage(notice, '!')).toBe(
      '!notice [USER…|--matching "FILTERS"|--from-file] TEXT [--all-users] --before AGE [--every 24h] [--reason TEXT] [--dry-run]',
    );
  });
});

describe('commas between users', () => {
  test.each([
    ['@a:x, @b:x', ['@a:x', '@b:x']],
    ['@a:x , @b:x', ['@a:x', '@b:x']],
    ['@a:x,@b:x;@c:x,', ['@a:x', '@b:x', '@c:x']],
    ['mallory, eve', ['@mallory:example.com', '@eve:example.com']],
    ['https://matrix.to/#/@a:x,https://matrix.to/#/@b:x', ['@a:x', '@b:x']],
    ['@a:x:8448,@b:[::1]:80', ['@a:x:8448', '@b:[::1]:80']],
    // Old names may contain commas, and these can be nothing else.
    ['@a,b:x', ['@a,b:x']],
    ['@a,@b:x', ['@a,@b:x']],
    ['@a:x,@b,c:x', undefined],
    ['"a,b"', ['@a,b:example.com']],
  ])('%s', (line, expected) => {
    expect(readIfFit(line)?.values['users']).toEqual(expected);
  });

  test.each([
    ['mallory,eve', 'mallory eve', '@mallory,eve:example.com'],
    ['@mallory;@eve', '@mallory @eve', '@mallory;@eve:example.com'],
  ])('%s may be one user or several', (line, several, one) => {
    expect(refused(line)).toMatchObject({
      message: `\`${line}\` may be one user or several.`,
      word: line,
      advice: `Put spaces between users: \`${several}\`. If it is the name of one user, write \`${one}\`.`,
    });
  });

  test('behind a full ID, a bare name is not guessed', () => {
    expect(refused('@a:x,eve')).toMatchObject({
      message: '`@a:x,eve` may be one user or several.',
      advice: 'Put spaces between users: `@a:x eve`.',
    });
  });

  test.each([
    ['@a:x , @b:x were warned --before 1h', ['@a:x', '@b:x'], 'were warned'],
    ['@a:x ; @b:x,@c:x hello --before 1h', ['@a:x', '@b:x', '@c:x'], 'hello'],
    ['@a:x hello @b:x, bye --before 1h', ['@a:x'], 'hello @b:x, bye'],
  ])('before a text: %s', (line, users, text) => {
    expect(values(line, notice)).toMatchObject({ users, text });
  });

  test('behind the query of a link, another user follows', () => {
    const link = (user: string) => `https://matrix.to/#/${user}?via=x`;
    expect(values(`${link('@a:x')},${link('@b:x')}`)['users']).toEqual(['@a:x', '@b:x']);
    expect(values('matrix:u/a:x?action=chat,matrix:u/b:x')['users']).toEqual(['@a:x', '@b:x']);
    expect(values('https://matrix.to/#/@a:x?via=x,y')['users']).toEqual(['@a:x']);
  });

  test('are no way around the limit of users in one command', () => {
    const line = Array.from({ length: 1001 }, (_, at) => `@u${at}:x`).join(',');
    expect(refused(line).message).toBe('USER can’t have 1,001 words.');
  });

  test('between anything else are not read', () => {
    expect(refused('@a:x,not:a:user').message).toContain('is not a user');
    expect(refused(', ;').message).toContain('is not a user');
    expect(refused('@a:x ?').message).toContain('is not a user');
  });
});

describe('what a message about a report leaves out', () => {
  const remark = defineCommand({
    name: 'remark',
    summary: 'Remarks something',
    args: {
      about: positional('target', 'A user or a room', { implied: true }),
      text: positional('text', 'What', { rest: true }),
    },
    danger: 'change',
    reversible: false,
    example: 'remark @a:x hello',
    run: async () => undefined,
    answer: () => ({ mark: '✅', title: [] }),
  });
  const label: Command = {
    ...remark,
    name: 'label',
    args: {
      about: positional('target', 'A user or a room', { implied: true }),
      name: positional('word', 'A name'),
    },
  };
  const read = (command: Command, line: string) =>
    readArguments(command, tokenize(line), {
      ...context,
      fillIn: (kind) => (kind === 'target' ? '@sender:x' : undefined),
    });

  test.each([
    [remark, 'was warned', { about: '@sender:x', text: 'was warned' }],
    [remark, '@a:x was warned', { about: '@a:x', text: 'was warned' }],
    [remark, '#lobby:x is quiet', { about: '#lobby:x', text: 'is quiet' }],
    [remark, String.raw`@a:x "said \"no\" "`, { about: '@a:x', text: 'said "no" ' }],
    [label, 'spammer', { about: '@sender:x', name: 'spammer' }],
    [label, 'alice spammer', { about: '@alice:example.com', name: 'spammer' }],
  ] as const)('%#: is filled in', (command, line, expected) => {
    const { values: found, filledIn } = read(command, line);
    expect(found).toMatchObject(expected);
    expect(filledIn).toEqual(expected.about === '@sender:x' ? ['about'] : []);
  });

  test('is missed in any other message', () => {
    const alone = (command: Command, line: string) =>
      readArguments(command, tokenize(line), context);
    expect(alone(remark, 'alice was warned').values).toMatchObject({ about: '@alice:example.com' });
    expect(() => alone(label, 'spammer')).toThrow('NAME is missing');
    expect(() => read(remark, '@a:x')).toThrow('TEXT is missing');
  });
});

describe('the rest of a line as one text', () => {
  test.each([
    ['alice please read this', ['@alice:example.com'], 'please read this'],
    ['alice bob please', ['@alice:example.com'], 'bob please'],
    ['@a:x, @b:x please read', ['@a:x', '@b:x'], 'please read'],
    ['@a:x,@b:x please read', ['@a:x', '@b:x'], 'please read'],
    ['@a:x @b:x,@c:x @d:x,@e:x', ['@a:x', '@b:x', '@c:x'], '@d:x,@e:x'],
    ['@a:x hello @b:x,@c:x', ['@a:x'], 'hello @b:x,@c:x'],
    ['@a:x https://matrix.to/#/@b:x please', ['@a:x', '@b:x'], 'please'],
    ['@a:x @b:x don’t write to @c:x', ['@a:x', '@b:x'], 'don’t write to @c:x'],
    ['@a:x #lobby:x is closed', ['@a:x'], '#lobby:x is closed'],
    ['@a:x @b:x', ['@a:x'], '@b:x'],
    ['@a:x "two  words\nand a line"', ['@a:x'], 'two  words\nand a line'],
    ['--before 1h @a:x hello -- --you', ['@a:x'], 'hello --you'],
    ['@a:x hello --every 2d again', ['@a:x'], 'hello again'],
  ])('%s', (line, users, text) => {
    const { values: read } = readArguments(
      notice,
      tokenize(`--before=1h ${line}`.replace('--before=1h --before 1h', '--before 1h')),
      context,
    );
    expect(read).toMatchObject({ users, text });
  });

  test('belongs to nobody if a flag stands for the users', () => {
    expect(values('--all-users --before 1h @a:x hello', notice)).toMatchObject({
      users: [],
      text: '@a:x hello',
    });
  });

  test('is demanded', () => {
    expect(refused('@a:x --before 1h', notice)).toMatchObject({
      message: 'TEXT is missing.',
      advice: 'What to say.',
    });
  });
});

describe('a default', () => {
  test('is written as people write it, and is a value when it is read', () => {
    expect(values('a --before 1h x', notice)['every']).toBe(86_400_000);
    expect(notice.args['every']?.options.default).toBe('1d');
  });

  test('that can’t be read stops the start', () => {
    expect(() => flag('duration', 'How often', { default: 'often' })).toThrow(
      'the default often is not a duration',
    );
  });
});

describe('flags of every changing command', () => {
  test('are no arguments of its own', () => {
    expect(read('a --reason "spam links" --dry-run')).toMatchObject({
      reason: 'spam links',
      dryRun: true,
    });
    expect(read('a')).toMatchObject({ reason: undefined, dryRun: false });
    expect(Object.keys(values('a --reason x --dry-run')).sort()).toEqual(
      Object.keys(sample.args).sort(),
    );
  });

  test('a command that changes nothing has none', () => {
    expect(refused('!a:x --reason spam', two).word).toBe('--reason');
    expect(refused('!a:x --dry-run', two).word).toBe('--dry-run');
  });
});

/** What was read; undefined where it was refused as usage, and nothing else may be thrown. */
function readIfFit(line: string, command?: Command) {
  try {
    return read(line, command);
  } catch (error) {
    if (error instanceof UsageError) {
      return undefined;
    }
    throw error;
  }
}

/** Whether a value has the form that its declaration promises to the command. */
function fits(value: unknown, argument: Argument | undefined): boolean {
  if (argument === undefined) {
    return false;
  }
  const { kind, options } = argument;
  if (options.many === true) {
    const { many: _, ...one } = options;
    return Array.isArray(value) && value.every((its) => fits(its, { ...argument, options: one }));
  }
  if (value === undefined) {
    // A flag stands for it.
    const isReplaced = options.unless !== undefined;
    return argument.place === 'flag' || options.optional === true || isReplaced;
  }
  if (kind === 'boolean') {
    return typeof value === 'boolean';
  }
  if (kind === 'integer' || kind === 'item' || kind === 'duration' || kind === 'date') {
    return Number.isSafeInteger(value);
  }
  if (kind === 'event') {
    return typeof value === 'object' && value !== null && 'event' in value && 'room' in value;
  }
  if (typeof value !== 'string') {
    return false;
  }
  switch (kind) {
    case 'choice':
      return options.choices?.includes(value) === true;
    case 'account':
    case 'identity':
    case 'user':
      return parseUserId(value) !== undefined;
    case 'room':
      return (parseRoomId(value) ?? parseRoomAlias(value)) !== undefined;
    case 'target':
      return (parseUserId(value) ?? parseRoomId(value) ?? parseRoomAlias(value)) !== undefined;
    case 'media':
      return parseMxcUri(value) !== undefined;
    case 'word':
      return /^\S+$/u.test(value);
    case 'text':
      return true;
  }
}

/** Words as they come near a command: flags, halves of them, values, nonsense. */
function lineFor(command: Command) {
  const names = Object.keys(argumentsOf(command)).map((key) =>
    key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
  );
  const word = fc.oneof(
    fc.constantFrom(
      '--reason',
      ...names.flatMap((name) => [`--${name}`, `—${name}`, `--no-${name}`, name]),
    ),
    fc.constantFrom('--', '-', '—', '--x', '"', '@a:x', '!r:x', '7d', '5', 'true', '--__proto__=1'),
    fc.string({ unit: 'binary', maxLength: 10 }),
    fc
      .tuple(fc.constantFrom('x', ...names), fc.string({ maxLength: 10 }))
      .map(([name, value]) => `--${name}=${value}`),
  );
  return fc.array(word, { maxLength: 8 }).map((words) => words.join(' '));
}

test.each([sample, two, ...commands].map((command) => [command.name, command] as const))(
  'whatever is typed behind %s, it is read as declared or refused as usage',
  (_, command) => {
    fc.assert(
      fc.property(lineFor(command), (line) => {
        const found = readIfFit(line, command);
        for (const [key, value] of Object.entries(found?.values ?? {})) {
          expect([key, fits(value, command.args[key])]).toEqual([key, true]);
        }
      }),
      { numRuns: 300 },
    );
  },
  30_000,
);

test('nothing that is typed reaches the prototype of all objects', () => {
  for (const line of ['a --__proto__.x=1', 'a --constructor.prototype.x=1', '__proto__']) {
    readIfFit(line);
  }
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

test('a thousand users are read at once, and no more', () => {
  const names = Array.from({ length: 1001 }, (_, at) => `u${at}`);
  expect(values(names.slice(1).join(' ')).users).toHaveLength(1000);
  expect(() => values(names.join(' '))).toThrow('USER can’t have 1,001 words');
});

/** Reads a line by the declaration of the command that it names. */
const readLine = async (line: string) => {
  const { createRegistry } = await import('../../../src/chat/command/registry.ts');
  const registry = createRegistry(commands);
  const [name = '', ...words] = tokenize(line);
  const command = registry.find(typeof name === 'string' ? name : name.text);
  const context = { serverName: 'example.com', now: 0, prefix: '!' };
  return readArguments(command ?? expect.unreachable(), words, context).values;
};

describe('a value without the name of its flag', () => {
  test.each([
    ['reports open', { state: 'open' }],
    ['reports @mal:example.com Resolved', { state: 'resolved', sender: '@mal:example.com' }],
    ['reports #lobby:example.com', { room: '#lobby:example.com' }],
    ['stats 7d', { last: 604_800_000 }],
    ['users mal', { name: 'mal' }],
    ['users mal lory --deactivated', { name: 'mal lory', deactivated: true }],
    ['rooms lobby', { search: 'lobby' }],
    ['tokens valid', { valid: true }],
    ['audit @mal', { target: '@mal:example.com', what: undefined }],
    ['audit #1', { what: '#1' }],
    ['audit failed', { status: 'failed' }],
    ['claim #4, #5', { items: [4, 5] }],
    ['claim #4 #5.', { items: [4, 5] }],
    ['report #4', { item: 4 }],
    ['undo last', { entry: 'last' }],
  ])('%s', async (line, expected) => {
    expect(await readLine(line)).toMatchObject(expected);
  });

  test.each([
    ['reports open claimed', 'Unexpected word'],
    ['reports --state open claimed', 'Unexpected word'],
    ['stats soon', 'Unexpected word'],
    ['reports opne', 'Unexpected word'],
  ])('%s is refused', async (line, why) => {
    await expect(readLine(line)).rejects.toThrow(why);
  });

  test('a name where only the flag for users can take it is answered with the flag', async () => {
    await expect(readLine('reports mallory')).rejects.toMatchObject({
      message: 'Unexpected word: `mallory`.',
      advice: 'If it is a user, write `--sender mallory`.',
    });
    await expect(readLine('reports @bob mallory')).rejects.toMatchObject({
      advice: '`!reports` takes no such argument.',
    });
  });

  test('a file where a user is wanted is said to be one, with what takes it', async () => {
    await expect(readLine('deactivate mxc://example.com/abc')).rejects.toMatchObject({
      message: '`mxc://example.com/abc` is a file, not a user.',
      advice: expect.stringContaining('`!quarantine mxc://example.com/abc`') as unknown,
    });
  });
});

describe('users or files', () => {
  const files = ['mxc://example.com/abc', 'mxc://example.com/def'];

  test.each([
    ['delete-media mxc://example.com/abc, mxc://example.com/def', { account: [], media: files }],
    [
      'delete-media https://example.com/_matrix/client/v1/media/download/example.com/abc',
      { account: [], media: files.slice(0, 1) },
    ],
    ['delete-media @a:example.com b', { account: ['@a:example.com', '@b:example.com'], media: [] }],
    ['delete-media --matching spam*', { account: [], media: [] }],
    ['quarantine mxc://example.com/abc mxc://example.com/def', { media: files, user: [] }],
    [
      'quarantine --user @a:example.com @b:example.com --user @a:example.com',
      { media: [], user: ['@a:example.com', '@b:example.com'] },
    ],
    ['unquarantine --from-file', { media: [], user: [] }],
  ])('%s', async (line, values) => {
    expect(await readLine(line)).toMatchObject(values);
  });

  test.each([
    [
      'delete-media mxc://example.com/abc @a:example.com',
      'Give users or files, not both.',
      '@a:example.com',
    ],
    ['delete-media spam mxc://example.com/abc', 'Give users or files, not both.', 'spam'],
    [
      'delete-media mxc://example.com/abc --matching spam*',
      'Give users or files, not both.',
      undefined,
    ],
    [
      'delete-media mxc://example.com',
      '`mxc://example.com` is not a media link.',
      'mxc://example.com',
    ],
    ['delete-media', 'Which user or file?', undefined],
    [
      'quarantine mxc://example.com/abc --user a',
      'Give MEDIA-LINK or `--user`, not both.',
      undefined,
    ],
    [
      'quarantine --user a mxc://example.com/abc',
      'Give MEDIA-LINK or `--user`, not both.',
      undefined,
    ],
    ['quarantine', 'MEDIA-LINK is missing.', undefined],
    ...['quarantine', 'unquarantine', 'protect-media', 'unprotect-media'].map(
      (name) =>
        [
          `${name} mxc://example.com/abc mxc://example.com/def --for 1d`,
          '`--for` works for one file at a time.',
          '--for',
        ] as const,
    ),
    [
      'quarantine --user a --for 1d',
      '`--for` works for a file that you name, not for those of users or rooms.',
      '--for',
    ],
  ] as const)('%s is refused', async (line, message, word) => {
    await expect(readLine(line)).rejects.toMatchObject({ message, word });
  });
});
