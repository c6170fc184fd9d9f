import { beforeEach, describe, expect, test, vi } from 'vitest';

import { HomeserverError, TargetError, UnreachableError } from '../../../src/core/errors.ts';
import type { EventId, RoomId, UserId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { RoomEvent } from '../../../src/homeserver/admin/events.ts';
import type { UserRedaction } from '../../../src/homeserver/admin/redactions.ts';
import { planRedaction } from '../../../src/services/redaction/event-redaction-plan.ts';
import {
  redactEvent,
  reconcileRedaction,
} from '../../../src/services/redaction/event-redaction.ts';

const room = '!room:example.com' as RoomId;
const botUser = '@bot:example.com' as UserId;
const mallory = '@mallory:example.com' as UserId;
const stranger = '@stranger:elsewhere.example' as UserId;
const direct = '!direct:example.com' as RoomId;
const target = {
  room,
  event: '$spam' as EventId,
  botUser,
  serverName: 'example.com',
  isDirectRoom: async (one: RoomId) => one === direct,
};
const asked = { reason: 'spam', by: '$command' as EventId };
/** Where it ends, the limit plays no part, however slow the machine. */
const times = { firstIntervalMs: 1, maxIntervalMs: 2, limitMs: 60_000 };
const impatient = { ...times, limitMs: 5 };

/** A homeserver, as far as redacting concerns it: what the faults of a real one can't be made to be. */
function serverWith(given: {
  readonly event?: Partial<RoomEvent>;
  readonly others?: readonly Partial<RoomEvent>[];
  readonly botIsIn?: boolean;
  readonly botPower?: number;
  readonly joinRules?: string;
}) {
  const event: RoomEvent = {
    eventId: target.event,
    type: 'm.room.message',
    sender: mallory,
    originServerTs: 1000,
    stateKey: null,
    content: { msgtype: 'm.text', body: 'buy cheap' },
    redactedBecause: null,
    lastEdit: null,
    ...given.event,
  };
  const by = (sender: UserId) => ({ sender, originServerTs: 2000, content: {} });
  const world = {
    redacted: given.event?.redactedBecause ?? null,
    starts: [] as (UserRedaction & { readonly user: UserId })[],
    /** What redacting in the sender's name comes to. */
    status: { status: 'complete', failedRedactions: {} } as object,
    isAtRedacting: false,
  };
  const find = async () => ({ event: { ...event, redactedBecause: world.redacted }, place: 't1' });
  const api = {
    events: {
      find: vi.fn(find),
      isRedacted: async () => world.redacted !== null,
      fetch: async () => undefined,
      page: async (_: RoomId, { dir }: { dir: 'f' | 'b' }) =>
        dir === 'b'
          ? [event, ...(given.others ?? []).map((other) => ({ ...event, ...other }))]
          : [],
      state: async (_: RoomId, type: string) =>
        type === 'm.room.power_levels'
          ? [{ stateKey: '', content: { users: { [botUser]: given.botPower ?? 0 } } }]
          : [{ stateKey: '', sender: mallory, content: { room_version: '11' } }],
    },
    redactions: {
      start: vi.fn(async (user: UserId, redaction: UserRedaction) => {
        world.starts.push({ user, ...redaction });
        if (
          'failedRedactions' in world.status &&
          !('$spam' in (world.status.failedRedactions as object))
        ) {
          world.redacted = by(user);
        }
        return 'id';
      }),
      status: vi.fn(async () => world.status),
    },
    rooms: { find: async () => ({ joinRules: given.joinRules ?? 'invite' }) },
    users: { joinedRooms: async () => ({ joinedRooms: given.botIsIn === true ? [room] : [] }) },
    server: { scheduledTasks: vi.fn(async () => (world.isAtRedacting ? [{ id: 'x' }] : [])) },
  };
  const bot = {
    redact: vi.fn(async (): Promise<void> => {
      world.redacted = by(botUser);
    }),
  };
  return { world, api, bot, all: api as unknown as AdminApi };
}

const forbidden = new HomeserverError(403, 'M_FORBIDDEN', 'PUT /redact');
const busy = new HomeserverError(400, 'M_UNKNOWN', 'POST /redact');

let server: ReturnType<typeof serverWith>;
beforeEach(() => {
  server = serverWith({});
});
const redact = async (how = times) => redactEvent(server.all, server.bot, target, asked, how);

describe('the way', () => {
  test('is the bot’s own where it has the power, else the sender’s', async () => {
    expect(await planRedaction(serverWith({}).all, target)).toMatchObject({ way: 'as_sender' });
    const weak = serverWith({ botIsIn: true, botPower: 49 });
    expect(await planRedaction(weak.all, target)).toMatchObject({ way: 'as_sender' });
    const strong = serverWith({ botIsIn: true, botPower: 50, event: { sender: stranger } });
    expect(await planRedaction(strong.all, target)).toMatchObject({ way: 'as_bot' });
    // Levels outlive membership.
    const left = serverWith({ botIsIn: false, botPower: 50 });
    expect(await planRedaction(left.all, target)).toMatchObject({ way: 'as_sender' });
  });

  test.each([
    [{ joinRules: 'public' }, 'is in the room and a moderator there'],
    [{ joinRules: 'invite' }, 'which takes an invitation to the room'],
    [{ botIsIn: true }, '`@bot:example.com` is a moderator there.'],
  ])('is none for a sender of another server: %j', async (given, advice) => {
    server = serverWith({ ...given, event: { sender: stranger } });
    const error = await redact().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TargetError);
    expect(error).toMatchObject({
      message: `${stranger} is on another server, and this bot may not redact in \`${room}\``,
      advice: expect.stringContaining(advice) as string,
    });
    expect(server.world.starts).toEqual([]);
  });

  test.each([
    [{ originServerTs: 0 }, 'no timestamp by which'],
    [{ originServerTs: -5 }, 'no timestamp by which'],
    [{ originServerTs: 1e300 }, 'no timestamp by which'],
    [{ type: 'm.sticker' }, 'not `m.sticker`'],
    [
      { type: 'm.room.member', stateKey: mallory, content: { membership: 'leave' } },
      'm.room.member',
    ],
    [{ type: 'm.room.create' }, 'lets nobody redact'],
    [{ type: 'm.room.redaction' }, 'itself a redaction'],
  ])('is none for %j', async (event, message) => {
    server = serverWith({ event });
    await expect(redact()).rejects.toThrow(message);
    expect(server.world.starts).toEqual([]);
  });

  test('is none where the sender sent more in the same millisecond', async () => {
    server = serverWith({ others: [{ eventId: '$other' as EventId }] });
    await expect(redact()).rejects.toThrow('more than one message in the same millisecond');
    expect(server.world.starts).toEqual([]);
  });

  test('counts what was sent in the same millisecond and can’t be hit', async () => {
    const redactedBecause = { sender: mallory, originServerTs: 1500, content: {} };
    server = serverWith({
      others: [
        { eventId: '$redacted' as EventId, redactedBecause },
        { eventId: '$left' as EventId, type: 'm.room.member', content: { membership: 'leave' } },
        { eventId: '$later' as EventId, originServerTs: 1001 },
      ],
    });
    await redact();
    expect(server.world.starts).toEqual([
      { user: mallory, rooms: [room], reason: 'spam', afterTs: 1000, beforeTs: 1000, limit: 3 },
    ]);
  });
});

describe('as the bot', () => {
  beforeEach(() => {
    server = serverWith({ botIsIn: true, botPower: 50 });
  });

  test('asks once, and looks that it is done', async () => {
    expect(await redact()).toMatchObject({ way: 'as_bot', state: 'complete' });
    expect(server.bot.redact.mock.calls).toEqual([[{ room, event: '$spam', ...asked }]]);
    expect(server.world.starts).toEqual([]);
  });

  test('waits where it is asked to, up to a limit', async () => {
    const limited = (ms: number) =>
      new HomeserverError(429, 'M_LIMIT_EXCEEDED', 'PUT /redact', undefined, ms);
    server.bot.redact.mockRejectedValueOnce(limited(5));
    expect(await redact()).toMatchObject({ state: 'complete' });
    expect(server.bot.redact).toHaveBeenCalledTimes(2);
    server.world.redacted = null;
    server.bot.redact.mockRejectedValueOnce(limited(60_000));
    await expect(redact(impatient)).rejects.toMatchObject({ status: 429 });
  });

  test('goes the sender’s way where it may not after all', async () => {
    server.bot.redact.mockRejectedValueOnce(forbidden);
    expect(await redact()).toMatchObject({ way: 'as_sender', state: 'complete' });
    server = serverWith({ botIsIn: true, botPower: 50, event: { sender: stranger } });
    server.bot.redact.mockRejectedValueOnce(forbidden);
    await expect(redact()).rejects.toThrow('this bot may not redact');
  });

  test('says so where the homeserver did not do what it said', async () => {
    server.bot.redact.mockResolvedValueOnce(undefined);
    await expect(redact(impatient)).rejects.toThrow('reported that it was redacted, but it is not');
  });

  test('leaves it to be reconciled if nobody can tell whether it was done', async () => {
    const lost = new UnreachableError('PUT /redact', 'did not answer', true);
    server.bot.redact.mockRejectedValueOnce(lost);
    await expect(redact()).rejects.toBe(lost);
  });
});

describe('as the sender', () => {
  test('watches to the end', async () => {
    server.api.redactions.status
      .mockResolvedValueOnce({ status: 'scheduled' })
      .mockRejectedValueOnce(new UnreachableError('GET', 'did not answer', true))
      .mockResolvedValueOnce({ status: 'active' });
    expect(await redact()).toMatchObject({ way: 'as_sender', state: 'complete' });
    expect(server.api.redactions.status).toHaveBeenCalledTimes(4);
  });

  test('goes on by itself where it takes long', async () => {
    server.world.status = { status: 'active' };
    expect(await redact(impatient)).toMatchObject({ state: 'running' });
    expect(server.world.redacted).toBeNull();
  });

  test.each([
    [{ status: 'failed', error: '404: `x`' }, "could not redact it (404: 'x')"],
    [
      { status: 'complete', failedRedactions: { $spam: '403: no' } },
      'could not redact it (403: no)',
    ],
    [{ status: 'complete', failedRedactions: { $spam: "'redacts'" } }, 'suspended account'],
  ])('says why it was not done: %j', async (status, message) => {
    server.world.status = status;
    const error = await redact().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(TargetError);
    expect(String(error)).toContain(message);
  });

  test('waits until the server is through with another redaction of the same sender', async () => {
    server.api.redactions.start.mockRejectedValueOnce(busy).mockRejectedValueOnce(busy);
    server.api.server.scheduledTasks.mockResolvedValueOnce([{ id: 'x' }]);
    expect(await redact()).toMatchObject({ state: 'complete' });
    expect(server.api.redactions.start).toHaveBeenCalledTimes(3);
  });

  test('gives up where that does not end, and where this is not why it was refused', async () => {
    server.world.isAtRedacting = true;
    server.api.redactions.start.mockRejectedValue(busy);
    await expect(redact(impatient)).rejects.toThrow(
      'is still redacting other messages of @mallory',
    );
    server.world.isAtRedacting = false;
    await expect(redact()).rejects.toBe(busy);
  });
});

describe('reconcileRedaction', () => {
  const end = async (how = times) => reconcileRedaction(server.all, target, how);

  test('tells what is seen', async () => {
    expect(await end()).toBe('not_done');
    server.world.isAtRedacting = true;
    expect(await end(impatient)).toBe('unknown');
    server.world.redacted = { sender: mallory, originServerTs: 2000, content: {} };
    expect(await end()).toBe('done');
    server.api.events.find.mockResolvedValueOnce(undefined as never);
    expect(await end()).toBe('unknowable');
  });

  test('waits a moment for what is in flight', async () => {
    server.api.server.scheduledTasks.mockImplementationOnce(async () => {
      server.world.redacted = { sender: mallory, originServerTs: 2000, content: {} };
      return [{ id: 'x' }];
    });
    expect(await end()).toBe('done');
  });

  test('gets by where the server has no list of its tasks', async () => {
    const unknown = new HomeserverError(404, 'M_UNRECOGNIZED', 'GET /scheduled_tasks');
    server.api.server.scheduledTasks.mockRejectedValue(unknown);
    expect(await end()).toBe('not_done');
  });
});

test.each([
  [direct, 'has no such message'],
  ['!other:example.com' as RoomId, 'but in `!other:example.com`'],
])('a message that is in %s instead: %s', async (elsewhere, answer) => {
  const { all } = serverWith({});
  Object.assign(all.events, {
    find: async () => undefined,
    fetch: async () => ({ roomId: elsewhere }),
  });
  Object.assign(all, { rooms: { find: async () => ({ joinRules: 'invite' }) } });
  const refused: unknown = await planRedaction(all, target).catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(TargetError);
  const { message, advice } = refused as TargetError;
  expect(message).toContain(answer);
  expect(`${message} ${advice ?? ''}`).not.toContain(direct);
});
