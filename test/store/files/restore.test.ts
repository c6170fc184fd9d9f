import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { Kysely, SqliteDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { SetupError } from '../../../src/core/errors.ts';
import { backupDatabase } from '../../../src/store/files/backup.ts';
import { restoreDatabase } from '../../../src/store/files/restore.ts';
import * as first from '../../../src/store/migrations/0001-first.ts';
import { openStore } from '../../../src/store/store.ts';

const now = Date.UTC(2026, 10, 27, 22, 42, 24);

let folder: string;
let file: string;
let backup: string;
/** One action is in the backup, three are in the database. */
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-restore-'));
  file = path.join(folder, 'data', 'lawspeaker.db');
  backup = path.join(folder, 'backup.db');
  await act(file, 1);
  await backupDatabase(file, backup);
  await act(file, 2);
  await act(file, 3);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function act(database: string, at: number): Promise<void> {
  const store = await openStore(database);
  const intent = { actor: '@ana:x', command: 'x', arguments: {}, eventId: '$e', roomId: '!r:x' };
  await store.transaction(async ({ auditLog }) => {
    await auditLog.begin(intent, at);
  });
  await store.close();
}

/** Runs SQL on the backup. */
function change(sql: string): void {
  const db = new Database(backup);
  db.exec(sql);
  db.close();
}

const data = () => readdirSync(path.dirname(file)).toSorted();

/** That it is refused, that the database is as before, and that nothing else is left. */
async function refusal(from = backup): Promise<string> {
  const before = readFileSync(file);
  const fault = await restoreDatabase(file, from, now).catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(SetupError);
  expect(readFileSync(file).equals(before)).toBe(true);
  expect(data().filter((name) => !name.endsWith('-lock'))).toEqual(['lawspeaker.db']);
  return (fault as SetupError).message;
}

test('puts the backup in place, keeps the database that was there, and leaves the backup alone', async () => {
  const bytes = readFileSync(backup);
  const aside = `${file}.before-restore-2026-11-27T22-42-24Z`;
  const restored = await restoreDatabase(file, backup, now);
  expect(restored).toEqual({
    auditRows: 1,
    head: expect.stringMatching(/^[0-9a-f]{64}$/u) as string,
    lastAt: 1,
    kept: { file: aside, auditRows: 3 },
  });
  expect(data()).toEqual(['lawspeaker.db', path.basename(aside), 'lawspeaker.db-lock'].toSorted());
  for (const name of data()) {
    expect(statSync(path.join(path.dirname(file), name)).mode & 0o777).toBe(0o600);
  }
  expect(readFileSync(backup).equals(bytes)).toBe(true);
  for (const [place, count] of [
    [file, 1],
    [aside, 3],
  ] as const) {
    const store = await openStore(place, { lock: true });
    expect(await store.auditLog.verify()).toMatchObject({ count, fault: undefined });
    await store.close();
  }
});

test('keeps two databases that are replaced within one second', async () => {
  const { kept } = await restoreDatabase(file, backup, now);
  const second = await restoreDatabase(file, backup, now);
  expect(second.kept).toEqual({ file: `${kept?.file}-2`, auditRows: 1 });
});

test('nothing in the write-ahead log of the database that was there is lost', async () => {
  // As a crash leaves it: the last change is only in the log.
  const running = path.join(folder, 'running.db');
  const store = await openStore(running);
  await store.transaction(async ({ syncState }) => syncState.set('token', 'last'));
  copyFileSync(running, file);
  copyFileSync(`${running}-wal`, `${file}-wal`);
  await store.close();
  const { kept } = await restoreDatabase(file, backup, now);
  expect(existsSync(`${file}-wal`)).toBe(false);
  const moved = await openStore(kept?.file ?? '');
  expect(await moved.syncState.get('token')).toBe('last');
  await moved.close();
});

test('a damaged or missing database is no obstacle', async () => {
  writeFileSync(file, 'this is no database '.repeat(100));
  writeFileSync(`${file}-wal`, 'nor is this a log');
  const { kept } = await restoreDatabase(file, backup, now);
  expect(existsSync(`${file}-wal`)).toBe(false);
  expect(readFileSync(`${kept?.file}-wal`, 'utf8')).toBe('nor is this a log');
  expect(kept).toMatchObject({ auditRows: undefined });
  expect(readFileSync(kept?.file ?? '', 'utf8')).toContain('this is no database');
  rmSync(path.dirname(file), { recursive: true });
  expect(await restoreDatabase(file, backup, now)).toMatchObject({
    auditRows: 1,
    kept: undefined,
  });
  expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
});

test('brings a backup of an older version up to date', async () => {
  const older = path.join(folder, 'older.db');
  const db = new Kysely<object>({ dialect: new SqliteDialect({ database: new Database(older) }) });
  const provider = { getMigrations: async () => ({ '0001-first': first }) };
  await new Migrator({ db, provider }).migrateToLatest();
  await db.destroy();
  expect(await restoreDatabase(file, older, now)).toMatchObject({
    auditRows: 0,
    lastAt: undefined,
  });
  const store = await openStore(file, { readonly: true });
  expect(await store.auditLog.verify()).toMatchObject({ count: 0, fault: undefined });
  await store.close();
});

test('refuses while a bot uses the database, and names it', async () => {
  const store = await openStore(file, { lock: true });
  const fault = await restoreDatabase(file, backup, now).catch((error: unknown) => error);
  expect((fault as SetupError).message).toContain(
    `Another Lawspeaker already uses the database ${file} (process ${process.pid} on`,
  );
  expect((fault as SetupError).advice).toBe('Stop it before you restore a backup.');
  await store.close();
});

test('refuses what is missing, not a database, of another program, or the database itself', async () => {
  expect(await refusal(path.join(folder, 'missing.db'))).toMatch(
    /^There is no file .*missing\.db/u,
  );
  expect(await refusal(file)).toContain('is the database itself');
  const other = path.join(folder, 'other.db');
  writeFileSync(other, 'this is no database '.repeat(100));
  expect(await refusal(other)).toContain('is damaged, or not a database');
  rmSync(other);
  const db = new Database(other);
  db.exec('CREATE TABLE audit_log (id INTEGER)');
  db.close();
  expect(await refusal(other)).toContain('is not a database of Lawspeaker');
});

test('refuses a damaged backup', async () => {
  truncateSync(backup, statSync(backup).size - 4096);
  expect(await refusal()).toContain('is damaged, or not a database');
});

test('refuses a backup of a newer program', async () => {
  change(`INSERT INTO kysely_migration VALUES ('9999-later', '2027-01-01T00:00:00Z')`);
  expect(await refusal()).toContain('is from a newer Lawspeaker');
});

test('refuses a backup whose audit log was changed', async () => {
  change('DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_rewrite');
  change(`UPDATE audit_log SET actor = '@mallory:x' WHERE id = 1`);
  expect(await refusal()).toContain('was tampered with: row 1 is changed');
});

test.each([
  ['DROP TRIGGER audit_log_no_delete'],
  [
    `DROP TRIGGER audit_log_no_update;
     CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log WHEN OLD.id > 5
     BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
  ],
])('refuses a backup whose audit log can be changed: %s', async (sql) => {
  change(sql);
  expect(await refusal()).toContain('is not append-only');
});

test('refuses while another program has the database open', async () => {
  const other = new Database(file);
  other.prepare('SELECT count(*) FROM audit_log').get();
  expect(other.pragma('journal_mode', { simple: true })).toBe('wal');
  const fault = await restoreDatabase(file, backup, now).catch((error: unknown) => error);
  expect((fault as SetupError).message).toBe(`Another program has the database ${file} open.`);
  expect(other.prepare('SELECT count(*) FROM audit_log').pluck().get()).toBe(3);
  other.close();
  expect(await restoreDatabase(file, backup, now)).toMatchObject({ auditRows: 1 });
});

test('refuses the database under another name', async () => {
  const second = path.join(folder, 'second.db');
  linkSync(file, second);
  expect(await refusal(second)).toContain('is the database itself');
});

test('refuses what an interrupted restore has left, instead of removing it', async () => {
  const left = `${file}-restoring`;
  copyFileSync(backup, left);
  const fault = await restoreDatabase(file, left, now).catch((error: unknown) => error);
  expect((fault as SetupError).message).toContain('is what an interrupted restore has left');
  expect(readFileSync(left)).toEqual(readFileSync(backup));
});
