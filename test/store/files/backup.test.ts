import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { SetupError } from '../../../src/core/errors.ts';
import { backupDatabase } from '../../../src/store/files/backup.ts';
import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';

let folder: string;
let file: string;
let to: string;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-backup-'));
  file = path.join(folder, 'data', 'lawspeaker.db');
  to = path.join(folder, 'copy.db');
  store = await openStore(file);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

async function act(number: number): Promise<void> {
  const intent = { actor: '@ana:x', command: 'x', arguments: {}, eventId: '$e', roomId: '!r:x' };
  await store.transaction(async ({ auditLog, syncState }) => {
    await auditLog.begin({ ...intent, reason: 'long '.repeat(200) }, number);
    await syncState.set('token', String(number));
  });
}

async function faultOf(work: Promise<unknown>): Promise<SetupError> {
  const fault = await work.catch((error: unknown) => error);
  expect(fault).toBeInstanceOf(SetupError);
  return fault as SetupError;
}

test('holds what was committed, in one file that its owner alone can read', async () => {
  await act(1);
  await act(2);
  const { head } = await store.auditLog.verify();
  const backup = await backupDatabase(file, to);
  expect(backup).toEqual({ auditRows: 2, head, bytes: statSync(to).size });
  expect(statSync(to).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder).toSorted()).toEqual(['copy.db', 'data']);
  const restored = await openStore(to);
  expect(await restored.auditLog.verify()).toMatchObject({ count: 2, head, fault: undefined });
  expect(await restored.syncState.get('token')).toBe('2');
  await restored.close();
});

test('is of one moment, while the bot goes on writing', async () => {
  for (let number = 1; number <= 300; number += 1) {
    await act(number);
  }
  const stop = new AbortController();
  let written = 300;
  const writing = (async () => {
    while (!stop.signal.aborted) {
      written += 1;
      await act(written);
      await breathe();
    }
  })();
  const backup = await backupDatabase(file, to);
  stop.abort();
  await writing;
  const restored = await openStore(to, { readonly: true });
  const { count, fault } = await restored.auditLog.verify();
  expect({ count, fault }).toEqual({ count: backup.auditRows, fault: undefined });
  expect(await restored.syncState.get('token')).toBe(String(count));
  expect(count).toBeGreaterThanOrEqual(300);
  await restored.close();
});

test('replaces nothing, and makes no folder', async () => {
  writeFileSync(to, 'the only good one');
  const there = await faultOf(backupDatabase(file, to));
  expect(there.message).toContain('already exists');
  expect(await readFile(to, 'utf8')).toBe('the only good one');
  const nowhere = await faultOf(backupDatabase(file, path.join(folder, 'nowhere', 'x.db')));
  expect(nowhere.message).toContain('ENOENT');
});

test('of what is no database of a bot leaves nothing behind', async () => {
  await faultOf(backupDatabase(path.join(folder, 'missing.db'), to));
  const other = path.join(folder, 'other.db');
  writeFileSync(other, 'this is no database '.repeat(100));
  await faultOf(backupDatabase(other, to));
  expect(readdirSync(folder)).not.toContain('copy.db');
  expect(readdirSync(folder)).not.toContain('missing.db');
});
