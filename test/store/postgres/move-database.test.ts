import { spawn } from 'node:child_process';
import { hash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { program } from '../../../dev/room/bot-process.ts';
import { copyDatabase } from '../../../src/cli/move-database.ts';
import { SetupError, StoreError, UsageError } from '../../../src/core/errors.ts';
import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';
import { chainHash } from '../../../src/store/tables/audit/audit-chain.ts';
import type { AuditRow } from '../../../src/store/tables/audit/audit-chain.ts';
import { forgetUser, makeFullDatabase } from '../../support/full-database.ts';
import { createTestDatabase } from '../../support/test-database.ts';
import type { TestDatabase } from '../../support/test-database.ts';

let folder: string;
let file: string;
let database: TestDatabase;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-move-'));
  file = path.join(folder, 'lawspeaker.db');
  database = await createTestDatabase();
});
afterEach(async () => {
  await database[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

/** Returns what it prints. */
async function move(from: string, to: string, inform: (text: string) => void = () => undefined) {
  let printed = '';
  await copyDatabase({ from, to }, async (text) => void (printed += text), inform);
  return printed;
}

type Read = <Row>(query: string) => Promise<Row[]>;

const readFileWith =
  (name: string): Read =>
  async (query) => {
    const db = new Database(name, { readonly: true });
    try {
      return db.prepare(query).all() as never;
    } finally {
      db.close();
    }
  };

/** All rows of all tables, each in an order that is the same on both. */
async function everything(read: Read) {
  const names = new Database(file, { readonly: true })
    .prepare<[], { name: string }>(
      `SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
       AND name NOT LIKE 'sqlite%' AND name NOT LIKE 'kysely%' ORDER BY name`,
    )
    .all();
  const tables: Record<string, string[]> = {};
  for (const { name } of names) {
    const columns = name === 'inbox' ? 'rowid, *' : '*';
    const rows = await read<Record<string, unknown>>(`SELECT ${columns} FROM ${name}`);
    tables[name] = rows
      .map((row) =>
        JSON.stringify(row, Object.keys(row).toSorted()).replaceAll('\\u0000', '\ufffd'),
      )
      .toSorted();
  }
  return tables;
}

const intent = { actor: '@ana:x', command: 'lock', arguments: {}, eventId: '$e', roomId: '!r:x' };

const day = 24 * 3_600_000;

async function act(store: Store, count = 1, at = 0): Promise<void> {
  await store.transaction(async ({ auditLog }) => {
    for (let number = 0; number < count; number += 1) {
      const id = await auditLog.begin({ ...intent, reason: `scam ${number}` }, at + number);
      await auditLog.finish(id, { status: 'done' }, at + number);
    }
  });
}

test('a database with everything in it is the same on PostgreSQL, and on SQLite again', async () => {
  await makeFullDatabase(file);
  const source = await everything(readFileWith(file));
  expect(Object.entries(source).filter(([, rows]) => rows.length === 0)).toEqual([]);

  const printed = await move(file, database.place);
  expect(await everything(database.read)).toEqual(source);
  const store = await openStore(database.place, { lock: true });
  const { count, head, fault } = await store.auditLog.verify();
  expect(fault).toBeUndefined();
  expect(printed).toContain(`have the head ${head}`);
  expect(printed).toContain(`audit_log          ${count} rows (${count} added)`);
  expect(printed).toContain('database.url: the URL that you gave with --to');
  expect(await store.auditLog.search({ text: 'scam of mallory', limit: 9 })).toHaveLength(1);
  expect((await store.inbox.open()).map(({ eventId }) => eventId)).toEqual([
    '$b:x',
    '$c:x',
    '$a:x',
  ]);

  // The numbers that people see go on.
  const operation = {
    eventId: '$next',
    roomId: '!r:x',
    actor: '@ana:x',
    command: 'lock',
    danger: 'change',
    invocation: '{}',
  };
  expect(await store.operations.start(operation, 1)).toBe(41);
  await store.inbox.add([{ eventId: '$0:x', type: 'x', sender: '@ana:x', event: '{}' }], 0);
  await store.notes.add({ subject: '@mallory:x', text: 'more', author: '@ana:x', at: 1 }, '$e');
  // Its bot goes on, too.
  const back = path.join(folder, 'back.db');
  const acts: Promise<void>[] = [];
  await move(database.place, back, () => void acts.push(act(store)));
  expect(acts.length).toBeGreaterThan(1);
  await Promise.all(acts);
  await act(store);
  const last = await store.auditLog.end();
  await store.close();
  await move(database.place, back);
  expect(await everything(readFileWith(back))).toEqual(await everything(database.read));
  const returned = await openStore(back, { lock: true });
  expect(await returned.auditLog.verify()).toMatchObject({ ...last, fault: undefined });
  expect(await returned.auditLog.search({ text: 'scam of mallory', limit: 9 })).toHaveLength(1);
  expect(await returned.operations.start({ ...operation, eventId: '$n' }, 1)).toBe(42);
  await returned.close();
});

test('a second run copies what a running bot has changed, and what it forgot', async () => {
  await makeFullDatabase(file);
  const bot = await openStore(file, { lock: true });
  let acts = 0;
  // The bot goes on while its database is copied: the copy is of one moment.
  await move(file, database.place, () => {
    acts += 1;
    void act(bot);
  });
  expect(acts).toBeGreaterThan(1);
  await act(bot);
  await bot.transaction(async ({ notes, tags, outbox, secrets, reportItems, syncState }) => {
    await reportItems.move(1, { state: 'resolved', by: '@ana:x', isShown: true }, 9);
    await tags.remove('@mallory:x', 'spam', 9);
    const tag = { subject: '@mallory:x', name: 'spam', author: '@ana:x', at: 9, expiresAt: null };
    await tags.add(tag, '$again');
    await notes.setRemoved(1, 9);
    await outbox.markDelivered(1, '$sent', 9);
    await secrets.remove('s1');
    await syncState.set('token', 's2');
  });
  await bot.transaction(async ({ reportItems }) =>
    reportItems.move(2, { state: 'dismissed', by: '@ana:x', isShown: true }, 9),
  );
  await forgetUser(bot, '@mallory:x');
  await bot.close();
  expect(await everything(database.read)).not.toEqual(await everything(readFileWith(file)));

  const printed = await move(file, database.place);
  expect(await everything(database.read)).toEqual(await everything(readFileWith(file)));
  expect(JSON.stringify(await everything(database.read))).not.toContain('mallory');
  expect(printed).toMatch(/audit_log +\d+ rows \(\d+ added, \d+ changed\)/u);
  const store = await openStore(database.place);
  expect(await store.auditLog.search({ text: 'scam of mallory', limit: 9 })).toEqual([]);
  expect((await store.auditLog.verify()).fault).toBeUndefined();
  await store.close();
  expect(await move(file, database.place)).not.toMatch(/\d (?:added|changed|removed)/u);
});

test('what was forgotten since the first run is in no part of the copy after the second', async () => {
  await makeFullDatabase(file);
  await move(file, database.place);
  const back = path.join(folder, 'back.db');
  await move(database.place, back);
  const bytes = () =>
    [back, `${back}-wal`]
      .filter((name) => existsSync(name))
      .map((name) => readFileSync(name, 'latin1'))
      .join('');
  const dead = async () =>
    database.read(
      `SELECT tablename FROM pg_stats WHERE schemaname = current_schema()
       AND concat(most_common_vals::text, histogram_bounds::text, most_common_elems::text) LIKE '%mallory%'`,
    );
  expect(bytes()).toContain('mallory');
  expect(await dead()).not.toEqual([]);
  const bot = await openStore(file);
  const how = { state: 'resolved', by: '@ana:x', isShown: true } as const;
  await bot.transaction(async ({ reportItems }) => {
    await reportItems.move(1, how, 9);
    await reportItems.move(2, how, 9);
  });
  await forgetUser(bot, '@mallory:x');
  await bot.close();
  await move(file, database.place);
  await move(database.place, back);
  expect(await dead()).toEqual([]);
  expect(bytes().includes('mallory')).toBe(false);
});

test('a run that was killed is continued; until then, no bot starts on the copy', async () => {
  await makeFullDatabase(file);
  const store = await openStore(file);
  await act(store, 500);
  await act(store, 500, 5 * day);
  await store.close();
  // The copy comes no further than to the entries of that day.
  await database.execute('BEGIN', 'INSERT INTO daily_counts (day) VALUES (5)');
  writeFileSync(
    path.join(folder, 'config.yaml'),
    JSON.stringify({
      homeserver: { url: 'http://localhost', accessToken: 'token' },
      managementRoom: '!room:x',
      database: { path: file },
    }),
  );
  const run = spawn(
    process.execPath,
    [program, 'move-database', '-c', 'config.yaml', '--to', database.place],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let said = '';
  for await (const text of run.stderr) {
    said += String(text);
    if (said.includes('audit_log: ')) {
      run.kill('SIGKILL');
    }
  }
  if (run.signalCode === null) {
    await once(run, 'exit');
  }
  expect(run.signalCode).toBe('SIGKILL');
  await database.execute('ROLLBACK');
  const copied = await database.read('SELECT id FROM audit_log');
  expect(copied.length).toBeGreaterThan(0);
  expect(copied.length).toBeLessThan(2000);
  await expect(openStore(database.place, { lock: true })).rejects.toThrow('is an unfinished copy');

  await move(file, database.place);
  expect(await everything(database.read)).toEqual(await everything(readFileWith(file)));
  await (await openStore(database.place, { lock: true })).close();
}, 60_000);

test('a bot that has recorded no action yet can be copied a second time', async () => {
  const bot = await openStore(file);
  const message = { type: 'm.room.message', sender: '@ana:x', event: '{}' };
  await bot.inbox.add([{ ...message, eventId: '$1:x' }], 1);
  await bot.outbox.add({ eventId: '$1:x', part: 'answer', message: '{}' }, 1);
  await bot.syncState.set('token', 's1');
  await move(file, database.place);
  await bot.inbox.add([{ ...message, eventId: '$2:x' }], 2);
  await bot.syncState.set('token', 's2');
  await act(bot);
  await move(file, database.place);
  await bot.close();
  expect(await everything(database.read)).toEqual(await everything(readFileWith(file)));
});

test.each([
  ['with another audit log', async (store: Store) => act(store), 'is another one: its row 2'],
  ['that is newer', async (store: Store) => act(store, 200), 'only'],
  [
    'of a bot that has done nothing yet',
    async (store: Store) => store.syncState.set('token', 's9'),
    'is not empty',
  ],
  [
    'of a bot that has only sent messages',
    async (store: Store) => store.outbox.add({ eventId: '$b:y', part: '', message: '{}' }, 1),
    'is not empty',
  ],
])('a target %s is refused and stays as it is', async (_, fill, reason) => {
  await makeFullDatabase(file);
  const other = await openStore(database.place);
  await fill(other);
  await other.close();
  const before = await everything(database.read);
  const moved = move(file, database.place);
  await expect(moved).rejects.toThrow(SetupError);
  await expect(moved).rejects.toThrow(reason);
  expect(await everything(database.read)).toEqual(before);
});

test('a target that a bot uses is refused', async () => {
  await makeFullDatabase(file);
  const bot = await openStore(database.place, { lock: true });
  await expect(move(file, database.place)).rejects.toThrow('Another Lawspeaker already uses');
  await bot.close();
}, 20_000);

test('a source that somebody has tampered with is not copied', async () => {
  await makeFullDatabase(file);
  const db = new Database(file);
  db.exec(`DROP TRIGGER audit_log_no_rewrite; UPDATE audit_log SET actor = '@eve:x' WHERE id = 5`);
  db.close();
  const moved = move(file, database.place);
  await expect(moved).rejects.toThrow(StoreError);
  await expect(moved).rejects.toThrow('was tampered with: row 5 is changed');
  expect(await database.read('SELECT * FROM audit_log')).toEqual([]);
});

/** Gives the last entry a reason with a NUL, as versions did that stored it. */
function writeNul(name: string, id: number): void {
  const db = new Database(name);
  const [row] = db.prepare<[number], AuditRow>('SELECT * FROM audit_log WHERE id = ?').all(id);
  const { hash: _, ...unchained } = row as AuditRow;
  const reason = 'a\0b';
  db.exec('DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_rewrite');
  db.prepare('UPDATE audit_log SET reason = ?, hash = ? WHERE id = ?').run(
    reason,
    chainHash(unchained.previous_hash, { ...unchained, reason }),
    id,
  );
  db.close();
}

test('an entry with a NUL character, which its hash covers, is named before anything is copied', async () => {
  const store = await openStore(file);
  await store.transaction(async ({ auditLog }) => {
    await auditLog.begin(intent, 1);
    await auditLog.begin({ ...intent, target: '@eve:x', reason: 'ab' }, 2);
  });
  writeNul(file, 2);
  await expect(move(file, database.place)).rejects.toThrow('Row 2 of the audit log has a NUL');
  expect(await database.read('SELECT * FROM audit_log')).toEqual([]);

  await forgetUser(store, '@eve:x');
  await store.close();
  await move(file, database.place);
  expect(await everything(database.read)).toEqual(await everything(readFileWith(file)));
});

test('an entry about a hundred files, more than an index of PostgreSQL takes, is copied and found', async () => {
  const target = Array.from(
    { length: 100 },
    (_, at) => `mxc://example.com/${hash('sha256', `file ${at}`, 'base64url')}`,
  ).join(' ');
  const source = await openStore(file);
  await source.transaction(async ({ auditLog }) => auditLog.begin({ ...intent, target }, 1));
  await source.close();
  await move(file, database.place);
  const copy = await openStore(database.place);
  await copy.transaction(async ({ auditLog }) => auditLog.begin({ ...intent, target }, 2));
  const about = { kind: 'user', id: target } as const;
  expect(await copy.auditLog.search({ target, limit: 5 })).toHaveLength(2);
  expect(await copy.auditLog.search({ target: `${target}x`, limit: 5 })).toHaveLength(0);
  expect(await copy.auditLog.sinceOf([target, '@eve:x'], 1)).toHaveLength(1);
  expect(await copy.subjectHistory.page(about, { limit: 5 })).toMatchObject({ total: 2 });
  await copy.close();
});

test('the password of a URL is not repeated', async () => {
  await (await openStore(file)).close();
  const url = new URL(database.place);
  url.password = 'hunter2';
  let said = '';
  said += await move(file, url.href, (text) => void (said += text));
  for (const to of ['postgres://ana:hunter2@', 'mysql://ana:hunter2@x/y', 'postgres:hunter2']) {
    const fault = await move(file, to).catch((error: unknown) => error);
    expect(fault).toBeInstanceOf(UsageError);
    said += (fault as UsageError).message;
  }
  const away = await move(file, 'postgres://ana:hunter2@127.0.0.1:1/x').catch(String);
  expect(said + away).not.toContain('hunter2');
});

test('from file to file, backup is the way; and nothing is copied to itself', async () => {
  await expect(move(database.place, database.place)).rejects.toThrow('are the same');
  await (await openStore(file)).close();
  await expect(move(file, path.join(folder, 'b.db'))).rejects.toMatchObject({
    message: 'Both databases are files of SQLite.',
    advice: expect.stringContaining('name it with --from') as string,
  });
});
