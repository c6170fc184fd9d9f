import { describe, expect, test } from 'vitest';

import { loadCommands } from '../../../src/chat/command/load-commands.ts';
import { createRegistry } from '../../../src/chat/command/registry.ts';
import { TargetError, UsageError } from '../../../src/core/errors.ts';
import { parseEventId, parseRoomId, parseUserId } from '../../../src/core/ids.ts';
import type { Message } from '../../../src/operations/management-room.ts';
import { parse } from '../../../src/operations/parse/parse.ts';
import type { ParseContext } from '../../../src/operations/parse/parse.ts';
import type { Settings } from '../../../src/operations/settings.ts';

const registry = createRegistry(await loadCommands());

const ana = parseUserId('@ana:example.com') ?? expect.unreachable();
const room = parseRoomId('!room:example.com') ?? expect.unreachable();
const resolved = parseRoomId('!resolved:example.com') ?? expect.unreachable();
const event = parseEventId('$command') ?? expect.unreachable();
const thread = parseEventId('$thread') ?? expect.unreachable();

const settings: Settings = {
  prefix: '!',
  announcesCommands: true,
  maxAgeMs: 300_000,
  reconcileAfterMs: 0,
  proposalExpiresAfterMs: 600_000,
  maxRuleActionsPerHour: 10,
  parallelism: 4,
  confirmationExpiresAfterMs: 600_000,
  confirmation: { destructive: 'requester', critical: 'requester' },
  homeservers: [{ name: 'example.com', serverName: 'example.com' }],
  serverName: 'example.com',
  botUser: parseUserId('@lawspeaker:example.com') ?? expect.unreachable(),
  managementRoom: room,
};

const context = {
  settings,
  registry,
  now: () => 1_000_000,
  nextPages: new Map(),
  // No event is a card of the report queue.
  store: { outbox: { commandOf: async () => undefined } },
  resolveAlias: async (alias: string) => {
    if (alias === '#lobby:example.com') {
      return resolved;
    }
    throw new TargetError('unknown_room', `no room has the alias ${alias}`);
  },
} as unknown as ParseContext;

const message: Message = {
  kind: 'message',
  event,
  room,
  sender: ana,
  sentAt: 1,
  text: '',
  thread: undefined,
  replyTo: undefined,
};

describe('parse', () => {
  test('makes an invocation of what was typed', async () => {
    const parsed = await parse(
      context,
      { ...message, thread },
      'deactivate mallory @eve:example.com --erase --reason "spam links"',
    );
    expect(parsed).toMatchObject({ danger: 'destructive' });
    expect(parsed.command.name).toBe('deactivate');
    expect(parsed.invocation).toEqual({
      command: 'deactivate',
      arguments: { accounts: ['@mallory:example.com', '@eve:example.com'], erase: true },
      reason: 'spam links',
      dryRun: false,
      actor: { kind: 'person', user: ana },
      origin: { event, room, thread },
    });
  });

  test('without a thread, reason and what was left out', async () => {
    const { invocation } = await parse(context, message, 'AUDIT');
    expect(invocation).toEqual({
      command: 'audit',
      arguments: expect.not.objectContaining({ since: expect.anything() as unknown }) as unknown,
      dryRun: false,
      actor: { kind: 'person', user: ana },
      origin: { event, room },
    });
    expect(JSON.parse(JSON.stringify(invocation))).toEqual(invocation);
  });

  test('by an alias', async () => {
    expect((await parse(context, message, 'commands')).command.name).toBe('help');
  });

  test('names a command that is near, or help', async () => {
    await expect(parse(context, message, 'deactivat x')).rejects.toMatchObject({
      word: 'deactivat',
      advice: 'Did you mean `!deactivate`?',
    });
    await expect(parse(context, message, 'weather')).rejects.toMatchObject({
      advice: 'See `!help`.',
    });
    // Two letters in the wrong order.
    await expect(parse(context, message, 'uesr x')).rejects.toMatchObject({
      advice: 'Did you mean `!user`?',
    });
    for (const name of ['constructor', '__proto__', 'x'.repeat(60_000)]) {
      const error = (await parse(context, message, name).catch(
        (reason: unknown) => reason,
      )) as Error;
      expect(error).toBeInstanceOf(UsageError);
      expect(error.message.length).toBeLessThan(100);
    }
  });

  test.each([
    ['block', ['suspend', 'shadow-ban', 'lock', 'block-room']],
    ['erase', ['deactivate', 'redact', 'redact-user']],
    ['delete', ['deactivate', 'redact', 'delete-media', 'delete-room']],
    ['dlete', ['deactivate']],
    ['logout', ['delete-device']],
  ])('!%s is no command, and answered with those that do it', async (name, commands) => {
    const error = (await parse(context, message, `${name} @mal:x`).catch(
      (reason: unknown) => reason,
    )) as UsageError;
    expect(error).toBeInstanceOf(UsageError);
    expect(error.message).toBe(`There is no command \`!${name}\`.`);
    for (const command of commands) {
      expect(error.advice).toContain(`\`!${command}\` `);
    }
    expect(error.advice).not.toContain('more');
  });

  test('of what a word may mean, the least dangerous is named first', async () => {
    const error = (await parse(context, message, 'disable @mal:x').catch(
      (reason: unknown) => reason,
    )) as UsageError;
    const at = (command: string) => (error.advice ?? '').indexOf(`\`!${command}\` `);
    expect(at('lock')).toBeGreaterThanOrEqual(0);
    expect(at('lock')).toBeLessThan(at('deactivate'));
  });

  test.each([
    ['ban', ['--all-rooms', 'suspend', 'shadow-ban', 'deactivate']],
    ['mute', ['--all-rooms', 'suspend', 'shadow-ban']],
    ['kick', ['--all-rooms', 'delete-device']],
    ['unban', ['--all-rooms', 'unsuspend', 'unshadow-ban', 'unlock']],
  ])('!%s without a room names what does it on the whole server', async (name, others) => {
    const error = (await parse(context, message, `${name} @mal:x`).catch(
      (reason: unknown) => reason,
    )) as UsageError;
    expect(error.message).toBe('Which room?');
    for (const other of others) {
      expect(error.advice).toContain(other);
    }
  });

  test.each(['!lobby:example.com', `!${'Ab3-_'.repeat(9).slice(0, 43)}`])(
    'the room ID %s is said to be one',
    async (id) => {
      await expect(parse(context, message, id.slice(1))).rejects.toMatchObject({
        message: 'That is a room ID, not a command.',
        advice: `Did you mean \`!room ${id}\`?`,
      });
    },
  );

  test('a mark behind the name is no part of it', async () => {
    expect((await parse(context, message, 'pending?')).command.name).toBe('pending');
  });

  test('a fault names the command whose usage helps', async () => {
    await expect(parse(context, message, 'deactivate')).rejects.toMatchObject({
      command: 'deactivate',
      message: 'Which user?',
    });
    await expect(parse(context, message, 'deactivate "a')).rejects.toMatchObject({
      command: 'deactivate',
    });
    await expect(parse(context, message, 'commands x y')).rejects.toMatchObject({
      command: 'help',
    });
  });

  test('resolves aliases of rooms', async () => {
    const { invocation } = await parse(context, message, 'room #lobby:example.com');
    expect(Object.values(invocation.arguments)).toContain(resolved);
    await expect(parse(context, message, 'room #none:example.com')).rejects.toThrow(TargetError);
  });

  test('resolves aliases in links to messages', async () => {
    const link = 'https://matrix.to/#/%23lobby%3Aexample.com/%24a%2Fb%2Bc?via=example.com';
    const { invocation } = await parse(context, message, `redact ${link}`);
    expect(invocation.arguments).toEqual({ message: { room: resolved, event: '$a/b+c' } });
    const gone = 'https://matrix.to/#/#none:example.com/$event';
    await expect(parse(context, message, `redact ${gone}`)).rejects.toThrow(TargetError);
  });

  test('insisting on a protected account is critical, whatever the command', async () => {
    const parsed = await parse(context, message, 'shadow-ban a --override-protection');
    expect(parsed.danger).toBe('critical');
    expect(parsed.invocation.overrideProtection).toBe(true);
    expect((await parse(context, message, 'shadow-ban a')).danger).toBe('change');
  });
});

describe('a command about a report of one of several homeservers', () => {
  const item = {
    id: 12,
    kind: 'event',
    subject: '$spam',
    roomId: '!lobby:elsewhere.example',
    sender: '@mallory:two.example',
    content: null,
    server: 'two.example',
  };
  const several = {
    ...context,
    settings: {
      ...settings,
      homeservers: [
        ...settings.homeservers,
        { name: 'two', serverName: 'two.example' },
        { name: 'three', serverName: 'three.example' },
      ],
    },
    store: {
      // The event of the card of report 12.
      outbox: { commandOf: async (id: string) => (id === '$card' ? '$ report 12' : undefined) },
      reportItems: {
        get: async (id: number) =>
          id === 12 ? item : id === 13 ? { ...item, server: 'gone.example' } : undefined,
      },
    },
  } as unknown as ParseContext;
  const card = parseEventId('$card') ?? expect.unreachable();
  const onOf = async (line: string, how: Partial<Message> = { thread: card }) =>
    (await parse(several, { ...message, ...how }, line)).invocation.on;

  test.each([
    ['redact', 'two.example'],
    ['block-room', 'two.example'],
    ['report', 'two.example'],
    ['redact --on three', 'three.example'],
    // The account says where.
    ['deactivate', undefined],
    // Nothing is filled in.
    ['block-room !hall:elsewhere.example', undefined],
    ['block-room !hall:three.example', 'three.example'],
    ['claim', undefined],
  ])('%s', async (line, on) => {
    expect(await onOf(line)).toBe(on);
  });

  test('a report is shown by its homeserver, in whatever room message it is named', async () => {
    expect(await onOf('report 12', {})).toBe('two.example');
    expect(await onOf('report 12 --on three', {})).toBe('three.example');
    expect(await onOf('report 13', {})).toBeUndefined();
    expect(await onOf('report 14', {})).toBeUndefined();
  });

  test('a list of reports is narrowed by --on alone', async () => {
    expect(await onOf('reports --on two', {})).toBe('two.example');
    expect(await onOf('reports --sender @mallory:two.example', {})).toBeUndefined();
  });
});
