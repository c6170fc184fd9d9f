import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { SetupError, StoreError } from '../../src/core/errors.ts';
import { openStore, transactionIdFor } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';
import { createTestDatabase, onPostgres } from '../support/test-database.ts';
import type { TestDatabase } from '../support/test-database.ts';

let folder: string;
let database: TestDatabase;
let file: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-store-'));
  database = await createTestDatabase();
  file = onPostgres ? database.place : path.join(folder, 'deep', 'lawspeaker.db');
  store = await openStore(file);
});

afterEach(async () => {
  vi.restoreAllMocks();
  await store.close();
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** The value of one row, as another hand on the database reads it. */
async function valueOf(query: string): Promise<unknown> {
  const rows = onPostgres
    ? await database.read<Record<string, unknown>>(query)
    : withDatabase((db) => db.prepare(query).all() as Record<string, unknown>[]);
  return Object.values(rows[0] ?? {})[0];
}

/** Another hand on the same file. */
function withDatabase<Result>(work: (db: Database.Database) => Result, at = file): Result {
  const db = new Database(at);
  try {
    return work(db);
  } finally {
    db.close();
  }
}

describe.skipIf(onPostgres)('opening', () => {
  test('makes the folder and the tables, and finds them again', async () => {
    await store.syncState.set('token', 's1');
    await store.close();
    store = await openStore(file);
    expect(await store.syncState.get('token')).toBe('s1');
    expect(withDatabase((db) => db.pragma('journal_mode', { simple: true }))).toBe('wal');
    const tables = withDatabase((db) =>
      db.prepare(`SELECT name, strict FROM pragma_table_list WHERE schema = 'main'`).all(),
    ) as { name: string; strict: number }[];
    const lax = tables.filter(({ strict }) => strict === 0).map(({ name }) => name);
    expect(lax.filter((name) => !/^(?:sqlite|kysely|audit_search)_?/u.test(name))).toEqual([]);
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['audit_log', 'inbox', 'operations', 'operation_targets', 'outbox']),
    );
  });

  test('every migration there is has been made', async () => {
    const files = readdirSync(new URL('../../src/store/migrations/', import.meta.url)).filter(
      (name) => name.endsWith('.ts'),
    );
    const made = withDatabase((db) =>
      db.prepare('SELECT name FROM kysely_migration ORDER BY name').pluck().all(),
    );
    expect(files.map((name) => path.parse(name).name).toSorted()).toEqual(made);
  });

  const openAndClose = async (at: string, options?: { readonly: boolean }) => {
    const opened = await openStore(at, options);
    await opened.close();
  };

  test.each([{ readonly: false }, { readonly: true }])(
    'what is no database is a fault of the set-up that says so: %j',
    async (options) => {
      const garbage = path.join(folder, 'garbage.db');
      writeFileSync(garbage, 'this is no database, but long enough to be looked at'.repeat(100));
      await expect(openAndClose(garbage, options)).rejects.toThrow(SetupError);
      await expect(openAndClose(garbage, options)).rejects.toThrow(garbage);
      await expect(openAndClose(folder, options)).rejects.toThrow(SetupError);
    },
  );

  test('a folder that can’t be made', async () => {
    writeFileSync(path.join(folder, 'file'), '');
    await expect(openAndClose(path.join(folder, 'file', 'x.db'))).rejects.toThrow(SetupError);
  });

  test('to read, where nothing is', async () => {
    await expect(openAndClose(path.join(folder, 'none.db'), { readonly: true })).rejects.toThrow(
      SetupError,
    );
  });

  test('a database of a newer Lawspeaker', async () => {
    await store.close();
    withDatabase((db) =>
      db.exec(`INSERT INTO kysely_migration VALUES ('9999-future', '2030-01-01T00:00:00.000Z')`),
    );
    await expect(openAndClose(file)).rejects.toThrow(SetupError);
    withDatabase((db) => db.exec(`DELETE FROM kysely_migration WHERE name = '9999-future'`));
    store = await openStore(file);
  });

  test('to read alone', async () => {
    await store.syncState.set('token', 's1');
    const reader = await openStore(file, { readonly: true });
    expect(await reader.syncState.get('token')).toBe('s1');
    await expect(reader.syncState.set('token', 's2')).rejects.toThrow(StoreError);
    await reader.close();
    expect(await store.syncState.get('token')).toBe('s1');
  });
});

describe('failures', () => {
  test('what the database refuses is a StoreError without its text', async () => {
    const nothing = null as unknown as string;
    await expect(store.syncState.set(nothing, 'x')).rejects.toThrow(StoreError);
    await expect(store.syncState.set(nothing, 'x')).rejects.toMatchObject({
      code: 'store',
      message: expect.stringMatching(/^the database failed \((?:SQLITE_\w+|23502)\)$/u) as string,
    });
    await expect(
      store.transaction(async ({ syncState }) => syncState.set(nothing, 'x')),
    ).rejects.toThrow(StoreError);
  });

  test('a lost table is a StoreError', async () => {
    await (onPostgres
      ? database.execute('DROP TABLE sync_state')
      : withDatabase((db) => db.exec('DROP TABLE sync_state')));
    await expect(store.syncState.get('token')).rejects.toThrow(StoreError);
  });

  test('a closed store is a StoreError', async () => {
    await store.close();
    await expect(store.syncState.get('token')).rejects.toThrow(StoreError);
    await expect(store.transaction(async () => undefined)).rejects.toThrow(StoreError);
    store = await openStore(file);
  });

  test('nothing else is disguised as one', async () => {
    const fault = new TypeError('a fault of ours');
    await expect(
      store.transaction(async () => {
        throw fault;
      }),
    ).rejects.toBe(fault);
    await expect(
      store.transaction(async () => {
        throw Object.assign(new Error('no file'), { code: 'ENOENT' });
      }),
    ).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** SQLite's level of `synchronous` at each commit of the databases that are opened from now on. */
function levelsAtCommit(): unknown[] {
  const levels: unknown[] = [];
  const { prepare } = Database.prototype as { prepare: (sql: string) => Database.Statement };
  vi.spyOn(Database.prototype, 'prepare').mockImplementation(function prepareWatched(
    this: Database.Database,
    sql: string,
  ) {
    const statement = prepare.call(this, sql);
    if (/^commit/iu.test(sql)) {
      const run = statement.run.bind(statement);
      Object.defineProperty(statement, 'run', {
        value: () => {
          levels.push(this.pragma('synchronous', { simple: true }));
          return run();
        },
      });
    }
    return statement;
  });
  return levels;
}

const operation = (eventId: string) => ({
  eventId,
  roomId: '!r',
  actor: '@a:x',
  command: 'x',
  danger: 'change',
  invocation: '{}',
});

describe('a transaction', () => {
  test('that throws leaves nothing', async () => {
    const intent = { actor: '@a:x', command: 'x', arguments: {}, eventId: '$e', roomId: '!r' };
    await expect(
      store.transaction(async (tables) => {
        await tables.syncState.set('token', 's1');
        await tables.auditLog.begin(intent, 1);
        await tables.operations.start(operation('$e'), 1);
        await tables.inbox.add(
          [{ eventId: '$e', type: 'message', sender: '@a:x', event: '{}' }],
          1,
        );
        await tables.outbox.add({ eventId: '$e', part: 'answer', message: '{}' }, 1);
        throw new Error('in between');
      }),
    ).rejects.toThrow('in between');
    expect(await store.syncState.get('token')).toBeUndefined();
    expect(await store.auditLog.search({ limit: 10 })).toEqual([]);
    expect(await store.operations.running()).toEqual([]);
    expect(await store.inbox.open()).toEqual([]);
    expect(await store.outbox.open()).toEqual([]);
  });

  test('is committed when it resolves', async () => {
    expect(
      await store.transaction(async ({ syncState }) => {
        await syncState.set('token', 's1');
        return 5;
      }),
    ).toBe(5);
    expect(await valueOf('SELECT value FROM sync_state')).toBe('s1');
  });

  test.skipIf(onPostgres)('waits for the disk, unless its work is repeatable', async () => {
    const full = 2;
    const normal = 1;
    const levels = levelsAtCommit();
    const watched = await openStore(path.join(folder, 'watched.db'));
    levels.splice(0);
    const set = async (options?: { repeatable: boolean }) =>
      watched.transaction(async ({ syncState }) => syncState.set('token', 's1'), options);
    await set();
    await set({ repeatable: true });
    await set({ repeatable: true });
    await set();
    await expect(
      watched.transaction(async () => Promise.reject(new Error('no')), { repeatable: true }),
    ).rejects.toThrow('no');
    await Promise.all([set({ repeatable: true }), set(), set({ repeatable: true }), set()]);
    await watched.close();
    expect(levels).toEqual([full, normal, normal, full, normal, full, normal, full]);
  });

  test('goes on after another has failed', async () => {
    const results = await Promise.allSettled(
      [1, 2, 3, 4].map(async (number) =>
        store.transaction(async ({ syncState }) => {
          await syncState.set(`n${number}`, String(number));
          if (number % 2 === 0) {
            throw new Error('even');
          }
        }),
      ),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    expect(await store.syncState.get('n2')).toBeUndefined();
    expect(await store.syncState.get('n3')).toBe('3');
  });
});

describe('the inbox', () => {
  const event = (eventId: string) => ({
    eventId,
    type: 'message',
    sender: '@ana:x',
    event: JSON.stringify({ eventId }),
  });

  test('takes an event once, however often it comes', async () => {
    expect(await store.inbox.add([event('$a'), event('$b'), event('$a')], 1)).toEqual([
      event('$a'),
      event('$b'),
    ]);
    expect(await store.inbox.add([event('$b'), event('$c')], 2)).toEqual([event('$c')]);
    expect(await store.inbox.has('$a')).toBe(true);
    expect(await store.inbox.has('$x')).toBe(false);
  });

  test('takes it once of many at once', async () => {
    const taken = await Promise.all(
      Array.from({ length: 10 }, async () =>
        store.transaction(async ({ inbox }) => inbox.add([event('$a')], 1)),
      ),
    );
    expect(taken.flat()).toHaveLength(1);
  });

  test('keeps order, and forgets what was handled but that it was seen', async () => {
    const ids = Array.from({ length: 30 }, (_, at) => `$${(at * 7) % 30}`);
    await store.inbox.add(ids.map(event), 5);
    await store.inbox.add([event('$earlier')], 1);
    expect((await store.inbox.open()).map(({ eventId }) => eventId)).toEqual(['$earlier', ...ids]);
    await store.inbox.markHandled('$earlier', 6);
    expect((await store.inbox.open()).map(({ eventId }) => eventId)).toEqual(ids);
    expect(await valueOf(`SELECT event FROM inbox WHERE event_id = '$earlier'`)).toBeNull();
    expect(await store.inbox.add([event('$earlier')], 7)).toEqual([]);
  });
});

describe('the outbox', () => {
  const add = async (part: string, message = '{}', eventId = '$e') =>
    store.outbox.add({ eventId, part, message }, 1);

  test('holds one message for each part of an answer, the first', async () => {
    await add('answer', '{"a":1}');
    await add('answer', '{"a":2}');
    await add('outcome');
    await add('answer', '{}', '$other');
    const open = await store.outbox.open('$e');
    expect(open.map(({ message }) => message)).toEqual(['{"a":1}', '{}']);
    expect(await store.outbox.open()).toHaveLength(3);
    expect(await store.outbox.has('$e', 'answer')).toBe(true);
    expect(await store.outbox.has('$e', 'react-confirm')).toBe(false);
  });

  test('under a transaction ID that is always the same', async () => {
    await add('answer');
    expect((await store.outbox.open())[0]?.transactionId).toBe(transactionIdFor('$e', 'answer'));
    expect(transactionIdFor('$e', 'answer')).toBe(transactionIdFor('$e', 'answer'));
    expect(transactionIdFor('$e', 'answer')).toMatch(/^lawspeaker-[0-9a-f]{24}$/u);
    const ids = ['answer', 'outcome'].flatMap((part) =>
      ['$e', '$f'].map((id) => transactionIdFor(id, part)),
    );
    expect(new Set(ids).size).toBe(4);
  });

  test('forgets what was sent but as what', async () => {
    await add('answer', '{"secret":1}');
    const [message] = await store.outbox.open();
    await store.outbox.markDelivered(message?.id ?? 0, '$sent', 2);
    expect(await store.outbox.open()).toEqual([]);
    expect(await store.outbox.sentEvent('$e', 'answer')).toBe('$sent');
    expect(await store.outbox.commandOf('$sent')).toBe('$e');
    expect(await store.outbox.commandOf('$other')).toBeUndefined();
    expect(await valueOf('SELECT message FROM outbox')).toBe('');
    // Nor is it sent again.
    await add('answer', '{"secret":1}');
    expect(await store.outbox.open()).toEqual([]);
  });

  test('what was given up has no event', async () => {
    await add('answer');
    const [message] = await store.outbox.open();
    await store.outbox.giveUp(message?.id ?? 0, 2);
    expect(await store.outbox.sentEvent('$e', 'answer')).toBeUndefined();
    expect(await store.outbox.open()).toEqual([]);
  });
});

describe('operations', () => {
  test('start once, of many at once and after the end', async () => {
    const begun = await Promise.all(
      Array.from({ length: 10 }, async () =>
        store.transaction(async ({ operations }) => operations.start(operation('$e'), 1)),
      ),
    );
    const [id = 0, ...more] = begun.filter((one) => one !== undefined);
    expect(more).toEqual([]);
    expect(await store.operations.end(id, 'done', 2)).toBe(true);
    expect(await store.operations.end(id, 'failed', 2)).toBe(false);
    expect(await store.operations.start(operation('$e'), 3)).toBeUndefined();
    expect(await store.operations.running()).toEqual([]);
  });

  test('run until they end, in order', async () => {
    for (const id of ['$c', '$a', '$b']) {
      await store.operations.start(operation(id), 1);
    }
    const second = await store.operations.byEvent('$a');
    await store.operations.end(second?.id ?? 0, 'done', 2);
    expect((await store.operations.running()).map(({ eventId }) => eventId)).toEqual(['$c', '$b']);
  });
});

test('the sync state keeps, changes and forgets values', async () => {
  await store.syncState.set('token', 's1');
  await store.syncState.set('token', 's2');
  await store.syncState.set('filter', 'f');
  expect(await store.syncState.get('token')).toBe('s2');
  await store.syncState.set('token', undefined);
  expect(await store.syncState.get('token')).toBeUndefined();
  expect(await store.syncState.get('filter')).toBe('f');
});
