import { Client } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startPostgres } from '../../../dev/postgres/postgres.ts';
import type { Postgres } from '../../../dev/postgres/postgres.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { takeLease } from '../../../src/store/postgres/lease/take-lease.ts';
import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';

let postgres: Postgres;
let store: Store;
let interruptions = 0;
const open = async () =>
  openStore(postgres.url('postgres'), {
    lock: true,
    onInterrupted: () => {
      interruptions += 1;
    },
  });
beforeAll(async () => {
  postgres = await startPostgres();
  store = await open();
}, 60_000);
afterAll(async () => {
  await store.close();
  await postgres.stop();
});

test('what begins after a restart of PostgreSQL, or while it is away, is done', async () => {
  await store.syncState.set('token', 's1');
  await postgres.restart();
  expect(await store.syncState.get('token')).toBe('s1');
  let written: Promise<unknown> = Promise.resolve();
  await postgres.restart(async () => {
    written = Promise.all([
      store.syncState.set('alone', 's2'),
      store.transaction(async ({ syncState }) => syncState.set('together', 's3')),
      store.syncState.get('token'),
    ]);
  });
  await written;
  expect(await store.syncState.get('alone')).toBe('s2');
  expect(await store.syncState.get('together')).toBe('s3');
  expect(interruptions).toBe(0);
}, 60_000);

test('a transaction that a restart cuts off leaves nothing, and the program is told', async () => {
  const cutOff = store.transaction(async ({ syncState }) => {
    await syncState.set('token', 's4');
    await postgres.restart();
    await syncState.set('token', 's5');
  });
  await expect(cutOff).rejects.toThrow(StoreError);
  expect(interruptions).toBe(1);
  expect(await store.syncState.get('token')).toBe('s1');
  await store.transaction(async ({ syncState }) => syncState.set('token', 's6'));
  expect(await store.syncState.get('token')).toBe('s6');
}, 60_000);

test('a write by itself whose connection is cut is done on another one', async () => {
  const other = new Client(postgres.url('postgres'));
  await other.connect();
  await other.query(
    `SELECT pg_advisory_lock(hashtextextended('lawspeaker write ' || current_schema(), 0))`,
  );
  const written = store.syncState.set('token', 's7');
  const waiting = `FROM pg_locks WHERE NOT granted`;
  await expect
    .poll(async () => (await other.query(`SELECT pid ${waiting}`)).rows, { timeout: 10_000 })
    .toHaveLength(1);
  await other.query(`SELECT pg_terminate_backend(pid) ${waiting}`);
  await other.end();
  await written;
  expect(await store.syncState.get('token')).toBe('s7');
}, 60_000);

test('a bot that starts while PostgreSQL is away ends so that it is started again', async () => {
  const outcomes: unknown[] = [];
  await postgres.restart(async () => {
    for (const lock of [true, false]) {
      outcomes.push(await openStore(postgres.url('postgres'), { lock }).catch((error) => error));
    }
  });
  // The process ends with status 2 for a fault of the set-up, and is not started again then.
  const message = expect.stringContaining(`Can't open the database`) as string;
  expect(outcomes).toMatchObject([
    { code: 'store', message },
    { code: 'store', message },
  ]);
}, 60_000);

test('its lock is taken again', async () => {
  await store.syncState.set('token', 's8');
  await expect(openStore(postgres.url('postgres'), { lock: true })).rejects.toThrow(
    'Another Lawspeaker already uses the database',
  );
}, 60_000);

test('a power cut takes nothing but what is repeatable, and ends the lease', async () => {
  const set = async (value: string, options?: { repeatable: boolean }) =>
    store.transaction(async ({ syncState }) => syncState.set('token', value), options);
  let token: string | undefined;
  // PostgreSQL writes it to the disk by itself after a while.
  for (let round = 0; round < 5 && token !== 'for sure'; round += 1) {
    await set('before', { repeatable: true });
    await set('for sure');
    await set('repeatable', { repeatable: true });
    await postgres.cutPower();
    // Whoever has the store doesn't know what is gone. They are told, and open it again.
    const before = interruptions;
    await expect(set('next')).rejects.toThrow('the database has crashed');
    await expect(store.syncState.set('token', 'next')).rejects.toThrow('the database has crashed');
    expect(interruptions).toBe(before + 1);
    token = await store.syncState.get('token');
    expect(['for sure', 'repeatable']).toContain(token);
    await store.close();
    store = await open();
  }
  expect(token).toBe('for sure');
}, 60_000);

test('a leader and one that stands by tell once that PostgreSQL is away, and once that it is back', async () => {
  const client = new Client(postgres.url('postgres'));
  await client.connect();
  await client.query('CREATE DATABASE watched');
  await client.end();
  const times = { endsAfter: 60_000, renewEvery: 50 };
  const told = { leader: [] as unknown[], other: [] as unknown[] };
  const leader = await takeLease(postgres.url('watched'), {
    times,
    onAnswering: (whyNot) => told.leader.push(whyNot),
  });
  const standsBy = Promise.withResolvers<void>();
  const other = takeLease(postgres.url('watched'), {
    times,
    onStandby: async () => standsBy.resolve(),
    onAnswering: (whyNot) => told.other.push(whyNot),
  });
  await standsBy.promise;
  const away = [expect.stringContaining('the database failed')];
  await postgres.restart(async () => {
    await expect.poll(() => told, { timeout: 20_000 }).toEqual({ leader: away, other: away });
  });
  const back = [...away, undefined];
  await expect.poll(() => told, { timeout: 20_000 }).toEqual({ leader: back, other: back });
  await leader.release();
  await (await other).release();
}, 60_000);
