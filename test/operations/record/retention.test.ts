import { afterEach, beforeEach, expect, test } from 'vitest';

import { dayMs } from '../../../src/core/duration.ts';
import type { RoomId } from '../../../src/core/ids.ts';
import { applyRetention } from '../../../src/operations/record/retention.ts';
import type { RetentionPeriods } from '../../../src/operations/record/retention.ts';
import type { Store } from '../../../src/store/store.ts';
import { openTestStore } from '../../support/test-database.ts';

const now = Date.UTC(2026, 10, 28);
const old = now - 400 * dayMs;
const periods = { entriesMs: 365 * dayMs, reportsMs: 90 * dayMs };

let store: Store;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(async () => store.close());

const apply = async (given: Partial<RetentionPeriods> = periods, at = now) =>
  applyRetention(
    {
      store,
      settings: { managementRoom: '!r:x' as RoomId },
      log: { info: () => undefined },
      now: () => at,
    },
    { entriesMs: undefined, reportsMs: undefined, ...given },
  );

async function act(at: number, more: { target?: string; isOpen?: boolean } = {}): Promise<void> {
  const { target = '@mallory:x', isOpen = false } = more;
  const event = `$${at} ${target}`;
  const origin = { eventId: event, roomId: '!r:x' };
  await store.transaction(async ({ auditLog, operations }) => {
    if (isOpen) {
      const invocation = JSON.stringify({ command: 'lock', arguments: { accounts: [target] } });
      const operation = { actor: '@ana:x', command: 'lock', invocation, danger: 'change' };
      await operations.start({ ...origin, ...operation }, at);
    }
    const intent = await auditLog.begin(
      {
        ...origin,
        actor: '@ana:x',
        confirmer: '@ben:x',
        command: 'lock',
        arguments: { accounts: [target], text: 'hello Mallory' },
        target,
        reason: 'spam',
      },
      at,
    );
    if (!isOpen) {
      await auditLog.finish(intent, { status: 'done', detail: { undo: `unlock ${target}` } }, at);
    }
  });
}

const entries = async () => store.auditLog.search({ limit: 1000 });

test('old entries lose whom they are about and their texts, and keep who was responsible', async () => {
  await act(old);
  await act(old, { target: '!lobby:x' });
  await act(now - dayMs);
  await apply();
  expect(await entries()).toMatchObject([
    {
      command: 'forget',
      actor: 'retention',
      detail: { entries: 2, reports: 0 },
      status: 'done',
    },
    { target: '@mallory:x', reason: 'spam' },
    { target: '!lobby:x', reason: null },
    {
      target: '@forgotten-1:invalid',
      reason: null,
      arguments: { accounts: [] },
      detail: {},
      actor: '@ana:x',
      confirmer: '@ben:x',
      at: old,
      status: 'done',
    },
  ]);
  expect((await store.auditLog.verify()).fault).toBeUndefined();
});

test('entries in flight are left alone', async () => {
  await act(old, { isOpen: true });
  await apply();
  expect(await entries()).toMatchObject([{ target: '@mallory:x', reason: 'spam' }]);
});

test('it runs once a day, says nothing if there is nothing, and goes on where it was', async () => {
  for (let at = 0; at < 501; at += 1) {
    await act(old + at);
  }
  await act(now - 364 * dayMs);
  await apply();
  expect((await entries())[0]).toMatchObject({ detail: { entries: 501 } });
  await apply(periods, now + 1000);
  await apply(periods, now + dayMs - 1);
  expect((await entries()).filter(({ command }) => command === 'forget')).toHaveLength(1);
  await apply(periods, now + 2 * dayMs);
  expect((await entries())[0]).toMatchObject({ detail: { entries: 1 } });
  await apply(periods, now + 3 * dayMs);
  expect((await entries()).filter(({ command }) => command === 'forget')).toHaveLength(2);
  expect((await store.auditLog.verify()).fault).toBeUndefined();
});

test('closed reports lose whom they are about and from, and stay known', async () => {
  const report = (kind: 'event' | 'user', reportId: number) => ({
    kind,
    reportId,
    receivedTs: old,
    subject: kind === 'user' ? `@mallory${reportId}:x` : `$event${reportId}`,
    reporter: '@vera:x',
    reason: 'awful',
    score: null,
    roomId: null,
    roomName: null,
    sender: `@mallory${reportId}:x`,
  });
  const all = [report('event', 1), report('user', 1), report('user', 2), report('event', 2)];
  const add = async () =>
    store.transaction(async ({ reports }) =>
      reports.addAll(
        all.map((one) => ({ report: one, options: { isBacklog: false, isQuiet: true } })),
        old,
      ),
    );
  await add();
  await store.transaction(async ({ reportItems }) => {
    for (const id of [1, 2, 3]) {
      await reportItems.move(
        id,
        { state: 'resolved', by: '@ana:x', note: 'done', isShown: true },
        old,
      );
    }
  });
  await apply();
  const text = JSON.stringify(await store.reports.inOrder(undefined, 100));
  expect(text.match(/mallory\d/gu)).toEqual(['mallory2']);
  expect((await store.reportItems.get(4))?.sender).toBe('@mallory2:x');
  expect(await store.reportItems.get(1)).toMatchObject({
    sender: '@forgotten-1:invalid',
    content: null,
    note: null,
    closedBy: '@ana:x',
  });
  expect(await add()).toBe(0);
});

test('removed notes and ended tags go with the entries, and what is there stays', async () => {
  const about = { subject: '@mallory:x', author: '@ana:x', at: old };
  const removed = await store.notes.add({ ...about, text: 'removed long ago' }, '$1');
  await store.notes.setRemoved(removed.id, old);
  const recent = await store.notes.add({ ...about, text: 'removed yesterday' }, '$2');
  await store.notes.setRemoved(recent.id, now - dayMs);
  await store.notes.add({ ...about, text: 'there' }, '$3');
  await store.tags.add({ ...about, name: 'expired', expiresAt: old + 1 }, '$4');
  await store.tags.add({ ...about, name: 'removed', expiresAt: null }, '$5');
  await store.tags.remove('@mallory:x', 'removed', old + 1);
  await store.tags.add({ ...about, name: 'ended-yesterday', expiresAt: now - dayMs }, '$6');
  await store.tags.add({ ...about, name: 'there', expiresAt: null }, '$7');
  await apply({ reportsMs: dayMs });
  expect((await store.tags.inOrder(0, 10)).length).toBe(4);
  await apply(periods, now + dayMs);
  expect(await store.notes.get(removed.id)).toBeUndefined();
  expect(await store.notes.get(recent.id)).toBeDefined();
  expect(await store.notes.list('@mallory:x', { limit: 9 })).toMatchObject([{ text: 'there' }]);
  const names = (await store.tags.inOrder(0, 10)).map(({ name }) => name);
  expect(names).toEqual(['ended-yesterday', 'there']);
});
