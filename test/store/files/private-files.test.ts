import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { makeFolderPrivate } from '../../../src/store/files/private-files.ts';
import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';

let folder: string;
let file: string;
let warnings: string[];
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-private-'));
  file = path.join(folder, 'lawspeaker.db');
  warnings = [];
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const open = async (at = file) =>
  openStore(at, { lock: true, warn: (warning) => warnings.push(warning) });

const modeOf = async (place: string) => ((await stat(place)).mode & 0o777).toString(8);

async function modes(): Promise<Record<string, string>> {
  const names = ['', '-wal', '-shm', '-lock'];
  const found = await Promise.all(names.map(async (name) => [name, await modeOf(file + name)]));
  return Object.fromEntries(found) as Record<string, string>;
}

const allPrivate = { '': '600', '-wal': '600', '-shm': '600', '-lock': '600' };

/** Something is written, so that SQLite has made all of its files. */
async function write(store: Store): Promise<void> {
  await store.syncState.set('name', 'value');
}

test('a new database and the folders made for it are the bot’s alone', async () => {
  const made = path.join(folder, 'deep', 'data');
  file = path.join(made, 'lawspeaker.db');
  const before = process.umask(0);
  const store = await open();
  await write(store);
  process.umask(before);
  expect(await modes()).toEqual(allPrivate);
  expect(await modeOf(made)).toBe('700');
  expect(await modeOf(path.dirname(made))).toBe('700');
  await store.close();
});

test('files that others can read are taken away from them at the next start', async () => {
  const first = await open();
  await write(first);
  // As an older version left them, and open, so that the WAL is there.
  await Promise.all(['', '-wal', '-shm'].map(async (name) => chmod(file + name, 0o644)));
  await chmod(folder, 0o755);
  const second = await openStore(file);
  await write(second);
  expect(await modes()).toEqual(allPrivate);
  expect(await modeOf(folder)).toBe('700');
  await Promise.all([first.close(), second.close()]);
  expect(warnings).toEqual([]);
});

test('a folder that holds something else keeps its mode, the files in it don’t', async () => {
  await writeFile(path.join(folder, 'notes.txt'), 'somebody else’s');
  await chmod(folder, 0o755);
  const store = await open();
  await write(store);
  expect(await modeOf(folder)).toBe('755');
  expect(await modes()).toEqual(allPrivate);
  await store.close();
  expect(warnings).toEqual([]);
});

test('a shared folder in which others may replace the database is a warning', async () => {
  await writeFile(path.join(folder, 'notes.txt'), 'somebody else’s');
  await chmod(folder, 0o777);
  await (await open()).close();
  expect(warnings).toHaveLength(1);
  expect(warnings[0]).toContain(`Other users of this machine can replace files in ${folder}`);
  // `/tmp` and the like: there nobody can replace the files of others.
  await chmod(folder, 0o1777);
  await (await open()).close();
  expect(warnings).toHaveLength(1);
});

test('a folder that the file system has no room for is an error, and not an endless loop', async () => {
  await expect(open('/proc/lawspeaker/data/lawspeaker.db')).rejects.toThrow(
    "Can't open the database /proc/lawspeaker/data/lawspeaker.db (ENOENT: ",
  );
  await writeFile(path.join(folder, 'notes.txt'), '');
  await expect(open(path.join(folder, 'notes.txt', 'data', 'lawspeaker.db'))).rejects.toThrow(
    "Can't open the database",
  );
});

test('the folder of the keys is the bot’s alone, and what is in it stays', async () => {
  const keys = path.join(folder, 'crypto');
  await mkdir(keys, { mode: 0o755 });
  await writeFile(path.join(keys, 'device'), 'keys');
  makeFolderPrivate(keys, (warning) => warnings.push(warning));
  expect(await modeOf(keys)).toBe('700');
  expect(await readFile(path.join(keys, 'device'), 'utf8')).toBe('keys');
  expect(warnings).toEqual([]);
});
