import { readdir } from 'node:fs/promises';

import { describe, expect, test } from 'vitest';

import type { Answer } from '../../src/chat/answers/answer.ts';
import { flagName } from '../../src/chat/command/arguments.ts';
import { dangers, groups } from '../../src/chat/command/declaration.ts';
import type { Command, Danger, Group } from '../../src/chat/command/declaration.ts';
import {
  groupNamed,
  helpFor,
  helpForAll,
  helpForGroup,
  usage,
} from '../../src/chat/command/help.ts';
import { loadCommands } from '../../src/chat/command/load-commands.ts';
import {
  argumentsOf,
  canChange,
  dangerOf,
  leastDangerOf,
  maxDangerOf,
  placeholderOf,
  roleFor,
  subjectOf,
  takesMany,
} from '../../src/chat/command/properties.ts';
import { readArguments } from '../../src/chat/command/read-arguments.ts';
import { createRegistry, recordCommandsIn } from '../../src/chat/command/registry.ts';
import { tokenize } from '../../src/chat/reading/tokenize.ts';
import { parseEventId, parseRoomId } from '../../src/core/ids.ts';
import { replyContent } from '../../src/matrix/delivery/content.ts';

const commands = await loadCommands();
const registry = createRegistry(commands);
const context = { serverName: 'example.com', now: Date.now(), prefix: '!' };
const kebab = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/u;

const origin = {
  event: parseEventId('$event') ?? expect.unreachable(),
  room: parseRoomId('!room:x') ?? expect.unreachable(),
};

/** The dangers that a command can have; of one that depends on its flags, those of its example. */
function dangersOf(command: Command): Danger[] {
  if (typeof command.danger !== 'function') {
    return [command.danger];
  }
  const tokens = tokenize(command.example).slice(1);
  return [dangerOf(command, readArguments(command, tokens, context).values)];
}

test('there are commands, and no two of one name', () => {
  expect(commands.length).toBeGreaterThan(10);
  const names = commands.flatMap(({ name, aliases = [] }) => [name, ...aliases]);
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
});

test('what changes only the bot’s own records, so that rules may do it without a limit', () => {
  expect(recordCommandsIn(registry)).toEqual([
    'claim',
    'dismiss',
    'note',
    'remove-note',
    'reopen',
    'resolve',
    'restore-note',
    'tag',
    'untag',
  ]);
});

test('what gives back a part of a command takes the same targets', () => {
  const found = commands.filter(({ partlyUndoneBy }) => partlyUndoneBy !== undefined);
  expect(found).not.toEqual([]);
  const kindOfTargets = (command: Command | undefined) =>
    command === undefined
      ? 'there is no such command'
      : [command.args[subjectOf(command) ?? '']?.kind, takesMany(command)];
  expect(
    found.map(({ partlyUndoneBy = '' }) => kindOfTargets(registry.find(partlyUndoneBy))),
  ).toEqual(found.map(kindOfTargets));
});

test('each file of a group is a command of that name', async () => {
  for (const group of Object.keys(groups)) {
    const folder = new URL(`../../src/commands/${group}/`, import.meta.url);
    const files = new Set((await readdir(folder)).filter((file) => file.endsWith('.ts')));
    const names = new Set(
      commands.filter((command) => command.group === group).map(({ name }) => `${name}.ts`),
    );
    expect([...files.symmetricDifference(names)], `in src/commands/${group}/`).toEqual([]);
  }
});

/** An answer as it is sent. */
const sent = (answer: Answer) =>
  replyContent({ command: 'help', status: 'done', audit: [], answer }, origin, '!');

test('help names each group, and the help of the group says of each command what it is for', () => {
  const all = String(sent(helpForAll(registry, '!'))['body']);
  expect(all).toContain(`${commands.length} commands`);
  for (const group of Object.keys(groups) as Group[]) {
    const members = commands.filter((command) => command.group === group);
    // The number of commands, and which are used most, by name.
    const [, number, shown = ''] =
      new RegExp(`^${group} \\((\\d+)\\): (.*)$`, 'imu').exec(all) ?? [];
    expect(Number(number)).toBe(members.length);
    const names = shown.split(' · ').filter((name) => name !== '…');
    expect(names.length).toBeGreaterThan(3);
    expect(names).toEqual(names.toSorted());
    expect(members.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
    expect(shown.endsWith('…')).toBe(names.length < members.length);
  }
  for (const { name, group, summary } of commands) {
    const content = sent(helpForGroup(registry, group, '!'));
    expect(content['body']).toContain(`!${name} ${summary}`);
    expect(content['formatted_body']).toContain(`<code>!${name}</code>`);
    expect(content['body']).toContain(groups[group]);
  }
  expect(Object.keys(groups).map(groupNamed)).toEqual(Object.keys(groups));
});

test('help fits on the screen of a phone', () => {
  const lines = String(sent(helpForAll(registry, '!'))['body']).split('\n');
  const onPhone = lines.reduce((sum, line) => sum + Math.ceil(line.length / 45), 0);
  expect(onPhone).toBeLessThanOrEqual(20);
});

/** Commands on accounts that take one at a time, and why several make no sense. */
const onOneAccount: Readonly<Record<string, string>> = {
  'add-device': 'a device ID belongs to one account',
  'delete-device': 'a device ID belongs to one account',
  'rename-device': 'a device ID belongs to one account',
  'edit-user':
    'a name, an address or a login belongs to one person; admin and reactivate take several',
  'make-room-admin': 'whom to give power in a room is a decision about each person',
  'power-level': 'how much power somebody gets is a decision about each person',
  'login-as': 'its token is for one session as one person',
  'reset-password': 'each password is a secret that goes to whoever asks, in a message of its own',
};

test('commands that change accounts take several at once, unless several make no sense', () => {
  const single = commands.filter(({ args, danger }) => {
    const subject = Object.values(args).find(({ kind }) => kind === 'account');
    return danger !== 'read' && subject !== undefined && subject.options.many !== true;
  });
  expect(single.map(({ name }) => name).sort()).toEqual(Object.keys(onOneAccount).sort());
  for (const command of commands.filter(takesMany)) {
    expect(Object.keys(argumentsOf(command))).toEqual(
      expect.arrayContaining(['fromFile', 'matching']),
    );
  }
});

describe.each(commands.map((command) => [command.name, command] as const))('%s', (_, command) => {
  const declared = Object.entries(command.args);
  const flags = declared.filter(([, { place }]) => place === 'flag').map(([key]) => key);

  test('is named as people type it', () => {
    for (const name of [command.name, ...(command.aliases ?? [])]) {
      expect(name).toMatch(kebab);
    }
    for (const [key] of declared) {
      expect(flagName(key)).toMatch(kebab);
      expect(key).toMatch(/^[a-z][A-Za-z0-9]*$/u);
    }
    for (const key of flags) {
      // `--no-x` takes `--x` back.
      expect(flagName(key)).not.toMatch(/^no-/u);
      expect(['reason', 'dryRun', 'overrideProtection', 'fromFile']).not.toContain(key);
    }
    expect(Object.keys(groups)).toContain(command.group);
  });

  test('takes values without the names of their flags only where it changes nothing', () => {
    const isBare = declared.some(([, { options }]) => options.bare === true);
    expect(isBare && canChange(command)).toBe(false);
  });

  test('says in one line what it does', () => {
    const { summary, does = [], doesNot = [] } = command;
    // A verb: `Permanently deactivates accounts`.
    expect(summary).toMatch(/^(?:(?:Permanently|Silently) [a-z]|[A-Z])[a-z]+s\b/u);
    expect(summary).not.toMatch(/\.$|\n/u);
    expect(summary.length).toBeLessThanOrEqual(100);
    for (const part of [...does, ...doesNot]) {
      expect(part).not.toMatch(/\.$|\n/u);
      expect(part.trim()).toBe(part);
      expect(part).not.toBe('');
    }
    for (const [, { description }] of declared) {
      expect(description.trim()).toBe(description);
      expect(description).not.toBe('');
      expect(description).not.toMatch(/\.$|\n/u);
    }
  });

  test('its example is read by its own declaration', () => {
    const [name, ...tokens] = tokenize(command.example);
    expect(
      registry.find(name?.text ?? '')?.name,
      'an example begins with the name of its command, without a prefix',
    ).toBe(command.name);
    const { values } = readArguments(command, tokens, context);
    expect(() => dangerOf(command, values)).not.toThrow();
  });

  test('its danger can be told without flags, and is never more than it says', () => {
    const possible = [leastDangerOf(command), ...dangersOf(command)];
    const ranks = possible.map((danger) => dangers.indexOf(danger));
    expect(Math.max(...ranks)).toBeLessThanOrEqual(dangers.indexOf(maxDangerOf(command)));
    expect(Math.min(...ranks)).toBe(ranks[0]);
  });

  test('its arguments can be read in order', () => {
    const byPlace = declared.filter(([, { place }]) => place === 'positional');
    const optional = byPlace.map(([, { options }]) => options.optional === true);
    expect(
      optional.indexOf(true) === -1 || optional.slice(optional.indexOf(true)).every(Boolean),
    ).toBe(true);
    const many = byPlace.findIndex(([, { options }]) => options.many === true);
    const rest = byPlace.findIndex(([, { options }]) => options.rest === true);
    expect(rest === -1 || rest === byPlace.length - 1).toBe(true);
    // What follows several takes the last words, one each, so it can't be left out, unless it stands for them.
    const instead = byPlace[many]?.[1].options.unless ?? [];
    const behind =
      many === -1
        ? []
        : byPlace
            .slice(many + 1)
            .filter(([key]) => !instead.includes(key))
            .map(([, one]) => one);
    // Rooms can be told from the users before them.
    const isTold = (kind: string) => byPlace[many]?.[1].kind === 'account' && kind === 'room';
    expect(
      behind.every(
        (one) => one.options.optional !== true && (one.options.many !== true || isTold(one.kind)),
      ),
    ).toBe(true);
    expect(many !== -1 && rest !== -1 && behind.length > 1).toBe(false);
    for (const [, { kind, options }] of declared) {
      // Choices are compared with what was typed in lower case.
      expect((options.choices ?? []).every((choice) => choice === choice.toLowerCase())).toBe(true);
      expect(kind === 'choice').toBe((options.choices ?? []).length > 0);
      const { min = 0, max = Number.MAX_SAFE_INTEGER, default: fallback = min } = options;
      expect(typeof fallback !== 'number' || (fallback >= min && fallback <= max)).toBe(true);
    }
    expect(declared.filter(([, { kind }]) => kind === 'account').length).toBeLessThanOrEqual(1);
  });

  test('can be taken back where it says so', () => {
    expect(command.reversible === false && command.undo !== undefined).toBe(false);
  });

  test('its usage and help can be read on a phone', () => {
    const line = usage(command, '!');
    expect(line.startsWith(`!${command.name}`)).toBe(true);
    // Eight lines of forty characters.
    expect(line.slice(320)).toBe('');
    const { title, body = [], next = [] } = helpFor(command, '!');
    const text = JSON.stringify([title, body]);
    expect(text).toContain(JSON.stringify(line).slice(1, -1));
    expect(text).toContain(command.summary);
    for (const [key, argument] of Object.entries(argumentsOf(command))) {
      const { place, description } = argument;
      expect(text).toContain(description);
      expect(text).toContain(
        place === 'flag' ? `--${flagName(key)}` : placeholderOf(key, argument),
      );
    }
    // Nobody types this one: `!more` sets it.
    for (const key of flags.filter((key) => key !== 'from')) {
      expect(line).toMatch(new RegExp(`--(?:no-)?${flagName(key)}\\b`, 'u'));
    }
    expect(next).toEqual([]);
    expect(body).toContainEqual({
      kind: 'line',
      content: ['Example: ', { kind: 'code', text: `!${command.example}` }],
    });
    const content = sent(helpFor(command, '!'));
    expect(content['formatted_body']).toBeDefined();
    expect(String(content['body']).length).toBeLessThan(4000);
  });

  test('nobody is asked to confirm what they are not shown', () => {
    const mustAsk =
      typeof command.danger === 'function' ||
      command.danger === 'destructive' ||
      command.danger === 'critical';
    expect(command.preview !== undefined || !mustAsk).toBe(true);
    expect(command.preview === undefined || canChange(command)).toBe(true);
  });

  test('says whether it keeps off protected accounts and their files', () => {
    const { danger, protects } = command;
    const canBeChange = danger === 'change' || typeof danger === 'function';
    const actsOnFiles = declared.some(([, { kind }]) => kind === 'media');
    const mustSay = canBeChange && (subjectOf(command) !== undefined || actsOnFiles);
    expect(mustSay && protects === undefined).toBe(false);
    // Help reads: `It works on protected accounts, too: it only lifts a restriction.`
    expect(typeof protects === 'object' ? protects.nobody : 'it lifts').toMatch(
      /^it [a-z].*[^.]$/u,
    );
  });

  test('keeps off protected users in whatever argument they stand', () => {
    // Of kind `account` and `identity` the pipeline guards what it is given; these it doesn't.
    const unguarded = declared.filter(([, { kind }]) => kind === 'user' || kind === 'target');
    // They choose reports, to which nothing is done in the name of anybody else; or something is written down about
    // them, which only moderators read.
    const chooses = ['dismiss', 'resolve'].includes(command.name)
      ? ['sender']
      : command.group === 'notes' && canChange(command)
        ? ['target']
        : [];
    expect(canChange(command) ? unguarded.map(([key]) => key) : []).toEqual(chooses);
    for (const [, { kind, options }] of declared) {
      expect(options.placeholder === 'USER' && (kind === 'text' || kind === 'word')).toBe(false);
    }
  });

  test('shows personal data and secrets of accounts to no viewer by default', () => {
    const tells = /whois|devices|accountdata|pushers|registration_tokens|threepid|auth_providers/u;
    const isPersonal = (command.endpoints ?? []).some((endpoint) => tells.test(endpoint));
    // `user` says how many devices there are, and `users` can search by address: both look at the role.
    const isViewers = dangersOf(command).some((danger) => roleFor(command, danger) === 'viewer');
    expect(isPersonal && isViewers && !['user', 'users'].includes(command.name)).toBe(false);
  });

  test('is recorded as a read only if it changes nothing, and then not for viewers', () => {
    const isRead = command.audited === true;
    expect(isRead && canChange(command)).toBe(false);
    expect(isRead && roleFor(command, 'read') === 'viewer').toBe(false);
  });

  test('says what it calls', () => {
    for (const endpoint of command.endpoints ?? []) {
      expect(endpoint).toMatch(/^(?:GET|PUT|POST|DELETE) \/_(?:synapse|matrix)\/[\w./{}-]+$/u);
    }
    const isOwn = ['bot', 'notes', 'reports'].includes(command.group);
    expect(isOwn || (command.endpoints ?? []).length > 0).toBe(true);
  });

  test('keeps out of the audit log only what it has', () => {
    for (const name of command.audit?.redact ?? []) {
      expect(Object.keys(command.args)).toContain(name);
    }
    // What is called by such a name is a secret.
    const secrets = flags.filter((key) => /password|secret/iu.test(key));
    expect(command.audit?.redact ?? []).toEqual(expect.arrayContaining(secrets));
  });
});
