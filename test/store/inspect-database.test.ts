import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { inspectDatabase } from '../../src/store/database.ts';
import { lockHolder, takeLock } from '../../src/store/files/lock.ts';
import { openPlaces } from '../../src/store/files/private-files.ts';
import { openStore } from '../../src/store/store.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-inspect-'));
  file = path.join(folder, 'data', 'lawspeaker.db');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function create(): Promise<void> {
  const store = await openStore(file);
  await store.syncState.set('token', 's1');
  await store.close();
}

/** Changes the list of migrations that the file has had. */
function change(statement: string): void {
  const sqlite = new Database(file);
  sqlite.exec(statement);
  sqlite.pragma('wal_checkpoint(TRUNCATE)');
  sqlite.close();
}

test('a missing database is not created', () => {
  expect(inspectDatabase(file)).toEqual({ state: 'missing', syncState: new Map() });
  expect(existsSync(path.dirname(file))).toBe(false);
});

test('a database is read, also while a bot uses it', async () => {
  await create();
  const store = await openStore(file, { lock: true });
  expect(inspectDatabase(file)).toEqual({
    state: 'current',
    syncState: new Map([['token', 's1']]),
  });
  await store.close();
});

test('an older database is not changed', async () => {
  await create();
  change('DELETE FROM kysely_migration WHERE name = (SELECT max(name) FROM kysely_migration)');
  const before = readFileSync(file);
  expect(inspectDatabase(file)).toMatchObject({ state: 'older' });
  expect(readFileSync(file).equals(before)).toBe(true);
});

test('a newer or damaged one is refused', async () => {
  await create();
  change(`INSERT INTO kysely_migration VALUES ('9999-later', '2030-01-01')`);
  expect(() => inspectDatabase(file)).toThrow(`The database ${file} is from a newer Lawspeaker.`);
  writeFileSync(file, 'this is not a database, however long it may be');
  expect(() => inspectDatabase(file)).toThrow(`Can't open the database ${file}`);
});

test('who holds a lock can be seen without taking it', () => {
  const lockFile = path.join(folder, 'lock');
  expect(lockHolder(lockFile)).toBeUndefined();
  expect(existsSync(lockFile)).toBe(false);
  const lock = takeLock(lockFile, 'the database', 'database.path');
  expect(lockHolder(lockFile)).toMatch(
    new RegExp(`^ \\(process ${process.pid} on .*, started 20.* UTC\\)$`, 'u'),
  );
  lock.release();
  expect(lockHolder(lockFile)).toBeUndefined();
  takeLock(lockFile, 'the database', 'database.path').release();
});

test('what other users can read is named with the line that keeps them out', () => {
  const keys = path.join(folder, 'crypto');
  mkdirSync(path.dirname(file), { mode: 0o755 });
  mkdirSync(keys, { mode: 0o755 });
  writeFileSync(file, '', { mode: 0o640 });
  writeFileSync(`${file}-wal`, '', { mode: 0o600 });
  chmodSync(folder, 0o755);
  expect(openPlaces(file, [keys])).toEqual([
    { message: `Other users of this machine can read ${file}.`, advice: `Run: chmod 600 ${file}` },
    { message: `Other users of this machine can read ${keys}.`, advice: `Run: chmod 700 ${keys}` },
  ]);
  // A private folder around them is enough.
  chmodSync(folder, 0o700);
  expect(openPlaces(file, [keys])).toEqual([]);
});

test('a folder in which nothing can be created is an error before the start, too', () => {
  expect(() => inspectDatabase('/proc/lawspeaker/lawspeaker.db')).toThrow(
    "Can't open the database /proc/lawspeaker/lawspeaker.db (",
  );
  inspectDatabase(path.join(folder, 'new', 'lawspeaker.db'));
  expect(readdirSync(folder)).toEqual([]);
});

test('a folder where other users can replace the database is named, whether there is one or not', () => {
  mkdirSync(path.dirname(file));
  chmodSync(folder, 0o755);
  for (const mode of [0o777, 0o773, 0o770]) {
    chmodSync(path.dirname(file), mode);
    expect(openPlaces(file, [])).toEqual([
      {
        message: `Other users of this machine can replace files in ${path.dirname(file)}, including the database.`,
        advice: `Use a separate folder for the database, or run: chmod go-w ${path.dirname(file)}`,
      },
    ]);
  }
  // As in `/tmp`: only the owner of a file can replace it.
  chmodSync(path.dirname(file), 0o1777);
  expect(openPlaces(file, [])).toEqual([]);
  chmodSync(path.dirname(file), 0o777);
  chmodSync(folder, 0o700);
  expect(openPlaces(file, [])).toEqual([]);
});

test('a database that this user can’t look at is named, instead of being called private', async () => {
  await create();
  const closed = path.dirname(file);
  const own = process.geteuid?.() ?? 0;
  chmodSync(folder, 0o711);
  chmodSync(closed, own === 0 ? 0o700 : 0o000);
  // Permissions don't apply to root.
  process.seteuid?.(own === 0 ? 65_534 : own);
  try {
    expect(openPlaces(file, [])).toEqual([
      {
        message: `This user can’t see who can read ${file}.`,
        advice: 'Run check-config as the account that the bot runs as.',
      },
    ]);
  } finally {
    process.seteuid?.(own);
    chmodSync(closed, 0o700);
  }
});
