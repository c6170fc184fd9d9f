import { afterEach, beforeEach, expect, test } from 'vitest';

import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  // The homeserver refuses every change.
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

test('a batch goes on after an account that failed: each has its call, its entry and its outcome', async () => {
  const names = ['@one:localhost', '@two:localhost', '@three:localhost'];
  const asked = await bot.take([
    {
      type: 'm.room.message',
      event_id: '$batch',
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: `!shadow-ban ${names.join(' ')}` },
    },
  ]);
  const confirmation = asked.sent.find(({ outgoing }) => outgoing.kind === 'reply')?.event;
  const { changes, sent } = await bot.take([
    {
      type: 'm.reaction',
      event_id: '$tick',
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: {
        'm.relates_to': { rel_type: 'm.annotation', event_id: confirmation ?? '', key: '✅' },
      },
    },
  ]);
  expect(changes).toEqual(
    names.map((name) => expect.stringContaining(encodeURIComponent(name)) as string),
  );
  const entries = await bot.store.auditLog.search({ eventId: '$batch', limit: 10 });
  expect(entries.reverse().map(({ target, status }) => ({ target, status }))).toEqual(
    names.map((target) => ({ target, status: 'failed' })),
  );
  const outcome = sent.find(({ outgoing }) => outgoing.kind === 'edit')?.outgoing;
  expect(outcome).toMatchObject({
    reply: { status: 'failed', audit: entries.map(({ id }) => id) },
  });
  expect(await bot.store.operations.running()).toEqual([]);
});

test('an outcome that the homeserver can’t tell again waits for the disk', async () => {
  Object.assign(bot.context.services.server, { hasPasswordLogin: async () => true });
  const { transaction } = bot.store;
  let notWaited = 0;
  Object.assign(bot.store, {
    transaction: (async (work, options) => {
      notWaited += options?.repeatable === true ? 1 : 0;
      return transaction(work, options);
    }) satisfies typeof transaction,
  });
  const message = (event: string, body: string) => ({
    type: 'm.room.message',
    event_id: event,
    sender: people.ana,
    origin_server_ts: bot.clock.now,
    content: { msgtype: 'm.text', body },
  });
  // Receiving it, and its outcome.
  expect(
    (await bot.take([message('$ban', '!shadow-ban @mallory:localhost')])).changes,
  ).toHaveLength(1);
  expect(notWaited).toBe(2);
  const asked = await bot.take([message('$reset', '!reset-password @mallory:localhost')]);
  const confirmation = asked.sent.find(({ outgoing }) => outgoing.kind === 'reply')?.event;
  notWaited = 0;
  const { changes } = await bot.take([
    {
      ...message('$tick', ''),
      type: 'm.reaction',
      content: {
        'm.relates_to': { rel_type: 'm.annotation', event_id: confirmation ?? '', key: '✅' },
      },
    },
  ]);
  expect(changes).toHaveLength(1);
  expect(notWaited).toBe(1);
});
