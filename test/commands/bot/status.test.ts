import { afterEach, beforeEach, expect, test } from 'vitest';

import { replyContent } from '../../../src/matrix/delivery/content.ts';
import type { BotOperations } from '../../../src/services/bot/bot-operations.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  Object.assign(bot.context.services.server, { version: async () => '1.163.2' });
});
afterEach(async () => bot.store.close());

/** What the room reads if the bot is like this. */
async function statusWith(
  state: Partial<Awaited<ReturnType<BotOperations['status']>>>,
): Promise<string> {
  const { status } = bot.context.services.bot;
  const found = await status();
  Object.assign(bot.context.services.bot, { status: async () => ({ ...found, ...state }) });
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: '$status',
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: '!status' },
    },
  ]);
  const [answer] = sent.map(({ outgoing }) => outgoing);
  if (answer?.kind !== 'reply') {
    throw new TypeError('no answer');
  }
  return String(replyContent(answer.reply, answer.origin, '!')['body']);
}

test('before the first sync has ended, nothing has failed', async () => {
  const text = await statusWith({ online: false, failures: 0, lastSyncAt: undefined });
  expect(text).toContain('⏳ Starting (Synapse 1.163.2)');
  expect(text).toContain('not synced yet');
});

test('a failed sync is a fault, also before the first one that works', async () => {
  const text = await statusWith({ online: false, failures: 1, lastSyncAt: undefined });
  expect(text).toContain('⚠️ Syncing fails');
});

test.each([
  [9, 'lacks #9 of a database'],
  [12, 'lacks #9 to #12 of a database'],
])('a loss of entries up to #%i is named', async (lastShown, words) => {
  const dataLoss = { foundAt: 0, lastMessageAt: 0, lastKept: 8, lastShown };
  expect(await statusWith({ dataLoss })).toContain(words);
});

test('nothing is pending', async () => {
  expect(await statusWith({})).toContain('Nothing pending');
});

test('what is scheduled is counted, and where it is listed', async () => {
  const text = await statusWith({ scheduledOperations: 3, timers: 1 });
  expect(text).toContain('2 operations scheduled · 1 timer');
  expect(text).not.toContain('Nothing pending');
  expect(text).toContain('!jobs');
});

test.each([
  [1, [7], '1 operation in progress · it waits for two.example'],
  [3, [7, 8], '3 operations in progress · 2 of them wait for two.example'],
  [3, [8], '3 operations in progress · 1 of them waits for two.example'],
])('of %i operations, those that wait for a homeserver are named: %j', async (all, ids, words) => {
  const waitingOperations = ids.map((id) => ({ id, waitsFor: ['two.example'] }));
  expect(await statusWith({ openOperations: all, waitingOperations })).toContain(words);
});
