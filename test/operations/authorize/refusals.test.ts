import { afterEach, beforeEach, expect, test } from 'vitest';

import { runScheduled } from '../../../src/operations/execute/run-scheduled.ts';
import { openFuzzBot, people, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

/** What a crash at this moment would leave behind. */
interface Moment {
  readonly refusals: number;
  readonly messages: number;
  readonly open: number;
}

let bot: FuzzBot;
let moments: Moment[];
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  moments = [];
  const { store } = bot.context;
  const { transaction } = store;
  Object.assign(store, {
    transaction: async (work: Parameters<typeof transaction>[0]) => {
      const result = await transaction(work);
      const entries = await store.auditLog.search({ limit: 100 });
      const [inbox, pending, timers, outbox] = await Promise.all([
        store.inbox.open(),
        store.confirmations.pending(),
        store.timers.scheduled(),
        store.outbox.open(),
      ]);
      moments.push({
        refusals: entries.filter(({ status }) => status !== 'open' && status !== 'done').length,
        messages: outbox.length,
        open: inbox.length + pending.length + timers.length,
      });
      return result;
    },
  });
});
afterEach(async () => bot.store.close());

const say = (event: string, body: string, sender: string = people.ben) => ({
  type: 'm.room.message',
  event_id: event,
  sender,
  origin_server_ts: bot.clock.now,
  content: { msgtype: 'm.text', body },
});

/** From the moment at which a refusal stands in the log, it is answered, and nothing leads to it again. */
function expectOnce(): void {
  const after = moments.filter(({ refusals }) => refusals > 0);
  expect(after.length).toBeGreaterThan(0);
  for (const moment of after) {
    expect(moment).toMatchObject({ refusals: 1, open: 0 });
    expect(moment.messages).toBeGreaterThan(0);
  }
}

test.each([
  '!shadow-ban @mallory:localhost',
  // Its steps are its rooms, and it names none.
  '!kick --from-file',
])('a command that is denied: %s', async (line) => {
  await bot.take([say('$denied', line, people.vic)]);
  expect(moments.at(-1)).toMatchObject({ refusals: 1, open: 0 });
  expectOnce();
});

test('a confirmation whose target is gone when it is confirmed', async () => {
  await bot.take([say('$asked', '!deactivate @mallory:localhost')]);
  expect(await bot.store.confirmations.pending()).toHaveLength(1);
  Object.assign(bot.context, { findAccount: async () => undefined });
  moments = [];
  await bot.take([say('$confirmed', '!confirm')]);
  // What is left to do is to answer the `!confirm`, which finds the confirmation dropped.
  expect(moments.find(({ refusals }) => refusals > 0)).toMatchObject({ refusals: 1, open: 1 });
  expect(moments.at(-1)).toMatchObject({ refusals: 1, open: 0 });
});

test('a timer that can’t be carried out', async () => {
  const origin = { eventId: '$command', roomId: room };
  const at = bot.clock.now;
  const id = await bot.store.transaction(async ({ auditLog, timers }) => {
    const askedBy = people.ben;
    const intent = { actor: askedBy, command: 'shadow-ban', arguments: {}, ...origin };
    const intentId = await auditLog.begin(intent, at);
    const line = 'unshadow-ban @nobody:localhost';
    return timers.add({ line, runAt: at, askedBy, intentId, ...origin, createdAt: at });
  });
  const timer = await bot.store.operations.get(id);
  moments = [];
  expect(timer && (await runScheduled(bot.context, timer))).toBe('ended');
  expectOnce();
});
