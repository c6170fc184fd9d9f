import * as fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { TooLargeAnswerError } from '../../../src/core/errors.ts';
import { importReports } from '../../../src/reports/intake/intake.ts';
import type { ReportSource } from '../../../src/reports/intake/intake.ts';
import type { Store } from '../../../src/store/store.ts';
import type { NewReport } from '../../../src/store/tables/reports/add-reports.ts';
import type { StoredReport } from '../../../src/store/tables/reports/reports.ts';
import { fuzzTimeoutMs } from '../../support/hostile.ts';
import { openTestStore } from '../../support/test-database.ts';

let store: Store;
let backlogs: number[];
beforeEach(async () => {
  store = await openTestStore();
  backlogs = [];
});
afterEach(async () => store.close());

const keyOf = ({ reportId, receivedTs, subject }: NewReport | StoredReport) =>
  `${reportId}.${receivedTs}.${subject}`;

/**
 * A list that behaves as Synapse's does: newest first by the time alone, offsets that shift, numbers
 * that are used again. A real server can't be made to jump in time, or to lose a page halfway.
 */
class List implements ReportSource {
  readonly serverName = 'x';
  readonly kind = 'event';
  rows: NewReport[] = [];
  /** What happens between two pages. */
  meanwhile: (() => void)[] = [];
  /** A page with longer reasons is not read. */
  maxSize = Number.POSITIVE_INFINITY;
  /** After so many pages the connection breaks. */
  breaksAfter = Number.POSITIVE_INFINITY;

  async page({ from, limit }: { from: number; limit: number }) {
    if (this.breaksAfter <= 0) {
      throw new Error('the connection broke');
    }
    this.breaksAfter -= 1;
    const sorted = this.rows.toSorted((one, other) => other.receivedTs - one.receivedTs);
    const reports = sorted.slice(from, from + limit);
    if (reports.reduce((sum, { reason }) => sum + (reason?.length ?? 0), 0) > this.maxSize) {
      throw new TooLargeAnswerError('GET /_synapse/admin/v1/event_reports', 1024 * 1024);
    }
    const end = from + limit;
    const page = { reports, total: sorted.length, next: end < sorted.length ? end : null };
    this.meanwhile.shift()?.();
    return page;
  }

  add(receivedTs: number, subject: string, reason = 'spam'): void {
    const reportId = Math.max(0, ...this.rows.map((row) => row.reportId)) + 1;
    this.rows.push({
      kind: 'event',
      reportId,
      receivedTs,
      subject,
      reporter: '@vera:x',
      reason,
      score: null,
      roomId: '!lobby:x',
      roomName: null,
      sender: '@mallory:x',
    });
  }
}

/** When the bot began to read; it is a second later by now. */
const startedAt = 999_000;

async function read(list: ReportSource, mayReadAll = true) {
  return importReports(store, list, {
    startedAt,
    few: 6,
    mayReadAll,
    now: () => 1_000_000,
    giveWay: async () => undefined,
    onBacklog: async (_, total) => {
      backlogs.push(total);
    },
  });
}

async function known(): Promise<string[]> {
  return (await store.reports.inOrder(undefined, 10_000)).map(keyOf).toSorted();
}

test('a reading that breaks off at the first start is read to its end later', async () => {
  const list = new List();
  for (let at = 0; at < 1300; at += 1) {
    list.add(Math.floor(at / 5), `$${at % 700}`);
  }
  list.breaksAfter = 1;
  await expect(read(list)).rejects.toThrow('broke');
  expect((await known()).length).toBeLessThan(1300);
  list.breaksAfter = Number.POSITIVE_INFINITY;
  await read(list);
  expect(await known()).toEqual(list.rows.map(keyOf).toSorted());
  expect(backlogs).toEqual([1300]);
});

test('a report that arrives during a slow first reading is new', async () => {
  const list = new List();
  list.add(startedAt - 1, '$before');
  list.add(startedAt, '$meanwhile');
  await read(list);
  const isBacklog = async (id: number) => (await store.reportItems.get(id))?.isBacklog;
  expect([await isBacklog(1), await isBacklog(2)]).toEqual([true, false]);
});

test('a list without an end is read up to a bound, and that is a failure to be told', async () => {
  await store.close();
  store = await openTestStore();
  let pages = 0;
  const endless: ReportSource = {
    serverName: 'x',
    kind: 'event',
    async page({ from }) {
      pages += 1;
      if (pages > 3000) {
        throw new TypeError('read for ever');
      }
      return { reports: [], total: 1e9, next: from + 1 };
    },
  };
  await expect(read(endless)).rejects.toThrow('it has more than 2000 pages');
  expect(pages).toBe(2000);
});

test('reports that are deleted between two pages hide none of the others', async () => {
  const list = new List();
  for (let at = 0; at < 1100; at += 1) {
    list.add(1000 + at, `$${at}`);
  }
  // Everything behind them moves up by five, over the border between the pages.
  list.meanwhile = [() => list.rows.splice(-5)];
  const all = list.rows.map(keyOf).toSorted();
  await read(list);
  expect(await known()).toEqual(all);
});

test('a report whose time lies before others is found, since the count tells', async () => {
  const list = new List();
  for (let at = 0; at < 200; at += 1) {
    list.add(1000 + at, `$${at}`);
  }
  await read(list);
  list.add(5, '$from-a-clock-set-back');
  // A page is wholly known; that something is missing shows in the count, and leads to all being read.
  await read(list, false);
  expect(await known()).toHaveLength(200);
  await read(list);
  expect(await known()).toEqual(list.rows.map(keyOf).toSorted());
});

type Step =
  | { readonly do: 'add'; readonly at: number; readonly subject: number }
  | { readonly do: 'delete'; readonly which: number }
  | { readonly do: 'read'; readonly breaksAfter: number; readonly changes: readonly Change[] };
type Change = Extract<Step, { do: 'add' | 'delete' }>;

const change: fc.Arbitrary<Change> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      at: fc.nat({ max: 40 }),
      subject: fc.nat({ max: 5 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), which: fc.nat() }) },
);
const reading = fc.record({
  do: fc.constant('read' as const),
  breaksAfter: fc.oneof(fc.constant(1), fc.constant(1000)),
  changes: fc.array(change, { maxLength: 3 }),
});

test(
  'whatever comes and goes, in whatever order, each report is taken in once',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof({ weight: 5, arbitrary: change }, reading), { maxLength: 80 }),
        async (steps) => {
          await store.close();
          store = await openTestStore();
          const list = new List();
          const apply = (one: Change) => {
            if (one.do === 'add') {
              list.add(one.at, `$${one.subject}`);
            } else {
              list.rows.splice(one.which % Math.max(1, list.rows.length), 1);
            }
          };
          for (const step of steps) {
            if (step.do === 'read') {
              list.breaksAfter = step.breaksAfter;
              list.meanwhile = step.changes.map((one) => () => apply(one));
              await read(list).catch(() => undefined);
            } else {
              apply(step);
            }
          }
          list.breaksAfter = Number.POSITIVE_INFINITY;
          list.meanwhile = [];
          // One reading may only find out that the count is another.
          await read(list);
          await read(list);
          const keys = await known();
          expect(new Set(keys).size).toBe(keys.length);
          expect(keys).toEqual(expect.arrayContaining(list.rows.map(keyOf)));
          const items = await store.reportItems.search({}, { limit: 1000 });
          const sum = items.reduce((total, { reports }) => total + reports, 0);
          expect(sum).toBe(keys.length);
          expect(new Set(items.map(({ subject }) => subject)).size).toBe(items.length);
        },
      ),
      { numRuns: 60, seed: 20_261_122 },
    );
  },
  fuzzTimeoutMs,
);

test('who writes megabytes into reports hides no others: pages shrink, and one that is too large alone is left out', async () => {
  const list = new List();
  list.maxSize = 100;
  for (let at = 0; at < 40; at += 1) {
    list.add(at, `$flood${at}`, 'x'.repeat(at === 7 || at === 8 || at === 39 ? 101 : 60));
  }
  list.add(3, '$spam');
  await read(list);
  const { count: taken } = await store.transaction(async ({ reports }) => ({
    count: await reports.count('event'),
  }));
  expect(taken).toBe(38);
});
