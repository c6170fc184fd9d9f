import assert from 'node:assert/strict';

import { beforeEach, describe, expect, test } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import { createInFlight } from '../../../src/operations/execute/reconcile.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { botUser, openFuzzBot, people, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

const hourMs = 3_600_000;
const minuteMs = 60_000;
const shared = '!shared:localhost';

let bot: FuzzBot;
let askedAt: number;
/** From when the homeserver was told to redact. */
let starts: (number | undefined)[];
/** In which rooms. */
let startedIn: (readonly string[])[];
let answersAreLost: boolean;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  askedAt = bot.clock.now;
  starts = [];
  startedIn = [];
  answersAreLost = false;
  const { api } = bot;
  const sent = [0.5, 3, 30, 300].map((hours) => ({
    eventId: `$sent${hours}`,
    type: 'm.room.message',
    sender: '@mallory:localhost',
    originServerTs: askedAt - hours * hourMs,
    stateKey: null,
    content: { msgtype: 'm.text', body: 'buy' },
    redactedBecause: null,
    lastEdit: null,
  }));
  Object.assign(api.users, {
    memberships: async () => [{ roomId: shared, membership: 'join' }],
  });
  Object.assign(api.events, { page: async () => sent });
  Object.assign(api.server, { scheduledTasks: async () => [] });
  Object.assign(api.redactions, {
    start: async (_: string, { afterTs, rooms }: { afterTs?: number; rooms: string[] }) => {
      starts.push(afterTs);
      startedIn.push(rooms);
      if (answersAreLost) {
        throw new UnreachableError('POST /redact', 'did not answer', true);
      }
      return 'id';
    },
    status: async () => ({ status: 'complete', failedRedactions: {} }),
  });
});

let typed = 0;
async function say(body: string) {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$typed${typed}`,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  return sent;
}

describe('what redact-user redacts', () => {
  test.for([
    ['', 24, 2],
    [' --since 2h', 2, 1],
    [' --since 7d', 168, 3],
  ] as const)(
    'with “%s”: is what the confirmation said, however late',
    async ([flags, hours, many]) => {
      const [confirmation] = await say(`!redact-user @mallory:localhost${flags}`);
      const since = new Date(askedAt - hours * hourMs).toISOString().slice(0, 16).replace('T', ' ');
      expect(JSON.stringify(confirmation)).toContain(`Sent since ${since} UTC`);
      expect(JSON.stringify(confirmation)).toContain(`Redact ${many} message`);
      bot.clock.now += 9 * minuteMs;
      await say('!confirm');
      expect(starts).toEqual([askedAt - hours * hourMs]);
    },
  );

  test('is not in the management room or in a direct room of the bot, which the confirmation says', async () => {
    const direct = '!direct:localhost';
    const { events, users } = bot.api;
    const rooms = [shared, room, direct];
    Object.assign(users, {
      memberships: async () => rooms.map((roomId) => ({ roomId, membership: 'join' })),
      joinedRooms: async () => ({ joinedRooms: rooms }),
    });
    Object.assign(events, {
      state: async (where: string) => [
        { sender: where === direct ? botUser : people.ana, content: { join_rule: 'invite' } },
      ],
    });
    const [confirmation] = await say('!redact-user @mallory:localhost');
    expect(JSON.stringify(confirmation)).toContain('in 1 room?');
    expect(JSON.stringify(confirmation)).toContain('rooms in which I send secrets are left out');
    await say('!confirm');
    expect(startedIn).toEqual([[shared]]);
    const [named] = await say(`!redact-user @mallory:localhost --room ${shared}`);
    expect(JSON.stringify(named)).not.toContain('send secrets');
    rooms.shift();
    const [nothing] = await say('!redact-user @mallory:localhost');
    expect(JSON.stringify(nothing)).toContain('t look in this room');
  });

  test('is not called done when the homeserver comes back a day later', async () => {
    answersAreLost = true;
    await say('!redact-user @mallory:localhost');
    await say('!confirm');
    bot.clock.now += 26 * hourMs;
    await bot.run(async () => recover(bot.context));
    const [entry] = await bot.store.auditLog.search({ command: 'redact-user', limit: 1 });
    expect(entry?.status).toBe('unknown');
    expect(entry?.arguments).toMatchObject({ since: askedAt - 24 * hourMs });
  });

  test.each([
    [{ status: 'complete', failedRedactions: {} }, 'done', 'Done:'],
    [{ status: 'failed', error: '500: disk full' }, 'failed', 'Synapse gave up (500: disk full)'],
    [
      { status: 'complete', failedRedactions: { $sent3: '403: no power' } },
      'partial',
      '1 of them could not be redacted (403: no power)',
    ],
  ] as const)(
    'a day after a crash, is what the kept task has become: %j',
    async (end, status, text) => {
      const asked = Promise.withResolvers<void>();
      const died = new Promise<never>(() => undefined);
      Object.assign(bot.api.redactions, {
        status: async () => {
          asked.resolve();
          return died;
        },
      });
      await say('!redact-user @mallory:localhost');
      void say('!confirm');
      await asked.promise;
      bot.clock.now += 26 * hourMs;
      // Somebody else's redaction of the same user is running meanwhile.
      Object.assign(bot.api.server, { scheduledTasks: async () => [{ status: 'active' }] });
      const askedFor: string[] = [];
      Object.assign(bot.api.redactions, {
        status: async (id: string) => {
          askedFor.push(id);
          return end;
        },
      });
      const context = { ...bot.context, inFlight: createInFlight() };
      await recover(context);
      const sent = await bot.store.outbox.open();
      expect(new Set(askedFor)).toEqual(new Set(['id']));
      expect(starts).toEqual([askedAt - 24 * hourMs]);
      const [entry] = await bot.store.auditLog.search({ command: 'redact-user', limit: 1 });
      expect(entry?.status).toBe(status);
      expect(JSON.stringify(sent)).toContain(text);
    },
  );

  test('is not guessed for a confirmation that an older version has asked', async () => {
    await say('!redact-user @mallory:localhost');
    const [confirmation] = await bot.store.confirmations.pending();
    assert.ok(confirmation);
    const { since: _, ...others } = (
      JSON.parse(confirmation.invocation) as { arguments: Record<string, unknown> }
    ).arguments;
    const invocation = { ...(JSON.parse(confirmation.invocation) as object), arguments: others };
    const { parsedOf } = await import('../../../src/operations/stages.ts');
    expect(() =>
      parsedOf(bot.context, { ...confirmation, invocation: JSON.stringify(invocation) }),
    ).toThrow('is unknown');
  });
});
