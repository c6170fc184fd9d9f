import { afterEach, beforeEach, expect, test } from 'vitest';

import { StoreError } from '../../../src/core/errors.ts';
import { anchorHead } from '../../../src/operations/record/anchor.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

const hourMs = 3_600_000;

let bot: FuzzBot;
let said = 0;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

/** Something that leaves two rows in the audit log: it is begun, and refused by the homeserver. */
async function act(): Promise<void> {
  said += 1;
  await bot.take([
    {
      type: 'm.room.message',
      event_id: `$command${said}`,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: '!shadow-ban @mallory:localhost' },
    },
  ]);
}

/** What one look has put into the room. */
async function look() {
  const { sent } = await bot.run(async () => anchorHead(bot.context));
  return sent.map(({ outgoing }) => {
    if (outgoing.kind !== 'alert') {
      throw new Error(`a ${outgoing.kind} was sent`);
    }
    const { mentions, reply } = outgoing;
    return { mentions, mark: reply.answer.mark, data: reply.answer.data };
  });
}

const notice = (count: number) => ({
  mentions: [],
  mark: 'ℹ️',
  data: { count, head: expect.stringMatching(/^[0-9a-f]{64}$/u) as string },
});

test('an empty log has no head', async () => {
  expect(await look()).toEqual([]);
});

test('the head is posted once, and again a day later if there are new rows', async () => {
  await act();
  expect(await look()).toEqual([notice(2)]);
  expect(await look()).toEqual([]);
  bot.clock.now += 25 * hourMs;
  expect(await look()).toEqual([]);
  await act();
  expect(await look()).toEqual([notice(4)]);
  await act();
  bot.clock.now += 23 * hourMs;
  expect(await look()).toEqual([]);
  bot.clock.now += hourMs;
  expect(await look()).toEqual([notice(6)]);
});

test('it is posted also when the clock was set back', async () => {
  await act();
  await look();
  bot.clock.now -= 1000 * hourMs;
  await act();
  expect(await look()).toEqual([notice(4)]);
});

test('where the log does not go on from it, the admins are called once a day, and it stays', async () => {
  await act();
  const { now } = bot.clock;
  const other = { count: 2, head: 'a'.repeat(64), at: now, warnedAt: 0 };
  await bot.store.anchor.set(other);
  expect(await look()).toEqual([]);
  bot.clock.now += 25 * hourMs;
  await act();
  const warning = { mentions: [people.ana], mark: '⚠️' };
  expect(await look()).toMatchObject([warning]);
  expect(await look()).toEqual([]);
  bot.clock.now += 25 * hourMs;
  expect(await look()).toMatchObject([warning]);
  expect(await bot.store.anchor.get()).toMatchObject({ ...other, warnedAt: bot.clock.now });

  const { fault } = await bot.context.services.audit.verify();
  expect(fault).toEqual({ id: 2, kind: 'replaced' });
});

test('rows that were cut off are missed even where nothing new has come', async () => {
  await act();
  await bot.store.anchor.set({ count: 9, head: 'a'.repeat(64), at: 0, warnedAt: 0 });
  expect(await look()).toMatchObject([{ mark: '⚠️' }]);
});

test('while the database fails nothing is posted, and later it is', async () => {
  await act();
  const { transaction } = bot.context.store;
  Object.assign(bot.context.store, {
    transaction: async (work: Parameters<typeof transaction>[0]) =>
      transaction(async (tables) => {
        await work(tables);
        throw new StoreError('the database failed (SQLITE_FULL)');
      }),
  });
  await expect(anchorHead(bot.context)).rejects.toThrow(StoreError);
  expect(await bot.store.outbox.open()).toEqual([]);
  Object.assign(bot.context.store, { transaction });
  expect(await look()).toEqual([notice(2)]);
});
