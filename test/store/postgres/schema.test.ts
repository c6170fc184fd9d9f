import { expect, test } from 'vitest';

import { openDatabase } from '../../../src/store/database.ts';
import { openStore } from '../../../src/store/store.ts';
import { createTestDatabase } from '../../support/test-database.ts';

/** The columns of each table; a mark says that one can't be null. */
async function columnsOf(place: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const db = await openDatabase(place);
  try {
    const tables = await db.introspection.getTables();
    return new Map(
      tables
        .filter(({ name, isView }) => !isView && !/^(?:audit_search|kysely|sqlite)/u.test(name))
        .map(({ name, columns }) => [
          name,
          columns
            .map((column) => `${column.name}${column.isNullable ? '?' : ''}`)
            .filter((column) => column !== 'rowid')
            .toSorted(),
        ]),
    );
  } finally {
    await db.destroy();
  }
}

test('PostgreSQL has the tables and columns that SQLite has', async () => {
  await using database = await createTestDatabase();
  const onPostgres = new Map(await columnsOf(database.place));
  // What SQLite counts with is not listed.
  expect(onPostgres.delete('audit_log_numbers')).toBe(true);
  // They say which process leads, and are made before the migrations.
  ['lawspeaker_lease', 'lawspeaker_processes', 'lawspeaker_intact'].forEach((table) =>
    onPostgres.delete(table),
  );
  const withoutMarks = (columns: ReadonlyMap<string, readonly string[]>) =>
    Object.fromEntries(
      [...columns]
        .map(([table, names]) => [table, names.map((name) => name.replace('?', ''))] as const)
        .toSorted(([one], [other]) => one.localeCompare(other)),
    );
  expect(withoutMarks(onPostgres)).toEqual(withoutMarks(await columnsOf(':memory:')));
});

const intent = { actor: '@ana:x', command: 'lock', arguments: {}, eventId: '$e', roomId: '!r' };

test('a chain does not fork where several processes write', async () => {
  await using database = await createTestDatabase();
  const stores = await Promise.all([1, 2, 3].map(async () => openStore(database.place)));
  await Promise.all(
    stores.flatMap((store) =>
      Array.from({ length: 10 }, async () =>
        store.transaction(async ({ auditLog }) => {
          const id = await auditLog.begin(intent, 1);
          await auditLog.finish(id, { status: 'done' }, 2);
        }),
      ),
    ),
  );
  const verified = await stores[0]?.auditLog.verify();
  expect(verified).toMatchObject({ count: 60, fault: undefined });
  await Promise.all(stores.map(async (store) => store.close()));
});

test('the audit log can’t be emptied at once', async () => {
  await using database = await createTestDatabase();
  const store = await openStore(database.place);
  await store.transaction(async ({ auditLog }) => auditLog.begin(intent, 1));
  await expect(database.execute('TRUNCATE audit_log CASCADE')).rejects.toThrow('append-only');
  await store.close();
});

test('a NUL in what people write is stored as the character for what can’t be shown', async () => {
  await using database = await createTestDatabase();
  const store = await openStore(database.place);
  const reason = 'crypto\0scam \ud800';
  const id = await store.transaction(async ({ auditLog, notes }) => {
    await notes.add({ subject: '@m:x', text: reason, author: '@ana:x', at: 1 }, '$e');
    return auditLog.begin({ ...intent, reason, arguments: { note: reason } }, 1);
  });
  expect(await store.auditLog.get(id)).toMatchObject({ reason: 'crypto\ufffdscam \ufffd' });
  expect(await store.notes.list('@m:x', { limit: 1 })).toMatchObject([
    { text: 'crypto\ufffdscam \ufffd' },
  ]);
  expect((await store.auditLog.verify()).fault).toBeUndefined();
  expect(await store.auditLog.search({ text: 'scam', limit: 1 })).toHaveLength(1);
  await store.close();
});

test('numbers that a lost database gave out are skipped', async () => {
  await using database = await createTestDatabase();
  const store = await openStore(database.place);
  expect(await store.operations.lastNumber()).toBe(0);
  await store.operations.skipNumbers(40);
  await store.operations.skipNumbers(30);
  const operation = {
    eventId: '$e',
    roomId: '!r',
    actor: '@ana:x',
    command: 'lock',
    danger: 'change',
    invocation: '{}',
  };
  expect(await store.operations.start(operation, 1)).toBe(41);
  expect(await store.operations.lastNumber()).toBe(41);
  await store.close();
});

test('compacting keeps everything', async () => {
  await using database = await createTestDatabase();
  const store = await openStore(database.place);
  await store.transaction(async ({ auditLog }) => auditLog.begin(intent, 1));
  await store.compact();
  expect((await store.auditLog.verify()).count).toBe(1);
  await store.close();
});

test('what keeps the tables from being compacted is named', async () => {
  await using database = await createTestDatabase();
  const store = await openStore(database.place);
  await database.execute('BEGIN', 'LOCK TABLE notes IN ACCESS SHARE MODE');
  await expect(store.compact()).rejects.toMatchObject({
    message: 'another program is reading the database',
    advice: expect.stringContaining('pg_dump') as string,
  });
  await database.execute('COMMIT');
  await store.compact();
  await store.close();
});
