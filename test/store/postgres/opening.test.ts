import { randomUUID } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import { expect, test } from 'vitest';

import { StoreError } from '../../../src/core/errors.ts';
import { lockDatabase } from '../../../src/store/database.ts';
import { inspectPostgres } from '../../../src/store/postgres/open.ts';
import { openStore } from '../../../src/store/store.ts';
import { createTestDatabase } from '../../support/test-database.ts';

/** The URL, as somebody else would write it. */
function changed(place: string, change: (url: URL) => void): string {
  const url = new URL(place);
  change(url);
  return url.href;
}

test('only one bot uses a database, and it can be read meanwhile', async () => {
  await using database = await createTestDatabase();
  const bot = await openStore(database.place, { lock: true });
  await bot.syncState.set('token', 's1');
  await expect(openStore(database.place, { lock: true })).rejects.toMatchObject({
    code: 'setup',
    message: expect.stringContaining('Another Lawspeaker already uses the database') as string,
  });
  const reader = await openStore(database.place, { readonly: true });
  expect(await reader.syncState.get('token')).toBe('s1');
  await expect(reader.syncState.set('token', 's2')).rejects.toThrow(StoreError);
  await reader.close();
  await bot.close();
  const next = await openStore(database.place, { lock: true });
  expect(await next.syncState.get('token')).toBe('s1');
  await next.close();
}, 30_000);

test('what can’t be opened says why, and nothing of the password', async () => {
  await using database = await createTestDatabase();
  const missing = changed(database.place, (url) => {
    url.pathname = '/nowhere';
    url.password = 'hunter2';
  });
  const error: unknown = await openStore(missing).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'setup',
    message: `Can't open the database postgres://localhost/nowhere (3D000).`,
    advice: expect.stringContaining('Create the database first') as string,
  });
  expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
});

test('a server that does not speak TLS is not said to be lost', async () => {
  await using database = await createTestDatabase();
  const withTls = changed(database.place, (url) => url.searchParams.set('sslmode', 'verify-full'));
  await expect(openStore(withTls)).rejects.toMatchObject({
    message: expect.stringContaining('The server does not support SSL connections') as string,
    // The client says so of a missing password, too, and has no code for either.
    advice: expect.stringMatching(
      /sslmode.* PGPASSWORD or a \.pgpass file has the password/u,
    ) as string,
  });
});

test('a look finds out that the user may not create tables', async () => {
  await using database = await createTestDatabase();
  const user = `poor_${randomUUID().replaceAll('-', '')}`;
  await database.execute(
    'DROP SCHEMA public CASCADE',
    'CREATE SCHEMA public',
    `CREATE ROLE ${user} LOGIN`,
  );
  const place = changed(database.place, (url) => {
    url.username = user;
  });
  await expect(inspectPostgres(place)).rejects.toMatchObject({
    code: 'setup',
    message: expect.stringContaining('may not create tables') as string,
  });
  await database.execute(`GRANT ALL ON SCHEMA public TO ${user}`);
  await expect(inspectPostgres(place)).resolves.toMatchObject({ state: 'missing' });
  await database.execute(`DROP OWNED BY ${user}`, `DROP ROLE ${user}`);
});

test('a database of a newer Lawspeaker is left alone', async () => {
  await using database = await createTestDatabase();
  await database.execute(`INSERT INTO kysely_migration VALUES ('9999-future', '2030-01-01')`);
  await expect(openStore(database.place)).rejects.toThrow('is from a newer Lawspeaker');
});

test('a process neither stands by nor takes over once the tables are of a newer Lawspeaker', async () => {
  await using database = await createTestDatabase();
  const leader = await lockDatabase(database.place);
  const waits = Promise.withResolvers<void>();
  const second = lockDatabase(database.place, { onStandby: async () => waits.resolve() });
  second.catch(() => undefined);
  await waits.promise;
  await database.execute(`INSERT INTO kysely_migration VALUES ('9999-future', '2030-01-01')`);
  const isNewer = 'is from a newer Lawspeaker';
  const third = lockDatabase(database.place, { onStandby: async () => undefined });
  await expect(third).rejects.toThrow(isNewer);
  await leader.release();
  await expect(second).rejects.toThrow(isNewer);
  expect(await database.read('SELECT epoch FROM lawspeaker_lease')).toEqual([{ epoch: 1 }]);
}, 30_000);

test('a database without tables can’t be read, and gets them when a bot opens it', async () => {
  await using database = await createTestDatabase();
  await database.execute('DROP SCHEMA public CASCADE', 'CREATE SCHEMA public');
  await expect(openStore(database.place, { readonly: true })).rejects.toThrow('has no tables');
  const informed: string[] = [];
  const store = await openStore(database.place, { inform: (text) => informed.push(text) });
  expect((await store.auditLog.verify()).count).toBe(0);
  expect(informed).toEqual([]);
  await store.close();
});

const inSchema = (place: string, path: string) =>
  changed(place, (url) => url.searchParams.set('options', `-c search_path=${path}`));

test('several bots can use one database, each in a schema of its own', async () => {
  await using database = await createTestDatabase();
  await database.execute('CREATE SCHEMA one', 'CREATE SCHEMA two');
  const one = await openStore(inSchema(database.place, 'one'), { lock: true });
  await one.syncState.set('token', 's1');
  const two = await openStore(inSchema(database.place, 'two'), { lock: true });
  expect(await two.syncState.get('token')).toBeUndefined();
  await two.close();
  // Of another program that uses the same library.
  await database.execute(
    'DROP SCHEMA two CASCADE',
    'CREATE SCHEMA two',
    `UPDATE public.kysely_migration SET name = 'theirs' WHERE name = '0020-first'`,
  );
  const three = await openStore(inSchema(database.place, 'two,public'), { lock: true });
  expect(await three.syncState.get('token')).toBeUndefined();
  await three.close();
  await one.close();
});

test('a bot does not take the tables of a schema for its own if it would make them in another one', async () => {
  await using database = await createTestDatabase();
  await (await openStore(database.place, { lock: true })).close();
  await database.execute('CREATE SCHEMA later');
  const place = inSchema(database.place, 'later,public');
  const reason = 'has tables of a bot in the schema public, and new ones would be made in';
  await expect(inspectPostgres(place)).rejects.toThrow(reason);
  await expect(openStore(place, { lock: true })).rejects.toThrow(reason);
  await expect(lockDatabase(place)).rejects.toMatchObject({ code: 'setup' });
});

test('tables may take any time to be updated', async () => {
  await using database = await createTestDatabase();
  await database.execute(
    `DELETE FROM kysely_migration WHERE name >= '0023'`,
    `CREATE FUNCTION wait() RETURNS event_trigger LANGUAGE plpgsql AS $$
     BEGIN PERFORM pg_sleep(0.8); END $$`,
    'CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION wait()',
  );
  const place = changed(database.place, (url) => url.searchParams.set('statement_timeout', '500'));
  await (await openStore(place)).close();
  expect(await inspectPostgres(database.place)).toMatchObject({ state: 'current' });
});

test('limits that the database has for other programs are none for the bot', async () => {
  await using database = await createTestDatabase();
  const name = new URL(database.place).pathname.slice(1);
  await database.execute(
    `ALTER DATABASE ${name} SET lock_timeout = '50ms'`,
    `ALTER DATABASE ${name} SET idle_session_timeout = '100ms'`,
  );
  const store = await openStore(database.place, { lock: true });
  const first = Promise.withResolvers<void>();
  const writing = store.transaction(async ({ syncState }) => {
    await syncState.set('one', '1');
    first.resolve();
    await wait(300);
  });
  await first.promise;
  await store.syncState.set('two', '2');
  await writing;
  await wait(300);
  expect(
    await database.read(
      `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND application_name = 'lawspeaker'`,
    ),
  ).not.toHaveLength(0);
  expect(await store.syncState.get('two')).toBe('2');
  await store.close();
});
