import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { positional } from '../../../src/chat/command/arguments.ts';
import { defineCommand } from '../../../src/chat/command/declaration.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { UsageError } from '../../../src/core/errors.ts';
import { parseEventId, parseRoomId, parseUserId } from '../../../src/core/ids.ts';
import type { EventId, RoomId } from '../../../src/core/ids.ts';
import type { RuleInput } from '../../../src/reports/rules/rule-input.ts';
import { isLine, lineFor } from '../../../src/reports/rules/rule-lines.ts';
import { readRuleTemplate } from '../../../src/reports/rules/rule-template.ts';
import { masTraits, synapseTraits } from '../../../src/services/accounts/traits.ts';
import type { RuleMode } from '../../../src/store/tables/reports/rule-matches.ts';
import { parseRuleLine } from '../../support/rule-line.ts';
import { item, surroundings, user } from './rule-input.ts';

const template = (text: string, mode: RuleMode = 'act', around = surroundings) =>
  readRuleTemplate(text, mode, around);

function faultOf(text: string, mode: RuleMode = 'act', around = surroundings): string {
  try {
    template(text, mode, around);
  } catch (error) {
    if (error instanceof UsageError) {
      return [error.message, error.advice].filter(Boolean).join(' ');
    }
    throw error;
  }
  throw new Error('was read');
}

const ana = user('@ana:localhost');

function made(text: string, input: Partial<RuleInput> = {}, mode: RuleMode = 'act') {
  const line = lineFor(template(text, mode), item(input), ana);
  return isLine(line) ? line : line.why;
}

const link = 'https://matrix.to/#/!lobby%3Alocalhost/%24message';

describe('a line', () => {
  test.each([
    ['shadow-ban {sender} --for 24h', 'shadow-ban @mallory:localhost --for=1d'],
    ['shadow-ban {sender}', 'shadow-ban @mallory:localhost'],
    ["shadow-ban '{sender}'", 'shadow-ban @mallory:localhost'],
    ['SHADOW-BAN {sender}', 'shadow-ban @mallory:localhost'],
    [
      'suspend {sender} --reason "reported by {reporter} in {room}"',
      'suspend @mallory:localhost --reason="reported by @ana:localhost in !lobby:localhost"',
    ],
    ['suspend {sender} --reason={reporter}', 'suspend @mallory:localhost --reason=@ana:localhost'],
    ['lock --reason x {sender}', 'lock @mallory:localhost --reason=x'],
    ['redact {event}', `redact ${link}`],
    ['block-room {room}', 'block-room !lobby:localhost'],
    ['delete-media {sender} --all', 'delete-media @mallory:localhost --all'],
    ['join {sender} !jail:localhost', 'join @mallory:localhost !jail:localhost'],
    ['deactivate {sender} --erase', 'deactivate @mallory:localhost --erase'],
    // Nothing else stands for the item itself.
    ['resolve --note "by a rule"', 'resolve 7 --note="by a rule"'],
    ['dismiss', 'dismiss 7'],
    ['claim', 'claim 7'],
  ])('%s', (text, line) => {
    expect(made(text)).toMatchObject({ line });
  });

  test.each([
    ['@mal lory:localhost', '"@mal lory:localhost"'],
    ['@mal\u200Blory:localhost', 'matrix:u/mal%E2%80%8Blory%3Alocalhost'],
    ['@:localhost', '@:localhost'],
    ['@mal.:localhost', '@mal.:localhost'],
  ])('reaches the odd ID %j', (id, word) => {
    expect(made('shadow-ban {sender}', { sender: user(id) })).toMatchObject({
      line: `shadow-ban ${word}`,
      values: { accounts: [id] },
    });
  });

  test('comes with all that an invocation is made of', () => {
    const { command, ...rest } = {
      ...(made('shadow-ban {sender} --for 24h --reason spam') as object),
    } as Record<string, unknown>;
    expect(command).toBe(surroundings.registry.find('shadow-ban'));
    expect(rest).toEqual({
      line: 'shadow-ban @mallory:localhost --reason=spam --for=1d',
      values: { accounts: ['@mallory:localhost'] },
      reason: 'spam',
      forMs: 86_400_000,
    });
  });

  test('about a message’s file, where the message has one', () => {
    const content = { type: 'm.room.message', msgtype: 'm.image', isEncrypted: false };
    const url = 'mxc://localhost/abc';
    expect(made('quarantine', { content: { ...content, url } })).toMatchObject({
      line: `quarantine ${url}`,
    });
    for (const bad of [undefined, 'https://evil.example/x', 'mxc://localhost/../x', '--all']) {
      expect(made('quarantine', { content: { ...content, url: bad } })).toBe(
        'the message has no file',
      );
    }
    expect(made('quarantine', { content: null })).toBe('the message has no file');
  });

  test.each([
    ['shadow-ban {sender}', { sender: null }, 'the sender is not known'],
    ['redact {event}', { event: null, kind: 'user' }, 'no message was reported'],
    ['redact {event}', { room: null }, 'no message was reported'],
    ['block-room {room}', { room: null }, 'the report names no room'],
    [
      'shadow-ban {sender}',
      { sender: user('@eve:elsewhere'), isSenderLocal: false },
      '@eve:elsewhere is on another server',
    ],
    // Whatever is said of it.
    [
      'shadow-ban {sender}',
      { sender: user('@eve:elsewhere'), isSenderLocal: true },
      '@eve:elsewhere is on another server',
    ],
    ['shadow-ban {sender}', { isSenderLocal: false }, '@mallory:localhost is on another server'],
  ] as const)('%s has nothing to act on: %j', (text, input, why) => {
    expect(made(text, input)).toBe(why);
  });

  test('what does not act on an account is for remote ones, too', () => {
    const remote = { sender: user('@eve:elsewhere'), isSenderLocal: false };
    expect(made('redact {event} --reason "of {sender}"', remote)).toMatchObject({
      line: `redact ${link} --reason="of @eve:elsewhere"`,
    });
  });

  test('no reporter counts', () => {
    expect(lineFor(template('suspend {sender} --reason {reporter}'), item(), undefined)).toEqual({
      why: 'no reporter counts',
    });
  });

  test('is read again as it was written', () => {
    const line = made('suspend {sender} --for 2h --reason "it’s “spam” \\\\ in {room}"');
    expect(typeof line === 'string' ? line : parseRuleLine(line.line, surroundings, 0)).toEqual(
      line,
    );
  });
});

describe('no rule runs', () => {
  test.each([
    ['', 'There is no command'],
    ['shadowban {sender}', 'There is no command `shadowban`. Did you mean `shadow-ban`?'],
    ['!shadow-ban {sender}', 'There is no command `!shadow-ban`. Did you mean `shadow-ban`?'],
    ['{sender}', 'There is no command `{sender}`.'],
    ['shadow-ban "{sender}', 'Missing closing quote (").'],
    ['shadow-ban', 'Which user?'],
    ['shadow-ban {sender} --fr 24h', '`!shadow-ban` has no flag `--fr`. Did you mean `--for`?'],
    ['shadow-ban {sender} --for ever', '`--for`: `ever` is not a valid duration.'],
    ['shadow-ban {sender} --for {room}', '`--for`: `{room}` is not a valid duration.'],
    ['shadow-ban {room}', '`{room}` is not a user.'],
    ['deactivate {sender} --for 24h', '`!deactivate` has no flag `--for`.'],
    ['redact {sender}', '`{sender}` is not a link to a message.'],
    ['redact {event} {event}', 'Unexpected word'],
    ['join {sender}', 'Which room?'],
    // Placeholders
    [
      'shadow-ban {user}',
      '`{user}` is not a placeholder. The placeholders are `{sender}`, `{event}`, `{room}`, `{reporter}` and `{report}`.',
    ],
    ['shadow-ban {Sender}', '`{Sender}` is not a placeholder.'],
    ['shadow-ban { sender }', '`{ sender }` is not a placeholder.'],
    ['shadow-ban {sender} --reason "{"', '`{"` is not a placeholder.'],
    ['shadow-ban {sender} --reason "}"', '`}` is not a placeholder.'],
    ['shadow-ban {{sender}}', '`{` is not a placeholder.'],
    ['shadow-ban \\{sen\\der}', 'is not a placeholder.'],
    ['shadow-ban {sender} --{room}', 'a placeholder can’t name a flag'],
    ['shadow-ban {sender} --{room}=x', 'a placeholder can’t name a flag'],
    ['shadow-ban {sender} -{room}', 'a placeholder can’t name a flag'],
    // Limits
    ['shadow-ban {sender} --override-protection', 'Rules can’t use `--override-protection`.'],
    ['shadow-ban {sender} --override-protection=false', 'Rules can’t use `--override-protection`.'],
    ['shadow-ban {sender} —override-protection', 'Rules can’t use `--override-protection`.'],
    ['shadow-ban {sender} --no-override-protection', 'Rules can’t use `--no-override-protection`.'],
    ['shadow-ban --from-file', 'Rules can’t use `--from-file`.'],
    ['shadow-ban {sender} --dry-run', 'Rules can’t use `--dry-run`.'],
    ['delete-room {room} --with-children', 'Rules can’t use `--with-children`.'],
    ['delete-room {room} —with-children=true', 'Rules can’t use `--with-children`.'],
    ['user {sender}', '`user` changes nothing; nobody would see its answer.'],
    ['admin {sender}', '`admin` changes nothing if used like this.'],
    ['admin {sender} --grant', '`admin` is only for admins if used like this; rules can’t run it.'],
    [
      'edit-user {sender} --admin',
      '`edit-user` is only for admins if used like this; rules can’t run it.',
    ],
    ['login-as {sender}', '`login-as` is only for admins if used like this; rules can’t run it.'],
    ['confirm 7K3Q', '`confirm` is for people; rules can’t run it.'],
    ['undo 12', '`undo` is for people; rules can’t run it.'],
    ['stop-job 1', '`stop-job` is for people; rules can’t run it.'],
    ['report 1', '`report` is for people; rules can’t run it.'],
    ['reopen', '`reopen` is for people; rules can’t run it.'],
    // Targets
    [
      'shadow-ban @ben:localhost',
      'The command must act on the reported user, message, room or file. Use `{sender}`',
    ],
    ['shadow-ban ben', 'The command must act on the reported user, message, room or file.'],
    [
      'shadow-ban @ben:localhost --reason {sender}',
      'The command must act on the reported user, message, room or file.',
    ],
    ['shadow-ban x{sender}', '`x{sender}` is not a user.'],
    ['shadow-ban {sender} @ben:localhost', 'A line acts on one account.'],
    ['shadow-ban {sender} {reporter}', 'A line acts on one account.'],
    ['shadow-ban {reporter}', 'A rule can’t act on the reporter by itself. Use `mode: propose`'],
    [
      'block-room !lobby:localhost',
      'The command must act on the reported user, message, room or file.',
    ],
    [
      'block-room !lobby:localhost --reason "{room}"',
      'The command must act on the reported user, message, room or file.',
    ],
    [
      'redact https://matrix.to/#/!a:x/$e',
      'The command must act on the reported user, message, room or file.',
    ],
    [
      'quarantine mxc://localhost/x',
      'The command must act on the reported user, message, room or file.',
    ],
    ['dismiss 12', 'The command must act on the reported user, message, room or file.'],
    ['create-token --uses 1', 'The command must act on the reported user, message, room or file.'],
    [
      'ban {sender} !lobby:localhost #jail:localhost',
      '`#jail:localhost` is an alias, which may later point to another room.',
    ],
    [
      'join {sender} #jail:localhost',
      '`#jail:localhost` is an alias, which may later point to another room.',
    ],
  ])('%s', (text, fault) => {
    expect(faultOf(text)).toContain(fault);
  });

  test('what the configuration keeps for admins', () => {
    const around = { ...surroundings, commandRoles: { 'shadow-ban': 'admin' } } as const;
    expect(faultOf('shadow-ban {sender}', 'observe', around)).toContain('is only for admins');
    // But not the other way round.
    const lower = { ...surroundings, commandRoles: { 'login-as': 'viewer' } } as const;
    expect(faultOf('login-as {sender}', 'act', lower)).toContain('is only for admins');
  });

  test('what has no effect on this homeserver', () => {
    const around = { ...surroundings, traitsOf: () => masTraits };
    for (const mode of ['act', 'propose', 'observe'] as const) {
      expect(faultOf('shadow-ban {sender}', mode, around)).toBe(
        '`shadow-ban`: shadow-banning has no effect on a homeserver with the Matrix Authentication Service. Suspend the account instead.',
      );
    }
  });

  test('what has no effect on one of several homeservers, about its accounts alone', () => {
    const two = 'two.example';
    const around = {
      ...surroundings,
      homeservers: ['localhost', two].map((serverName) => ({ name: serverName, serverName })),
      traitsOf: (serverName: string) => (serverName === 'localhost' ? masTraits : synapseTraits),
    };
    const ban = template('shadow-ban {sender}', 'act', around);
    expect(lineFor(ban, item({ sender: user(`@eve:${two}`) }), ana)).toMatchObject({
      line: `shadow-ban @eve:${two}`,
    });
    expect(lineFor(ban, item({ server: two }), ana)).toEqual({
      why: 'shadow-banning has no effect on a homeserver with the Matrix Authentication Service',
    });
  });

  test('what its command refuses for reasons of its own', () => {
    const picky = defineCommand({
      name: 'pick',
      summary: 'Picks',
      args: { user: positional('user', 'Whom') },
      danger: 'change',
      example: 'pick @a:x',
      check({ user: picked }) {
        if (picked.startsWith('@e')) {
          throw new UsageError('Not that one.');
        }
      },
      run: async () => undefined,
      answer: () => ({ mark: '✅', title: [] }),
    });
    const around = { ...surroundings, registry: createRegistry([{ ...picky, group: 'accounts' }]) };
    const pick = template('pick {sender}', 'act', around);
    expect(lineFor(pick, item(), ana)).toMatchObject({ line: 'pick @mallory:localhost' });
    expect(lineFor(pick, item({ sender: user('@eve:localhost') }), ana)).toEqual({
      why: 'Not that one.',
    });
  });

  test('against a reporter, unless people decide', () => {
    expect(made('suspend {reporter}', {}, 'propose')).toMatchObject({
      line: 'suspend @ana:localhost',
    });
    expect(made('suspend {reporter}', {}, 'observe')).toMatchObject({
      line: 'suspend @ana:localhost',
    });
  });
});

describe('whatever strangers choose to be called', () => {
  const unit = fc.constantFrom(
    ...Array.from(`ab0._=-–—/+"'“”„‘’«»\\!#$@&?%{}[]()<>|;*~^\`ä日😀`),
    '--',
    '{room}',
    '{sender}',
    '--for=1s',
    'mxc://',
    '$',
    '/$',
  );
  const local = fc.string({ unit, minLength: 1, maxLength: 12 });
  const users = local
    .map((text) => parseUserId(`@${text}:localhost`))
    .filter((id) => id !== undefined);
  const rooms = fc
    .oneof(
      local.map((text) => parseRoomId(`!${text}:localhost`)),
      local.map((text) => parseRoomId(`!${text}`)),
    )
    .filter((id) => id !== undefined);
  const events = local.map((text) => parseEventId(`$${text}`)).filter((id) => id !== undefined);
  const runs = { numRuns: 2000 };

  test('an account is that account, and nothing else of the line changes', () => {
    const templates = [
      'shadow-ban {sender} --for 24h --reason "by {reporter} in {room}: {event}"',
      'shadow-ban --for=24h --reason="by {reporter} in {room}: {event}" -- {sender}',
      'shadow-ban "{sender}" --for "24h" --reason \'by {reporter} in {room}: {event}\'',
    ].map((text) => template(text));
    fc.assert(
      fc.property(
        fc.constantFrom(...templates),
        users,
        users,
        rooms,
        events,
        (from, sender, reporter, inRoom, message) => {
          const line = lineFor(from, item({ sender, room: inRoom, event: message }), reporter);
          const eventLink = `https://matrix.to/#/${encodeURIComponent(inRoom)}/${encodeURIComponent(message)}`;
          const expected = {
            values: { accounts: [sender] },
            reason: `by ${reporter} in ${inRoom}: ${eventLink}`,
            forMs: 86_400_000,
          };
          expect(line).toMatchObject(expected);
          // As text, too.
          expect(isLine(line) && parseRuleLine(line.line, surroundings, 0)).toEqual(line);
        },
      ),
      runs,
    );
  });

  test('a message and a room are that message and that room', () => {
    const [redact, block] = [template('redact {event}'), template('block-room {room}')];
    fc.assert(
      fc.property(rooms, events, (inRoom, message) => {
        const input = item({ room: inRoom, event: message });
        const redaction = lineFor(redact, input, ana);
        expect(redaction).toMatchObject({ values: { message: { room: inRoom, event: message } } });
        const blocking = lineFor(block, input, ana);
        expect(blocking).toMatchObject({ values: { room: inRoom }, reason: undefined });
        for (const line of [redaction, blocking]) {
          expect(isLine(line) && parseRuleLine(line.line, surroundings, 0)).toEqual(line);
        }
      }),
      runs,
    );
  });

  test('what is no ID is nobody', () => {
    fc.assert(
      fc.property(
        fc
          .string({ unit: 'binary', maxLength: 20 })
          .filter((text) => parseUserId(text) === undefined),
        (text) => {
          const sender = text as ReturnType<typeof user>;
          expect(lineFor(template('shadow-ban {sender}'), item({ sender }), ana)).toEqual({
            why: 'the sender is not known',
          });
        },
      ),
      runs,
    );
    expect(made('redact {event}', { event: '--x' as EventId })).toBe('no message was reported');
    expect(made('block-room {room}', { room: '--x' as RoomId })).toBe('the report names no room');
  });

  test('a line that an operator has got wrong is refused, never crashed on', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'shadow-ban',
        'redact',
        'block-room',
        'join',
        'resolve',
        'edit-user',
        'quarantine',
      ),
      fc.constantFrom(
        '{sender}',
        '{event}',
        '{room}',
        '{reporter}',
        '--for',
        '24h',
        '--reason',
        '--',
        '"',
        "'",
        '\\',
        '—',
        '--erase',
        '=',
        '{',
        '}',
      ),
      fc.string({ unit: 'binary', maxLength: 6 }),
    );
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 6 }),
        fc.constantFrom('act', 'propose', 'observe'),
        (pieces, mode) => {
          expect(() => {
            try {
              lineFor(template(pieces.join(' '), mode), item(), ana);
            } catch (error) {
              if (!(error instanceof UsageError)) {
                throw error;
              }
            }
          }).not.toThrow();
        },
      ),
      { numRuns: 5000 },
    );
  });
});

describe('a line for a report of one of several homeservers', () => {
  const names = ['localhost', 'two.example', 'three.example'];
  const around = {
    ...surroundings,
    homeservers: names.map((serverName) => ({ name: serverName.split('.')[0] ?? '', serverName })),
  };
  const room = parseRoomId('!lobby:elsewhere.example') ?? expect.unreachable();
  const on = (text: string, input: Partial<RuleInput> = {}) => {
    const about = { room, server: 'two.example', ...input };
    const line = lineFor(template(text, 'act', around), item(about), ana);
    return isLine(line) ? [line.on, line.line] : line.why;
  };
  const elsewhere = user('@eve:elsewhere.example');
  const lobby = 'https://matrix.to/#/!lobby%3Aelsewhere.example/%24message';

  test.each([
    ['redact {event}', {}, ['two.example', `redact ${lobby} --on=two.example`]],
    [
      'block-room {room}',
      {},
      ['two.example', 'block-room !lobby:elsewhere.example --on=two.example'],
    ],
    // What a room, a message or an account says goes first.
    [
      'block-room {room}',
      { room: parseRoomId('!hall:three.example') },
      ['three.example', 'block-room !hall:three.example --on=three.example'],
    ],
    ['redact {event} --on three', {}, ['three.example', `redact ${lobby} --on=three.example`]],
    ['lock {sender}', {}, [undefined, 'lock @mallory:localhost']],
    [
      'lock {sender}',
      { sender: user('@mallory:three.example') },
      [undefined, 'lock @mallory:three.example'],
    ],
    [
      'lock {sender}',
      { sender: elsewhere, isSenderLocal: false },
      '@eve:elsewhere.example is on another server',
    ],
    [
      'kick {sender} {room}',
      { sender: elsewhere, isSenderLocal: false },
      ['two.example', 'kick @eve:elsewhere.example !lobby:elsewhere.example --on=two.example'],
    ],
    // It is about the report, which is on none.
    ['resolve', {}, [undefined, 'resolve 7']],
    // A homeserver that is no longer configured.
    [
      'block-room {room}',
      { server: 'former.example' },
      [undefined, 'block-room !lobby:elsewhere.example'],
    ],
  ] as const)('%s %o', (text, input, expected) => {
    expect(on(text, input as Partial<RuleInput>)).toEqual(expected);
  });
});
