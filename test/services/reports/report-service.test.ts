import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { StoreError } from '../../../src/core/errors.ts';
import { adminApiOn } from '../../../src/homeserver/admin/admin-api.ts';
import { createReportService } from '../../../src/services/reports/report-service.ts';
import { openStore } from '../../../src/store/store.ts';
import type { Store } from '../../../src/store/store.ts';

/** Nothing here asks the homeserver. */
const api = adminApiOn(async () => {
  throw new TypeError('asked the homeserver');
});

let folder: string;
let store: Store;
beforeEach(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'lawspeaker-queue-'));
  store = await openStore(path.join(folder, 'lawspeaker.db'));
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

test('several items are moved together: where one fails, none is', async () => {
  const joined = await store.reports.add(
    {
      kind: 'event',
      reportId: 1,
      receivedTs: 1000,
      subject: '$spam',
      reporter: '@vera:x',
      reason: null,
      score: null,
      roomId: '!lobby:x',
      roomName: null,
      sender: '@mallory:x',
    },
    1000,
    { isBacklog: false, isQuiet: false },
  );
  const item = joined?.itemId ?? 0;
  const queue = createReportService(api, store, {
    wake: () => undefined,
    refresh: async () => undefined,
  });
  const to = { state: 'resolved', by: '@ana:x', isShown: true } as const;
  // The database knows no such item, and what comes second fails.
  await expect(queue.move([item, item + 1], to, 2000)).rejects.toBeInstanceOf(StoreError);
  expect((await queue.get(item))?.state).toBe('open');
  expect(await store.reportHistory.ofItem(item)).toEqual([]);
  await queue.move([item], to, 2000);
  expect((await queue.get(item))?.state).toBe('resolved');
});
