import assert from 'node:assert/strict';

import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import type { UserId } from '../../src/core/ids.ts';
import { goodState, openFuzzBot, people } from '../support/fuzz-bot.ts';
import {
  anyJson,
  anyNumber,
  fuzzTimeoutMs,
  fuzzing,
  hostileText,
  mostly,
  received,
  report,
} from '../support/hostile.ts';

const anybody = fc.constantFrom(...Object.values(people));

/** Whoever a case has let in is out again. */
const withoutEve = [
  ...goodState,
  {
    type: 'm.room.member',
    state_key: people.eve,
    sender: people.ana,
    content: { membership: 'leave' },
  },
];

/** What a reaction may be; `target` stands for the confirmation. */
const reaction = fc.record({
  type: mostly(fc.constant('m.reaction'), 30),
  sender: mostly(anybody, 30),
  content: mostly(
    fc.record({
      'm.relates_to': mostly(
        fc.record({
          rel_type: mostly(fc.constant('m.annotation')),
          event_id: mostly(fc.constant('target'), 20),
          key: mostly(
            fc.oneof(
              fc.constantFrom(
                '✅',
                '❌',
                '✅\uFE0F',
                '\uFE0F✅',
                '✔️',
                '👎🏽',
                '👍',
                '✅✅',
                '✅\u200D',
              ),
              hostileText,
            ),
          ),
        }),
      ),
    }),
    30,
  ),
});

/** Now and then a hostile answer leads to no confirmation; so often in a row, nothing asks any more. */
const maxSkipsInARow = 20;

type Json = Readonly<Record<string, unknown>> | null | undefined;

test(
  'a reaction counts only as a tick of who asked',
  async () => {
    const bot = await openFuzzBot({ isCalm: true });
    let cases = 0;
    let commands = 0;
    let skipsInARow = 0;
    let asked: string | undefined;
    const seen = { confirmed: 0, cancelled: 0, left: 0 };

    /** The event of a pending confirmation: the previous one, unless it was decided. */
    async function confirmation(): Promise<string | undefined> {
      const [waiting] = await bot.store.confirmations.pending();
      if (waiting !== undefined && waiting.expiresAt > bot.clock.now) {
        return asked;
      }
      await bot.expireConfirmations();
      commands += 1;
      const { sent } = await bot.take([
        {
          type: 'm.room.message',
          event_id: `$command${commands}`,
          sender: people.ben,
          origin_server_ts: bot.clock.now,
          content: { msgtype: 'm.text', body: '!deactivate @mallory:localhost' },
        },
      ]);
      const answer = sent.find(({ outgoing }) => outgoing.kind === 'reply');
      // An answer that nests too deep is refused, and then nothing is asked.
      const isAsked =
        answer?.outgoing.kind === 'reply' && answer.outgoing.reply.status === 'pending';
      asked = isAsked ? answer.event : undefined;
      skipsInARow = isAsked ? 0 : skipsInARow + 1;
      assert.ok(
        skipsInARow <= maxSkipsInARow,
        `!deactivate asked nothing ${skipsInARow} times in a row; the last answer: ${JSON.stringify(answer?.outgoing)}`,
      );
      return asked;
    }

    await fc.assert(
      fc.asyncProperty(reaction, async (given) => {
        cases += 1;
        bot.clock.now += 1000;
        const target = await confirmation();
        fc.pre(target !== undefined);
        const content = given.content as Json;
        const relation = content?.['m.relates_to'] as Json;
        const event = {
          ...given,
          event_id: `$reaction${cases}`,
          origin_server_ts: bot.clock.now,
          content:
            relation?.['event_id'] === 'target'
              ? { 'm.relates_to': { ...relation, event_id: target } }
              : content,
        };
        const { changes } = await bot.take([event]);
        const isOn = (...keys: string[]) =>
          given.type === 'm.reaction' &&
          relation?.['rel_type'] === 'm.annotation' &&
          relation['event_id'] === 'target' &&
          keys.includes(relation['key'] as string);
        const isTick = isOn('✅', '✅\uFE0F', '\uFE0F✅', '✔️') && given.sender === people.ben;
        // Who asked may drop it, and so may whoever has the role.
        const isCross =
          isOn('❌', '👎🏽') && (given.sender === people.ben || given.sender === people.ana);
        assert.equal(changes.length, isTick ? 1 : 0);
        const waiting = await bot.store.confirmations.pending();
        assert.equal(waiting.length, isTick || isCross ? 0 : 1);
        seen.confirmed += Number(isTick);
        seen.cancelled += Number(isCross);
        seen.left += waiting.length;
      }),
      // Where nothing is ever asked, every case is skipped: that must end.
      { ...fuzzing, maxSkipsPerRun: 1, asyncReporter: async (run) => report(run) },
    );
    expect(seen.confirmed).toBeGreaterThan(50);
    expect(seen.cancelled).toBeGreaterThan(50);
    expect(seen.left).toBeGreaterThan(500);
    expect(await bot.context.services.audit.verify()).toMatchObject({ fault: undefined });
    await bot.store.close();
  },
  fuzzTimeoutMs,
);

const levels = fc.oneof(anyNumber, fc.constantFrom(0, 49, 50, 99, 100, '100', null), anyJson);

const contents = {
  'm.room.member': fc.record(
    {
      membership: mostly(fc.constantFrom('join', 'leave', 'ban', 'invite', 'knock'), 5),
      displayname: anyJson,
    },
    { requiredKeys: [] },
  ),
  'm.room.power_levels': fc.record(
    {
      users: mostly(fc.dictionary(fc.oneof(anybody, hostileText), levels, { maxKeys: 3 }), 5),
      users_default: levels,
      events: anyJson,
    },
    { requiredKeys: [] },
  ),
  'm.room.create': fc.record(
    {
      room_version: mostly(fc.constantFrom('1', '11', '12', '1e3', '١٢', 12), 3),
      additional_creators: mostly(fc.array(anybody), 3),
    },
    { requiredKeys: [] },
  ),
};

const kinds = fc.constantFrom(...(Object.keys(contents) as (keyof typeof contents)[]));

const stateEvent = kinds.chain((type) =>
  fc.record({
    type: mostly(fc.constant(type), 20),
    state_key: mostly(type === 'm.room.member' ? anybody : fc.constant(''), 20),
    sender: mostly(anybody, 20),
    content: mostly<unknown>(contents[type]),
  }),
);

/** Who may do what, told by the events alone and in as few words as possible. */
function powerOf(user: string, events: readonly Json[]): number {
  const last = (type: string, key: string) =>
    events.findLast((event) => {
      const isState = typeof event?.['sender'] === 'string' && isObject(event['content']);
      return isState && event['type'] === type && event['state_key'] === key;
    });
  const member = last('m.room.member', user)?.['content'] as Json;
  if (member?.['membership'] !== 'join') {
    return Number.NEGATIVE_INFINITY;
  }
  const create = last('m.room.create', '');
  const { room_version: version, additional_creators: more } = (create?.['content'] ?? {}) as {
    room_version?: unknown;
    additional_creators?: unknown;
  };
  if (
    typeof version === 'string' &&
    /^[0-9]+$/u.test(version) &&
    Number(version) >= 12 &&
    (create?.['sender'] === user || (Array.isArray(more) && more.includes(user)))
  ) {
    return Number.POSITIVE_INFINITY;
  }
  const given = last('m.room.power_levels', '')?.['content'] as Json;
  const users = given?.['users'] as Json;
  const level =
    isObject(users) && Object.hasOwn(users, user) ? users[user] : given?.['users_default'];
  return typeof level === 'number' ? level : 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

test(
  'no state event gives power that it does not say',
  async () => {
    const bot = await openFuzzBot();
    let cases = 0;
    const seen = { changes: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(
        fc.array(stateEvent, { minLength: 1, maxLength: 4 }),
        anybody,
        async (events, user) => {
          cases += 1;
          bot.clock.now += 1000;
          const state = [...withoutEve, ...(received(events) as Json[])];
          const command = {
            type: 'm.room.message',
            event_id: `$command${cases}`,
            sender: user,
            origin_server_ts: bot.clock.now,
            content: { msgtype: 'm.text', body: '!shadow-ban @mallory:localhost' },
          };
          const { changes } = await bot.take([...state, command], { isReceived: true });
          const power = powerOf(user, state);
          assert.ok(changes.length === 0 || power >= 50, `${user} has ${power}`);
          assert.ok(!Number.isNaN(bot.members.powerLevel(user as UserId)));
          seen.changes += changes.length;
          seen.refused += Number(changes.length === 0);
        },
      ),
      { ...fuzzing, asyncReporter: async (run) => report(run) },
    );
    expect(seen.changes).toBeGreaterThan(50);
    expect(seen.refused).toBeGreaterThan(50);
    await bot.store.close();
  },
  fuzzTimeoutMs,
);
