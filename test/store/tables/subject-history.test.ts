import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Intent } from '../../../src/store/tables/audit/audit-log.ts';
import type { Subject } from '../../../src/store/tables/subject-history.ts';
import { openReportStore } from '../../support/report-store.ts';
import type { ReportStore } from '../../support/report-store.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';

const mallory = { kind: 'user', id: '@mallory:x' } as const;
const lobby = { kind: 'room', id: '!lobby:x' } as const;

let database: TestDatabase;
let queue: ReportStore;
beforeEach(async () => {
  database = await createTestDatabase();
  queue = await openReportStore(database.place);
});
afterEach(async () => {
  await queue[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const asked = { actor: '@ana:x', command: 'x', arguments: {}, eventId: '$e', roomId: '!m:x' };

async function act(at: number, intent: Partial<Intent>): Promise<number> {
  return queue.store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin({ ...asked, ...intent }, at);
    await auditLog.finish(id, { status: 'done' }, at);
    return id;
  });
}

async function ask(event: string, invocation: object): Promise<number> {
  const { id } = await queue.store.confirmations.ask({
    invocation: JSON.stringify(invocation),
    command: 'deactivate',
    requester: '@ana:x',
    eventId: event,
    roomId: '!r',
    danger: 'destructive',
    createdAt: 50,
    expiresAt: 100,
  });
  return id;
}

const history = () => queue.store.subjectHistory;

async function page(subject: Subject): Promise<string[]> {
  const { cursors, total } = await history().page(subject, { limit: 100 });
  expect(total).toBe(cursors.length);
  return cursors.map(({ source, id }) => `${source} ${id}`);
}

test('what was done from a report is found by whom the report is about, once', async () => {
  const item = await queue.report({ at: 10 });
  const event = JSON.stringify({ room: lobby.id, event: '$1' });
  const redaction = await act(20, { command: 'redact', target: event, itemId: item });
  const ban = await act(30, { target: mallory.id, itemId: item });
  const other = await act(40, { target: '@mallory:xy' });
  expect(await page(mallory)).toEqual([`action ${ban}`, `action ${redaction}`, `item ${item}`]);
  expect(await page(lobby)).toEqual([`action ${ban}`, `action ${redaction}`, `item ${item}`]);
  expect(await page({ kind: 'user', id: '@mallory:xy' })).toEqual([`action ${other}`]);
});

test('an event belongs to its room, not to one whose ID begins alike', async () => {
  const event = (room: string) => JSON.stringify({ room, event: '$1' });
  const here = await act(1, { target: event('!lobby:x') });
  await act(2, { target: event('!lobby:xy') });
  await act(3, { target: event('!lobby') });
  const room = await act(4, { target: '!lobby:x' });
  expect(await page(lobby)).toEqual([`action ${room}`, `action ${here}`]);
  expect(await history().counts(lobby)).toMatchObject({ actions: 2, items: 0, reported: 0 });
});

test('what failed or was refused is listed, and does not count as an action', async () => {
  const target = { ...asked, target: mallory.id };
  const found = await queue.store.transaction(async ({ auditLog }) => {
    const ids = [
      await auditLog.refuse(target, { status: 'protected' }, 1),
      await auditLog.refuse(target, { status: 'failed' }, 1),
    ];
    for (const outcomes of [['failed'], ['done'], ['partial'], ['unknown', 'failed'], []]) {
      const id = await auditLog.begin(target, 1);
      ids.push(id);
      for (const status of outcomes) {
        await auditLog.finish(id, { status }, 2);
      }
    }
    return ids;
  });
  expect(await page(mallory)).toEqual(found.map((id) => `action ${id}`).reverse());
  // Done, partly done, and still open.
  expect(await history().counts(mallory)).toMatchObject({ actions: 3 });
});

test('notes and tags are listed, and do not count as actions: they do nothing to anybody', async () => {
  const ids: number[] = [];
  for (const command of ['note', 'tag', 'untag', 'shadow-ban']) {
    ids.push(await act(1, { command, target: mallory.id }));
  }
  const failed = await queue.store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin({ ...asked, command: 'tag', target: mallory.id }, 1);
    await auditLog.finish(id, { status: 'failed' }, 2);
    return id;
  });
  expect(await page(mallory)).toEqual([...ids, failed].map((id) => `action ${id}`).reverse());
  expect(await history().counts(mallory)).toMatchObject({ actions: 1, noteChanges: 4 });
});

test('a timer is listed for whom its action was about, and where', async () => {
  const banned = await act(1, {
    command: 'ban',
    target: mallory.id,
    arguments: { rooms: [lobby.id], step: lobby.id },
  });
  const blocked = await act(2, { command: 'delete-room', target: lobby.id });
  const other = await act(3, { target: '@eve:x' });
  const add = async (intentId: number) =>
    queue.store.transaction(async ({ timers }) =>
      timers.add({
        line: 'undo',
        runAt: 100,
        askedBy: '@ana:x',
        intentId,
        eventId: '$e',
        roomId: '!m:x',
        createdAt: 10 + intentId,
      }),
    );
  const timers = [await add(banned), await add(blocked), await add(other)];
  expect(await page(mallory)).toEqual([`timer ${timers[0]}`, `action ${banned}`]);
  expect(await page(lobby)).toEqual([
    `timer ${timers[1]}`,
    `timer ${timers[0]}`,
    `action ${blocked}`,
    `action ${banned}`,
  ]);
});

test('a confirmation is about whom it would be done to, whatever else it holds', async () => {
  const about = await ask('$1', { arguments: { accounts: ['@eve:x', mallory.id] } });
  await ask('$2', { arguments: { accounts: ['@eve:x'] }, reason: mallory.id });
  await ask('$3', { arguments: { accounts: ['@mallory:xyz'] } });
  const confirmed = await ask('$4', { arguments: { account: mallory.id } });
  const by = { user: '@ana:x', eventId: '$y' };
  await queue.store.confirmations.decide(confirmed, 'confirmed', by, 60);
  const inRoom = await ask('$5', { arguments: { event: { room: lobby.id, event: '$z' } } });
  expect(await page(mallory)).toEqual([`confirmation ${about}`]);
  expect(await page(lobby)).toEqual([`confirmation ${inRoom}`]);
});

test('counts all, of a flood too, and lists the newest thousand', async () => {
  await queue.store.transaction(async ({ reports }) => {
    await reports.addAll(
      Array.from({ length: 1005 }, (_, at) => at + 1).map((number) => ({
        report: {
          kind: 'event',
          reportId: number,
          receivedTs: number,
          subject: `$${number}`,
          reporter: `@r${number % 3}:x`,
          reason: null,
          score: null,
          roomId: lobby.id,
          roomName: null,
          sender: mallory.id,
        },
        options: { isBacklog: false, isQuiet: true },
      })),
      1,
    );
  });
  expect(await history().counts(mallory)).toMatchObject({
    items: 1005,
    openItems: 1005,
    reports: 1005,
    reporters: 3,
  });
  const { cursors, total } = await history().page(mallory, { limit: 2 });
  expect(total).toBe(1000);
  expect(cursors.map(({ at }) => at)).toEqual([1005, 1004]);
  const { cursors: next } = await history().page(mallory, { limit: 1, after: cursors[1] });
  expect(next.map(({ at }) => at)).toEqual([1003]);
  const end = { at: 0, source: 'action', id: 0 } as const;
  expect(await history().page(mallory, { limit: 1, after: end })).toEqual({ cursors: [], total });
  const own = await history().ownReport('@r1:x', next[0]?.id ?? 0);
  expect(own).toEqual({ itemId: next[0]?.id, times: 1, at: 1003, reason: null });
});

test('an operation is listed while it is scheduled, or runs and has not come to the subject yet', async () => {
  const { operations, operationTargets } = queue.store;
  const fields = { actor: '@ana:x', command: 'lock', danger: 'change', roomId: '!m:x' };
  const lock = (eventId: string, ...accounts: string[]) => ({
    ...fields,
    eventId,
    invocation: JSON.stringify({ arguments: { accounts }, reason: '@else:x' }),
  });
  const later = await operations.schedule(
    { ...lock('$later', '@eve:x', mallory.id), notBefore: 1000 },
    10,
  );
  await operations.schedule({ ...lock('$other', '@mallory:xyz'), notBefore: 1000 }, 10);
  const inRoom = await operations.schedule(
    {
      ...fields,
      command: 'delete-room',
      eventId: '$room',
      invocation: JSON.stringify({ arguments: { rooms: [lobby.id] } }),
      notBefore: 1000,
    },
    20,
  );
  expect(await page(mallory)).toEqual([`operation ${later}`]);
  expect(await page({ kind: 'user', id: '@else:x' })).toEqual([]);
  expect(await page(lobby)).toEqual([`operation ${inRoom}`]);

  const running = (await operations.start(lock('$now', '@eve:x', mallory.id), 30)) ?? 0;
  const units = ['@eve:x', mallory.id].map((target, position) => ({ position, step: 0, target }));
  await operationTargets.add(running, units);
  const [first, second] = units as [(typeof units)[0], (typeof units)[0]];
  const begun = await act(31, { target: '@eve:x', eventId: '$now' });
  await operationTargets.set(running, first, { state: 'in_flight', intent: begun });
  expect(await page(mallory)).toEqual([`operation ${running}`, `operation ${later}`]);
  // Who has an entry has that instead.
  expect(await page({ kind: 'user', id: '@eve:x' })).toEqual([
    `action ${begun}`,
    `operation ${later}`,
  ]);
  const intent = await act(32, { target: mallory.id, eventId: '$now' });
  await operationTargets.set(running, second, { state: 'done', intent });
  expect(await page(mallory)).toEqual([`action ${intent}`, `operation ${later}`]);
  await operations.end(later ?? 0, 'cancelled', 40);
  await operations.end(running, 'done', 40);
  expect(await page(mallory)).toEqual([`action ${intent}`]);
});

test('an unconfirmed command is found whatever is written in it', async () => {
  const id = await ask('$odd', {
    reason: 'a\0b',
    arguments: { accounts: [mallory.id], note: '\0' },
  });
  expect(await page(mallory)).toEqual([`confirmation ${id}`]);
});

test('a command that somebody has damaged hides nothing else', async () => {
  const broken = await ask('$broken', {});
  const id = await ask('$asked', { arguments: { accounts: [mallory.id] } });
  await database.execute(
    `UPDATE operations SET invocation = '{"arguments":["${mallory.id}"' WHERE id = ${broken}`,
  );
  expect(await page(mallory)).toEqual([`confirmation ${id}`]);
});
