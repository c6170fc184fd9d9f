import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { createLargeDatabase } from '../../bench/large-database.ts';
import { openStore } from '../../src/store/store.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-test-'));
});
afterEach(async () => rm(folder, { recursive: true, force: true }));

const now = Date.parse('2026-11-27T12:00:00Z');

test('the large database has what the slow queries read', async () => {
  const file = path.join(folder, 'large.db');
  await createLargeDatabase(file, { rows: 2000, reports: 500, now });
  const store = await openStore(file);
  try {
    const { claim, close } = await store.statistics.durations({ since: 0, until: now });
    expect(claim.length).toBeGreaterThan(20);
    expect(close.length).toBeGreaterThan(50);
    expect(await store.auditLog.verify()).toMatchObject({ fault: undefined });
  } finally {
    await store.close();
  }
});
