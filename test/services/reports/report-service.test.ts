import { afterEach, beforeEach, expect, test } from 'vitest';

import { HomeserverError, StoreError, UnreachableError } from '../../../src/core/errors.ts';
import { adminApiOn } from '../../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { createReportService } from '../../../src/services/reports/report-service.ts';
import type { Store } from '../../../src/store/store.ts';
import { openTestStore } from '../../support/test-database.ts';

/** Nothing here asks the homeserver. */
const api = adminApiOn(async () => {
  throw new TypeError('asked the homeserver');
});

let store: Store;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(async () => store.close());

const queueOn = (on: Pick<AdminApi, 'reports'>) =>
  createReportService(on, store, {
    wake: () => undefined,
    refresh: async () => undefined,
    serverName: 'localhost',
    homeservers: [],
  });

/** A report of the same message. */
async function addReport(reportId: number, reporter: string): Promise<number> {
  const joined = await store.reports.add(
    {
      kind: 'event',
      reportId,
      receivedTs: 1000,
      subject: '$spam',
      reporter,
      reason: null,
      score: null,
      roomId: '!lobby:x',
      roomName: null,
      sender: '@mallory:x',
    },
    1000,
    { isBacklog: false, isQuiet: false },
  );
  return joined?.itemId ?? 0;
}

/** A homeserver that deletes the first report, and then fails. */
function deletesOne(failure: Error): Pick<AdminApi, 'reports'> {
  let isFirst = true;
  const events = {
    find: async () => ({ receivedTs: 1000 }),
    async delete() {
      if (!isFirst) {
        throw failure;
      }
      isFirst = false;
    },
  };
  return { reports: { events, users: events } } as unknown as AdminApi;
}

test('a deletion that stops early counts what was deleted', async () => {
  const item = await addReport(1, '@vera:x');
  await addReport(2, '@walt:x');
  await addReport(3, '@alice:x');
  const refused = new HomeserverError(403, 'M_FORBIDDEN', 'DELETE');
  expect(await queueOn(deletesOne(refused)).deleteAtSource(item)).toEqual({
    deleted: 1,
    left: 2,
    stoppedBy: refused,
  });
  const lost = new UnreachableError('DELETE', 'did not answer', true);
  await expect(queueOn(deletesOne(lost)).deleteAtSource(item)).rejects.toBe(lost);
});

test('several items are moved together: where one fails, none is', async () => {
  const item = await addReport(1, '@vera:x');
  const queue = queueOn(api);
  const to = { state: 'resolved', by: '@ana:x', isShown: true } as const;
  // The database knows no such item, and what comes second fails.
  await expect(queue.move([item, item + 1], to, 2000)).rejects.toBeInstanceOf(StoreError);
  expect((await queue.get(item))?.state).toBe('open');
  expect(await store.reportHistory.ofItem(item)).toEqual([]);
  await queue.move([item], to, 2000);
  expect((await queue.get(item))?.state).toBe('resolved');
});
