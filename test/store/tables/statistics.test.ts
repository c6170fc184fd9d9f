import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';
import type { ItemState } from '../../../src/store/tables/reports/report-items.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

let database: TestDatabase;
let store: Store;
beforeEach(async () => {
  database = await createTestDatabase();
  store = await openStore(database.place);
});
afterEach(async () => {
  await store.close();
  await database[Symbol.asyncDispose]();
});

let reports = 0;

/** Somebody reports an event; returns the number of its item. */
async function report(
  at: number,
  event: string,
  of: { sender?: string; room?: string; reporter?: string } = {},
): Promise<number> {
  reports += 1;
  const { sender = '@mallory:x', room = '!lobby:x', reporter = '@rita:x' } = of;
  const joined = await store.reports.add(
    {
      kind: 'event',
      reportId: reports,
      receivedTs: at,
      subject: event,
      reporter,
      reason: 'spam',
      score: null,
      roomId: room,
      roomName: '#lobby:x',
      sender,
    },
    at,
    { isBacklog: false, isQuiet: false },
  );
  return Number(joined?.itemId);
}

const move = async (item: number, state: ItemState, by: string, at: number) =>
  store.reportItems.move(item, { state, by, isShown: true }, at);

/** An action that was asked for and ended. */
async function act(at: number, actor: string, command: string, status = 'done'): Promise<number> {
  const intent = { actor, command, arguments: {}, eventId: '$e', roomId: '!r:x' };
  return store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin(intent, at);
    await auditLog.finish(id, { status }, at);
    return id;
  });
}

describe('the steps of the queue', () => {
  test('are timed from when the item was opened; the first of each opening alone', async () => {
    const item = await report(0, '$one');
    await move(item, 'claimed', '@ana:x', 2 * minute);
    await move(item, 'open', '@ana:x', 3 * minute);
    await move(item, 'claimed', '@ben:x', 4 * minute);
    await move(item, 'resolved', '@ben:x', 10 * minute);
    await move(item, 'dismissed', '@ana:x', 11 * minute);
    // Reported again, it opens anew, and is closed at once.
    await report(20 * minute, '$one');
    await move(item, 'dismissed', 'rule:spam', 21 * minute);

    const { rows, isEnd } = await store.statistics.stepsAfter(0, 100);
    expect(isEnd).toBe(true);
    expect(rows).toEqual([
      { kind: 'claimed', actor: '@ana:x', at: 2 * minute, tookMs: 2 * minute },
      { kind: 'claimed', actor: '@ben:x', at: 4 * minute, tookMs: null },
      { kind: 'resolved', actor: '@ben:x', at: 10 * minute, tookMs: 10 * minute },
      { kind: 'dismissed', actor: '@ana:x', at: 11 * minute, tookMs: null },
      { kind: 'dismissed', actor: 'rule:spam', at: 21 * minute, tookMs: minute },
    ]);
    const { statistics } = store;
    expect(await statistics.durations({ since: 0, until: day })).toEqual({
      claim: [2 * minute],
      close: [minute, 10 * minute],
    });
    expect(await statistics.durations({ since: 10 * minute, until: 21 * minute })).toEqual({
      claim: [],
      close: [10 * minute],
    });
  });

  test('can be read in stretches, none lost and none twice', async () => {
    for (let number = 1; number <= 7; number += 1) {
      const item = await report(number, `$${number}`);
      await move(item, 'resolved', '@ana:x', number + 1);
    }
    const seen: number[] = [];
    let afterId = 0;
    for (let isEnd = false; !isEnd;) {
      const stretch = await store.statistics.stepsAfter(afterId, 2);
      seen.push(...stretch.rows.map(({ at }) => at));
      ({ lastId: afterId, isEnd } = stretch);
    }
    expect(seen).toEqual([2, 3, 4, 5, 6, 7, 8]);
    expect(await store.statistics.stepsAfter(afterId, 2)).toEqual({
      rows: [],
      lastId: afterId,
      isEnd: true,
    });
  });
});

test('what was ever done, by whom and how it ended', async () => {
  expect(await store.statistics.totals()).toEqual({ actions: [], work: [] });
  await act(1, '@ana:x', 'deactivate');
  await act(2, '@ana:x', 'deactivate', 'failed');
  await act(3, 'timer:12', 'shadow-ban');
  await act(4, 'timer:13', 'shadow-ban');
  const item = await report(5, '$1');
  await move(item, 'resolved', '@ben:x', 6);
  const none = { asked: 0, confirmed: 0, claimed: 0, resolved: 0, dismissed: 0 };
  expect(await store.statistics.totals()).toEqual({
    actions: [
      { command: 'deactivate', status: 'done', count: 1 },
      { command: 'deactivate', status: 'failed', count: 1 },
      { command: 'shadow-ban', status: 'done', count: 2 },
    ],
    work: [
      { ...none, name: '@ana:x', asked: 2 },
      { ...none, name: '@ben:x', resolved: 1 },
      { ...none, name: 'timer', asked: 2 },
    ],
  });
});

test('what is open, and since when', async () => {
  expect(await store.statistics.oldestOpenAt()).toBeUndefined();
  const [first, second] = [await report(1000, '$1'), await report(2000, '$2')];
  expect(await store.statistics.oldestOpenAt()).toBe(1000);
  await move(first, 'claimed', '@ana:x', 3000);
  expect(await store.statistics.oldestOpenAt()).toBe(1000);
  await move(first, 'resolved', '@ana:x', 4000);
  expect(await store.statistics.oldestOpenAt()).toBe(2000);
  await move(second, 'dismissed', '@ana:x', 5000);
  expect(await store.statistics.oldestOpenAt()).toBeUndefined();

  await store.inbox.add([{ eventId: '$e', type: 'message', sender: '@a:x', event: '{}' }], 1);
  await store.operations.start(
    {
      eventId: '$e',
      roomId: '!r',
      actor: '@a:x',
      command: 'x',
      danger: 'change',
      invocation: '{}',
    },
    1,
  );
  await store.outbox.add({ eventId: '$e', part: 'answer', message: '{}' }, 1);
  await store.operations.schedule(
    {
      eventId: '$later',
      roomId: '!r',
      actor: '@a:x',
      command: 'x',
      danger: 'change',
      invocation: '{}',
      notBefore: 9,
    },
    1,
  );
  const intent = { actor: '@a:x', command: 'x', arguments: {}, eventId: '$e', roomId: '!r' };
  const intentId = await store.transaction(async ({ auditLog }) => auditLog.begin(intent, 1));
  await store.timers.add({
    line: 'y',
    runAt: 9,
    askedBy: '@a:x',
    intentId,
    eventId: '$e',
    roomId: '!r',
    createdAt: 1,
  });
  expect(await store.statistics.countPending()).toEqual({
    inbox: 1,
    outbox: 1,
    operations: 1,
    confirmations: 0,
    scheduled: 2,
    timers: 1,
  });
});

test('a period is cut into steps, also those in which nothing was', async () => {
  const period = { since: 10 * day, until: 13 * day };
  await report(10 * day - 1, '$before');
  await report(10 * day, '$1', { sender: '@eve:x' });
  const item = await report(11 * day - 1, '$2');
  await report(11 * day, '$2', { reporter: '@other:x' });
  await report(13 * day, '$after', { room: '!other:x' });
  await move(item, 'resolved', '@ana:x', 12 * day);
  await act(12 * day + 1, '@ana:x', 'redact');
  const { statistics } = store;
  const none = { reports: 0, resolved: 0, dismissed: 0, actions: 0, failed: 0, refused: 0 };
  expect(await statistics.countsPer(day, period)).toEqual([
    { ...none, reports: 2 },
    { ...none, reports: 1 },
    { ...none, resolved: 1, actions: 1 },
  ]);
  expect(await statistics.countWork(period)).toEqual([
    { name: '@ana:x', asked: 1, claimed: 0, resolved: 1, dismissed: 0 },
  ]);
  expect(await statistics.topSenders(10 * day, 1)).toEqual([{ sender: '@mallory:x', items: 2 }]);
  expect(await statistics.topRooms(10 * day, 5)).toEqual([
    { roomId: '!lobby:x', roomName: '#lobby:x', items: 2 },
    { roomId: '!other:x', roomName: '#lobby:x', items: 1 },
  ]);
});

test('how often rules have fitted', async () => {
  const [one, two] = [await report(1, '$1'), await report(2, '$2')];
  await store.ruleMatches.add({ itemId: one, rule: 'spam', mode: 'act' }, 5);
  await store.ruleMatches.add({ itemId: two, rule: 'spam', mode: 'act' }, 50);
  await store.ruleMatches.add({ itemId: two, rule: 'flood', mode: 'observe' }, 50);
  expect(await store.statistics.countMatches()).toEqual([
    { rule: 'flood', mode: 'observe', count: 1 },
    { rule: 'spam', mode: 'act', count: 2 },
  ]);
  expect(await store.statistics.countMatches({ since: 50, until: 60 })).toEqual([
    { rule: 'flood', mode: 'observe', count: 1 },
    { rule: 'spam', mode: 'act', count: 1 },
  ]);
});
