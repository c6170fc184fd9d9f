import { describe, expect, test } from 'vitest';

import type { AdminApi } from '../../src/admin-api/admin-api.ts';
import type { EventReport } from '../../src/admin-api/event-reports.ts';
import type { EventId, RoomId, UserId } from '../../src/ids.ts';
import { newestReports, reportPage } from '../../src/services/event-reports.ts';

const everything = { reporter: undefined, sender: undefined, room: undefined };

function report(id: number, receivedTs: number, reporter = '@ana:example.com'): EventReport {
  return {
    id,
    receivedTs,
    roomId: '!room' as RoomId,
    eventId: `$${id}` as EventId,
    userId: reporter as UserId,
    reason: null,
    score: null,
    sender: '@mallory:example.com' as UserId,
    canonicalAlias: null,
    name: null,
  };
}

/** A server that lists these, in this order. */
function serverWith(reports: readonly EventReport[]) {
  const events = {
    list: async () => ({ eventReports: [], total: reports.length, nextToken: null }),
    async *all() {
      yield* reports;
    },
  };
  return { reports: { events, users: {} } } as unknown as Pick<AdminApi, 'reports'>;
}

const ids = (reports: readonly EventReport[]) => reports.map(({ id }) => id);

describe('newestReports', () => {
  test('orders those of the same millisecond by number, and shows each once', async () => {
    const listed = [report(5, 30), report(2, 20), report(4, 20), report(2, 20), report(1, 10)];
    const all = await Array.fromAsync(newestReports(serverWith(listed), everything));
    expect(ids(all)).toEqual([5, 4, 2, 1]);
  });

  test('compares again what the server finds by a part', async () => {
    const listed = [report(2, 20, '@ana2:example.com'), report(1, 10)];
    const filters = { ...everything, reporter: '@ana:example.com' as UserId };
    const found = await reportPage(serverWith(listed), filters, { limit: 20, after: undefined });
    expect(ids(found.reports)).toEqual([1]);
    expect(found).toMatchObject({ total: 1, next: undefined });
  });
});

describe('reportPage', () => {
  test('goes on behind the last report, whatever came or went meanwhile', async () => {
    const before = [report(5, 30), report(4, 20), report(3, 20), report(1, 10)];
    const first = await reportPage(serverWith(before), everything, { limit: 2, after: undefined });
    expect(ids(first.reports)).toEqual([5, 4]);
    expect(first).toMatchObject({ total: 4, next: { receivedTs: 20, id: 4 } });

    const after = [report(7, 40), report(6, 40), report(3, 20), report(1, 10)];
    const second = await reportPage(serverWith(after), everything, { limit: 2, after: first.next });
    expect(ids(second.reports)).toEqual([3, 1]);
    expect(second.next).toBeUndefined();
  });

  test('counts what the filters leave', async () => {
    const listed = [report(3, 30), report(2, 20, '@ben:example.com'), report(1, 10)];
    const filters = { ...everything, reporter: '@ana:example.com' as UserId };
    const page = await reportPage(serverWith(listed), filters, { limit: 1, after: undefined });
    expect(page).toMatchObject({ total: 2, next: { id: 3 } });
  });
});
