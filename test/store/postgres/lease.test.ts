import { setTimeout as wait } from 'node:timers/promises';

import { Client } from 'pg';
import { expect, test } from 'vitest';

import { takeLease } from '../../../src/store/postgres/lease/take-lease.ts';
import { openStore } from '../../../src/store/store.ts';
import { createTestDatabase } from '../../support/test-database.ts';

const quick = { endsAfter: 2000, renewEvery: 100 };
/** One that stands by and does not look again by itself: it is told. */
const told = { endsAfter: 60_000, renewEvery: 60_000 };
/** A leader that never renews: it was frozen just now. */
const frozen = { endsAfter: 800, renewEvery: 60_000 };

/** Waits for the lease; says when it stands by. */
function standBy(place: string, times = quick) {
  const waits = Promise.withResolvers<string>();
  const lock = takeLease(place, {
    times,
    onStandby: async (leader) => waits.resolve(leader),
  });
  return { lock, waits: waits.promise };
}

test('one process leads, and the next one takes over at once when it stops', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place);
  const { lock, waits } = standBy(database.place, told);
  expect(await waits).toContain(`process ${process.pid} on `);
  expect(await first.lease?.processes()).toMatchObject([{ leads: true }, { leads: false }]);
  await first.release();
  const second = await lock;
  expect(await second.lease?.processes()).toMatchObject([{ leads: true, pid: process.pid }]);
  await second.release();
}, 30_000);

test('a leader that renews its lease keeps it', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: quick });
  const { lock, waits } = standBy(database.place);
  await waits;
  let isTaken = false;
  void lock.then(() => (isTaken = true));
  // Longer than two leases.
  await wait(4500);
  expect(isTaken).toBe(false);
  expect(() => first.lease?.assertHeld()).not.toThrow();
  await first.release();
  await (await lock).release();
}, 30_000);

test('a frozen leader is replaced, and may neither write nor act when it wakes up', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: frozen });
  const store = await openStore(database.place, { lock: first });
  await store.syncState.set('token', 's1');
  const { lock } = standBy(database.place);
  const second = await lock;
  await expect(store.syncState.set('token', 's2')).rejects.toThrow(
    'another process has taken over the database',
  );
  await expect(
    store.transaction(async ({ syncState }) => syncState.set('token', 's3')),
  ).rejects.toThrow('another process has taken over the database');
  expect(await store.syncState.get('token')).toBe('s1');
  expect(() => first.lease?.assertHeld()).toThrow('the database does not answer');
  await store.close();
  await first.release();
  // What the frozen one does at its end leaves the lease of the new one alone.
  expect(() => second.lease?.assertHeld()).not.toThrow();
  expect(await database.read('SELECT epoch FROM lawspeaker_lease')).toEqual([{ epoch: 2 }]);
  await second.release();
}, 30_000);

test('nobody takes over while the leader writes', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: frozen });
  const store = await openStore(database.place, { lock: first });
  let isTaken = false;
  const lock = await store.transaction(async ({ syncState }) => {
    await syncState.set('token', 's1');
    const taking = standBy(database.place).lock;
    void taking.then(() => (isTaken = true));
    // Longer than the lease.
    await wait(2000);
    expect(isTaken).toBe(false);
    return { taking };
  });
  const second = await lock.taking;
  expect(await store.syncState.get('token')).toBe('s1');
  await store.close();
  await first.release();
  await second.release();
}, 30_000);

test('a leader hears that it was replaced', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: quick });
  await database.execute('UPDATE lawspeaker_lease SET epoch = epoch + 1');
  await expect(first.lease?.lost).rejects.toThrow('another process has taken over the database');
  expect(() => first.lease?.assertHeld()).toThrow('another process has taken over the database');
  await first.release();
}, 30_000);

test('a leader hears that the database has crashed, or was replaced by another one', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: quick });
  const { lock } = standBy(database.place);
  // As PostgreSQL does it after a crash, and on a replica.
  await database.execute('TRUNCATE lawspeaker_intact');
  await expect(first.lease?.lost).rejects.toThrow('the database has crashed');
  expect(() => first.lease?.assertHeld()).toThrow('the database has crashed');
  await first.release();
  const second = await lock;
  const store = await openStore(database.place, { lock: second });
  await store.syncState.set('token', 's1');
  await store.close();
  await second.release();
}, 30_000);

test('the clock of PostgreSQL can be set back: a leader that doesn’t renew its lease is replaced', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: frozen });
  const { lock, waits } = standBy(database.place);
  await database.execute(`UPDATE lawspeaker_lease SET ends_at = ends_at + interval '1 day'`);
  await waits;
  const second = await lock;
  expect(() => second.lease?.assertHeld()).not.toThrow();
  await second.release();
  await first.release();
}, 30_000);

test('who has waited while another process took over does not write, whatever isolation is usual', async () => {
  await using database = await createTestDatabase();
  const name = new URL(database.place).pathname.slice(1);
  await database.execute(
    `ALTER DATABASE "${name}" SET default_transaction_isolation = 'repeatable read'`,
  );
  const first = await takeLease(database.place, {
    times: { endsAfter: 60_000, renewEvery: 60_000 },
  });
  const store = await openStore(database.place, { lock: first });
  await store.syncState.set('token', 's1');
  const other = new Client(database.place);
  await other.connect();
  await other.query(
    `BEGIN; SELECT pg_advisory_xact_lock(hashtextextended('lawspeaker write ' || current_schema(), 0))`,
  );
  const written = store.syncState.set('token', 's2');
  written.catch(() => undefined);
  await expect
    .poll(async () => (await other.query('SELECT FROM pg_locks WHERE NOT granted')).rows)
    .toHaveLength(1);
  await other.query(`UPDATE lawspeaker_lease SET epoch = epoch + 1; COMMIT`);
  await other.end();
  await expect(written).rejects.toThrow('another process has taken over the database');
  expect(await store.syncState.get('token')).toBe('s1');
  await store.close();
  await first.release();
}, 30_000);

test('a leader that can’t renew its lease does not act, until it can again', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: quick });
  const other = new Client(database.place);
  await other.connect();
  await other.query('BEGIN; SELECT * FROM lawspeaker_lease FOR UPDATE');
  const mayAct = () => {
    try {
      first.lease?.assertHeld();
      return true;
    } catch {
      return false;
    }
  };
  await expect.poll(mayAct, { timeout: 5000 }).toBe(false);
  await other.query('COMMIT');
  await other.end();
  await expect.poll(mayAct, { timeout: 5000 }).toBe(true);
  await first.release();
}, 30_000);

test('a lease is taken from a process that has ended on this host without waiting for its end', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: { ...frozen, endsAfter: 60_000 } });
  // No process has this number.
  await database.execute('UPDATE lawspeaker_processes SET pid = 2147483646');
  const second = await takeLease(database.place, { onStandby: async () => undefined });
  expect(() => second.lease?.assertHeld()).not.toThrow();
  // The one that has ended does not stand by, although it was seen a moment ago.
  expect(await second.lease?.processes()).toMatchObject([{ leads: true, pid: process.pid }]);
  await second.release();
  await first.release();
}, 30_000);

test('waiting can be ended', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place);
  const stop = new AbortController();
  const second = takeLease(database.place, {
    signal: stop.signal,
    onStandby: async () => stop.abort(),
  });
  await expect(second).rejects.toThrow('aborted');
  expect(await first.lease?.processes()).toHaveLength(1);
  await first.release();
}, 30_000);
