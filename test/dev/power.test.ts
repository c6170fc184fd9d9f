import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { cutPower, readWal } from '../../dev/room/power.ts';
import { openStore } from '../../src/store/store.ts';
import type { Store } from '../../src/store/store.ts';

let folder: string;
let file: string;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-power-'));
  file = path.join(folder, 'lawspeaker.db');
  store = await openStore(file);
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const set = async (value: string, repeatable: boolean) =>
  store.transaction(async ({ syncState }) => syncState.set('token', value), { repeatable });

/** What the database holds after the power has failed. */
async function afterPowerCut(onDisk: string): Promise<{ token?: string; lost: number }> {
  const copy = path.join(folder, 'copy.db');
  copyFileSync(file, copy);
  copyFileSync(`${file}-wal`, `${copy}-wal`);
  const lost = cutPower(copy, onDisk);
  const restarted = await openStore(copy);
  const token = await restarted.syncState.get('token');
  await restarted.close();
  return { lost, ...(token === undefined ? {} : { token }) };
}

it('takes what was committed after the last sync, and nothing before', async () => {
  await set('synced', false);
  const onDisk = path.join(folder, 'on-disk');
  writeFileSync(onDisk, JSON.stringify(readWal(file)));
  await set('not synced', true);
  const after = await afterPowerCut(onDisk);
  expect(after.token).toBe('synced');
  expect(after.lost).toBeGreaterThan(0);
});

it('knows a log that has started again', async () => {
  await set('synced', false);
  const onDisk = path.join(folder, 'on-disk');
  writeFileSync(onDisk, JSON.stringify(readWal(file)));
  // A thousand pages are moved into the database.
  for (let round = 0; round < 1_200; round++) {
    await set(`value ${round}`, true);
  }
  const { token } = await afterPowerCut(onDisk);
  expect(token).toMatch(/^value \d+$/u);
});
