import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { SetupError } from '../../../src/core/errors.ts';
import { checkWitnessFile, createWitnessFile } from '../../../src/store/files/witness-file.ts';

const at = Date.UTC(2026, 10, 28, 14, 3);
const hash = (count: number) => count.toString(16).padStart(64, '0');

let folder: string;
let file: string;
let wasUsed: boolean;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-witness-'));
  file = path.join(folder, 'heads.jsonl');
  wasUsed = false;
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const witness = () => createWitnessFile(file, { wasUsed: async () => wasUsed, now: () => at });

test('heads are lines that are added to a private file', async () => {
  expect(await witness().read('all')).toEqual({
    heads: [],
    removed: [],
    unreadable: 0,
    isWhole: true,
  });
  await witness().write({ count: 2, head: hash(2) });
  wasUsed = true;
  await witness().write({ count: 5, head: hash(5), restored: { at: 1, kept: 2 } });
  expect(readFileSync(file, 'utf8')).toBe(
    `{"at":"2026-11-28T14:03:00.000Z","count":2,"head":"${hash(2)}"}\n` +
      `{"at":"2026-11-28T14:03:00.000Z","count":5,"head":"${hash(5)}","restored":{"at":1,"kept":2}}\n`,
  );
  // eslint-disable-next-line no-bitwise
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect((await witness().read('all')).heads).toEqual([
    { at, count: 2, head: hash(2) },
    { at, count: 5, head: hash(5), restored: { at: 1, kept: 2 } },
  ]);
});

test('a file that is gone is not created anew, and an empty one in its place is used', async () => {
  wasUsed = true;
  await expect(witness().write({ count: 2, head: hash(2) })).rejects.toThrow('does not exist');
  await expect(witness().read('newest')).rejects.toThrow(SetupError);
  writeFileSync(file, '');
  await witness().write({ count: 2, head: hash(2) });
  expect((await witness().read('newest')).heads).toHaveLength(1);
});

test('lines that are no heads are counted', async () => {
  await witness().write({ count: 2, head: hash(2) });
  writeFileSync(
    file,
    ['nonsense', '{"at":1}', 'x'.repeat(5000), '{"at":"2026-11-28T14:0'].join('\n'),
    { flag: 'a' },
  );
  const { heads, unreadable } = await witness().read('all');
  expect(heads).toHaveLength(1);
  expect(unreadable).toBe(4);
});

test('a head after a part of a line stands in a line of its own', async () => {
  await witness().write({ count: 2, head: hash(2) });
  writeFileSync(file, '{"at":"2026-11-28T14:0', { flag: 'a' });
  await witness().write({ count: 5, head: hash(5) });
  const { heads, unreadable } = await witness().read('all');
  expect(heads.map(({ count }) => count)).toEqual([2, 5]);
  expect(unreadable).toBe(1);
});

test('a pipe, a device and a symbolic link are no files, and nothing waits for them', async () => {
  const target = path.join(folder, 'target');
  writeFileSync(target, '');
  symlinkSync(target, path.join(folder, 'link'));
  const makePipe = 'mkfifo';
  execFileSync(makePipe, [path.join(folder, 'pipe')]);
  for (const place of ['/dev/zero', path.join(folder, 'link'), path.join(folder, 'pipe')]) {
    file = place;
    await expect(witness().read('all')).rejects.toThrow(`${place} is not a file`);
    await expect(witness().write({ count: 2, head: hash(2) })).rejects.toThrow('is not a file');
    await expect(checkWitnessFile(place, folder)).rejects.toThrow('is not a file');
  }
  expect(readFileSync(target, 'utf8')).toBe('');
});

test('of a long file, the newest heads are read quickly', async () => {
  const line = (count: number) =>
    `${JSON.stringify({ at: '2026-11-28T14:03:00.000Z', count, head: hash(count) })}\n`;
  writeFileSync(file, Array.from({ length: 1000 }, (_, index) => line(index + 1)).join(''));
  const newest = await witness().read('newest');
  expect(newest.heads.at(-1)?.count).toBe(1000);
  expect(newest.heads.length).toBeLessThan(200);
  expect(newest).toMatchObject({ unreadable: 0, isWhole: false });
  expect(await witness().read('all')).toMatchObject({ isWhole: true, unreadable: 0 });
});

test('a folder that is missing, or a folder in its place, can’t be used', async () => {
  file = path.join(folder, 'missing', 'heads.jsonl');
  await expect(witness().write({ count: 2, head: hash(2) })).rejects.toThrow('the folder of');
  await expect(checkWitnessFile(file, folder)).rejects.toThrow('the folder of');
  await expect(checkWitnessFile(folder, folder)).rejects.toThrow('is not a file');
});

test('a file beside the database is told from one elsewhere', async () => {
  const database = path.join(folder, 'lawspeaker.db');
  expect(await checkWitnessFile(file, database)).toEqual({ exists: false, isBesideDatabase: true });
  writeFileSync(file, '');
  expect(await checkWitnessFile(file, database)).toEqual({ exists: true, isBesideDatabase: true });
  expect(await checkWitnessFile('/dev/shm/lawspeaker-witness', database)).toMatchObject({
    isBesideDatabase: statSync('/dev/shm').dev === statSync(folder).dev,
  });
});
