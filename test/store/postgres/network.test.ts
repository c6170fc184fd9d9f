import path from 'node:path';

import { expect, test } from 'vitest';

import { openLine } from '../../../dev/postgres/line.ts';
import { StoreError } from '../../../src/core/errors.ts';
import { takeLease } from '../../../src/store/postgres/lease/take-lease.ts';
import { openPool } from '../../../src/store/postgres/pool.ts';
import { openStore } from '../../../src/store/store.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';

/** The same database, over a line that can be silenced. */
async function openLineTo({ place }: TestDatabase) {
  const { pathname, searchParams } = new URL(place);
  const line = await openLine(path.join(searchParams.get('host') ?? '', '.s.PGSQL.5432'));
  return { line, url: line.url(pathname.slice(1)) };
}

test('a connection that nothing passes any more is given up, and the next one works', async () => {
  await using database = await createTestDatabase();
  const { line, url } = await openLineTo(database);
  await using _ = line;
  await (await openStore(database.place)).close();
  const pool = await openPool(url, { readonly: false, silenceMs: 400 });
  const first = await pool.connect();
  await first.query('begin', []);
  await first.query(`INSERT INTO sync_state (name, value) VALUES ('token', 's1')`, []);
  line.silence();
  await expect(first.query(`UPDATE sync_state SET value = 's2'`, [])).rejects.toThrow(StoreError);
  first.release();
  line.restore();
  const second = await pool.connect();
  expect(await second.query('SELECT value FROM sync_state', [])).toMatchObject({ rows: [] });
  second.release();
  await pool.end();
}, 30_000);

test('what may take any time is not given up', async () => {
  await using database = await createTestDatabase();
  const pool = await openPool(database.place, { readonly: false, silenceMs: 300 });
  const client = await pool.connect();
  await client.query('SET statement_timeout = 0', []);
  await client.query('SELECT pg_sleep(0.6)', []);
  await client.query('RESET statement_timeout', []);
  await expect(client.query('SELECT pg_sleep(0.6)', [])).rejects.toThrow(StoreError);
  client.release();
  await pool.end();
}, 30_000);

test('a leader that PostgreSQL can’t be heard from does not act, and another one leads', async () => {
  await using database = await createTestDatabase();
  const { line, url } = await openLineTo(database);
  await using _ = line;
  const times = { endsAfter: 1500, renewEvery: 100 };
  const first = await takeLease(url, { times });
  line.silence();
  const second = await takeLease(database.place, { times, onStandby: async () => undefined });
  expect(() => first.lease?.assertHeld()).toThrow('the database does not answer');
  expect(() => second.lease?.assertHeld()).not.toThrow();
  await Promise.all([first.release(), second.release()]);
}, 30_000);

test('after a failover that has lost the newest lease, only its new holder writes', async () => {
  await using database = await createTestDatabase();
  const { line, url } = await openLineTo(database);
  await using _ = line;
  const first = await takeLease(url, { times: { endsAfter: 60_000, renewEvery: 60_000 } });
  const store = await openStore(url, { lock: first });
  await store.syncState.set('token', 's1');
  // On the replica, the lease was free: another process has taken it, with the same number.
  await database.execute(`UPDATE lawspeaker_lease SET holder = 'another'`);
  await expect(store.syncState.set('token', 's2')).rejects.toThrow(
    'another process has taken over the database',
  );
  expect(await store.syncState.get('token')).toBe('s1');
  await store.close();
  await first.release();
}, 30_000);

test('a process of another container with the same host name and number counts as alive', async () => {
  await using database = await createTestDatabase();
  const first = await takeLease(database.place, { times: { endsAfter: 2500, renewEvery: 60_000 } });
  const begin = performance.now();
  // No process has this number here.
  await database.execute(
    `UPDATE lawspeaker_processes SET id = 'elsewhere/1', pid = 2147483646`,
    `UPDATE lawspeaker_lease SET holder = 'elsewhere/1'`,
  );
  const second = await takeLease(database.place, {
    times: { endsAfter: 2500, renewEvery: 100 },
    onStandby: async () => undefined,
  });
  expect(performance.now() - begin).toBeGreaterThan(1500);
  await Promise.all([first.release(), second.release()]);
}, 30_000);
