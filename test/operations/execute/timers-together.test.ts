import { afterEach, beforeEach, expect, test } from 'vitest';

import { hourMs, minuteMs } from '../../../src/core/duration.ts';
import { replyContent } from '../../../src/matrix/delivery/content.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { runScheduled } from '../../../src/operations/execute/run-scheduled.ts';
import { togetherWith } from '../../../src/operations/execute/timers-together.ts';
import type { Together } from '../../../src/operations/execute/timers-together.ts';
import type { Operation } from '../../../src/store/tables/operations/operations.ts';
import { names, openLockServer, passTime, sayTo } from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';

let server: LockServer;
beforeEach(async () => {
  server = await openLockServer();
});
afterEach(async () => server.bot.store.close());

const say = async (body: string) => sayTo(server, body);
const pass = async (ms: number) => textsOf(await passTime(server, ms));

/** The texts of new messages, without edits. */
const textsOf = (sent: readonly Outgoing[]) =>
  sent.flatMap((one) =>
    one.kind === 'reply' ? String(replyContent(one.reply, one.origin, '!')['body']) : [],
  );

/** Locks accounts for an hour, as a moderator does: by a command and its confirmation. */
async function lockForAnHour(count: number): Promise<void> {
  await say(`!lock ${names(count).join(' ')} --for 1h`);
  await say('!confirm');
  expect(server.locked.size).toBe(count);
}

const scheduled = async () => server.bot.store.timers.scheduled();

test('of up to ten accounts, each ends by itself', async () => {
  await lockForAnHour(10);
  expect(await pass(hourMs)).toHaveLength(10);
  expect(server.locked).toEqual(new Set());
});

test('many accounts end in one operation, with one message, and each is audited', async () => {
  await lockForAnHour(30);
  const [text, ...others] = await pass(hourMs);
  expect(others).toEqual([]);
  expect(text).toContain('end of operation 1 (unlock): 30 of 30 accounts done');
  expect(text).toContain('Asked by the timer of Ben');
  expect(server.locked).toEqual(new Set());
  expect(await scheduled()).toEqual([]);
  const entries = await server.bot.store.auditLog.search({ command: 'unlock', limit: 100 });
  expect(new Set(entries.map(({ target }) => target))).toEqual(new Set(names(30)));
  expect(await pass(hourMs)).toEqual([]);
});

test('what was decided since about one of them holds', async () => {
  await lockForAnHour(30);
  await say('!lock @u3:localhost --for 2h');
  await say('!lock @u4:localhost');
  await say('!unlock @u5:localhost');
  expect((await pass(hourMs))[0]).toContain('27 of 27 accounts done');
  expect([...server.locked].sort()).toEqual(['@u3:localhost', '@u4:localhost']);
  expect(await pass(hourMs)).toHaveLength(1);
  expect([...server.locked]).toEqual(['@u4:localhost']);
});

test('the first waits for those that were set up to five minutes later', async () => {
  const { clock } = server.bot;
  server.after = async () => {
    clock.now += 10_000;
  };
  await lockForAnHour(60);
  server.after = async () => undefined;
  const timers = await scheduled();
  const due = timers.map(({ runAt }) => runAt);
  const [first = 0] = due;
  const inTime = due.filter((at) => at <= first + 5 * minuteMs);
  const last = Math.max(...inTime);
  expect(last).toBeGreaterThan(first);
  expect(inTime.length).toBeLessThan(60);
  expect(await pass(last - 1 - clock.now)).toEqual([]);
  expect(server.locked.size).toBe(60);
  expect((await pass(1))[0]).toContain(`${inTime.length} of ${inTime.length} accounts done`);
  expect(server.locked.size).toBe(60 - inTime.length);
  await pass(hourMs);
  expect(server.locked).toEqual(new Set());
});

test('if one of them is stopped at the last moment, none is done without looking again', async () => {
  await lockForAnHour(12);
  const { bot } = server;
  bot.clock.now += hourMs;
  const [due] = (await bot.store.operations.scheduled()) as [Operation];
  const together = await togetherWith(bot.store, due);
  expect(together?.timers).toHaveLength(12);
  await say('!lock @u7:localhost');
  await bot.run(async () => runScheduled(bot.context, due, new Set(), together));
  expect(server.locked.size).toBe(12);
  expect(await scheduled()).toHaveLength(11);
  expect((await pass(0))[0]).toContain('11 of 11 accounts done');
  expect([...server.locked]).toEqual(['@u7:localhost']);
});

test('a refusal is said once, and ends all of them', async () => {
  await lockForAnHour(12);
  const { bot } = server;
  bot.clock.now += hourMs;
  const [due] = (await bot.store.operations.scheduled()) as [Operation];
  const together = (await togetherWith(bot.store, due)) as Together;
  // As if the database had lost the operation.
  const lost = { ...together, operation: 999 };
  const { sent } = await bot.run(async () => runScheduled(bot.context, due, new Set(), lost));
  expect(textsOf(sent.map(({ outgoing }) => outgoing))).toHaveLength(1);
  expect(await scheduled()).toEqual([]);
  expect(await pass(hourMs)).toEqual([]);
});

test('jobs has one row for all of them, so that others can be seen', async () => {
  await lockForAnHour(25);
  await say('!lock @later:localhost --in 2h');
  const [text = ''] = textsOf(await say('!jobs'));
  expect(text).toContain('1 scheduled, 25 timers');
  expect(text.match(/!unlock/gu)).toHaveLength(1);
  expect(text).toContain('!unlock @u0:localhost and 24 others like it');
  expect(text).toContain('!lock @later:localhost');
  expect(text).not.toContain('which come later');
});
