import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';
import { makeOldDatabase } from '../../support/old-database.ts';

let folder: string;
let store: Store;

/** Opens a database of the version before, filled by these statements. */
async function upgraded(sql: string): Promise<Store> {
  const file = path.join(folder, 'old.db');
  await makeOldDatabase(file, '0012-daily-sums');
  const old = new Database(file);
  old.exec(sql);
  old.close();
  return openStore(file);
}

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-operations-'));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const intent = (id: number, event: string, target = '@m:x') => `
  INSERT INTO audit_log (id, kind, at, actor, command, arguments, target, event_id, room_id, previous_hash, hash)
  VALUES (${id}, 'intent', 5, '@ana:x', 'lock', '{}', '${target}', '${event}', '!r', '', 'h');`;
const outcome = (id: number, of: number, event: string, status: string) => `
  INSERT INTO audit_log
    (id, kind, intent_id, at, actor, command, arguments, event_id, room_id, status, previous_hash, hash)
  VALUES (${id}, 'outcome', ${of}, 6, '@ana:x', 'lock', '{}', '${event}', '!r', '${status}', '', 'h');`;
const invocation = (event: string, actor = `json_object('kind', 'person', 'user', '@ana:x')`) =>
  `json_object('command', 'lock', 'arguments', json_object(), 'actor', ${actor},
     'origin', json_object('event', '${event}', 'room', '!r'))`;
const confirmation = (id: number, state: string, decision = '') => `
  INSERT INTO confirmations VALUES (${id}, 'CODE${id}', ${invocation(`$c${id}`)}, 'lock', '@ana:x', '$c${id}',
    'destructive', 10, 1000, '${state}', ${decision === '' ? 'NULL, NULL, NULL' : `'@ben:x', '${decision}', 20`});`;
const execution = (event: string, finished: number | null, actor?: string) => `
  INSERT INTO executions VALUES ('${event}', ${invocation(event, actor)}, NULL, 30, ${finished});`;

test('confirmations in every state are kept, and what was confirmed has ended as its audit entries say', async () => {
  store = await upgraded(`
    ${confirmation(1, 'pending')}
    ${confirmation(2, 'cancelled', '$no')}
    ${confirmation(3, 'expired')}
    ${confirmation(4, 'confirmed', '$yes')} ${execution('$c4', 40)}
    ${intent(1, '$c4')} ${outcome(2, 1, '$c4', 'done')}
    ${confirmation(5, 'confirmed', '$go')} ${execution('$c5', null)} ${intent(3, '$c5')}
    ${confirmation(6, 'confirmed', '$room')}`);
  const states = await Promise.all(
    [1, 2, 3, 4, 5, 6].map(async (id) => (await store.confirmations.byEvent(`$c${id}`))?.state),
  );
  expect(states).toEqual([
    'pending',
    'cancelled',
    'expired',
    'confirmed',
    'confirmed',
    'confirmed',
  ]);
  expect(await store.confirmations.pending()).toMatchObject([{ code: 'CODE1', expiresAt: 1000 }]);
  expect(await store.confirmations.byDecisionEvent('$yes')).toMatchObject({
    code: 'CODE4',
    decidedBy: '@ben:x',
  });
  expect(await store.operations.byEvent('$c4')).toMatchObject({ state: 'done' });
  // The record doesn't know how that one ended.
  expect(await store.operations.byEvent('$c6')).toMatchObject({ state: 'unknown' });
  expect(await store.operations.running()).toMatchObject([{ eventId: '$c5', command: 'lock' }]);
});

test('executions that have ended did so as their audit entries say, and the others go on', async () => {
  store = await upgraded(`
    ${execution('$all', 40)}
    ${intent(1, '$all')} ${outcome(2, 1, '$all', 'unknown')} ${outcome(3, 1, '$all', 'done')}
    ${execution('$none', 40)} ${intent(4, '$none')} ${outcome(5, 4, '$none', 'failed')}
    ${execution('$some', 40)} ${intent(6, '$some')} ${outcome(7, 6, '$some', 'done')}
    ${intent(8, '$some', '@n:x')} ${outcome(9, 8, '$some', 'failed')}
    ${execution('$lost', 40)} ${intent(10, '$lost')} ${outcome(11, 10, '$lost', 'unknown')}
    ${execution('$open', null)} ${intent(12, '$open')}
    INSERT INTO executions VALUES ('$damaged', '"x', NULL, 31, NULL);`);
  const state = async (event: string) => (await store.operations.byEvent(event))?.state;
  expect(await Promise.all(['$all', '$none', '$some', '$lost'].map(state))).toEqual([
    'done',
    'failed',
    'partial',
    'unknown',
  ]);
  expect((await store.operations.running()).map(({ eventId }) => eventId)).toEqual([
    '$open',
    '$damaged',
  ]);
});

test('timers keep their numbers, and one that was interrupted goes on', async () => {
  store = await upgraded(`
    ${intent(1, '$1')}
    INSERT INTO jobs VALUES
      (4, 'unlock @m:x', 60, 'waiting', '@ana:x', 1, '$1', '!r', 5, NULL),
      (7, 'unlock @m:x', 60, 'waiting', '@ana:x', 1, '$1', '!r', 5, NULL),
      (8, 'unlock @m:x', 50, 'stopped', '@ana:x', 1, '$2', '!r', 5, 51),
      (9, 'unlock @m:x', 50, 'done', '@ana:x', 1, '$2', '!r', 5, 51);
    ${execution('$timer-4-5', null, `json_object('kind', 'timer', 'job', 4, 'user', '@ana:x')`)}`);
  expect(await store.timers.scheduled()).toMatchObject([{ id: 7, line: 'unlock @m:x', runAt: 60 }]);
  expect(await store.timers.get(8)).toMatchObject({ state: 'stopped' });
  expect(await store.timers.get(9)).toMatchObject({ state: 'done' });
  const [running, ...more] = await store.operations.running();
  expect(more).toEqual([]);
  expect(running).toMatchObject({ id: 4 });
  expect(JSON.parse(running?.invocation ?? '')).toMatchObject({
    actor: { kind: 'timer', timer: 4, user: '@ana:x' },
  });
  const next = await store.timers.add({
    line: 'unlock @m:x',
    runAt: 70,
    askedBy: '@ana:x',
    intentId: 1,
    eventId: '$3',
    roomId: '!r',
    createdAt: 6,
  });
  expect(next).toBeGreaterThan(9);
});
