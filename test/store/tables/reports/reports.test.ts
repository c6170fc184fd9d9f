import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { openStore } from '../../../../src/store/store.ts';
import type { Store } from '../../../../src/store/store.ts';
import type { ReportToAdd } from '../../../../src/store/tables/reports/add-reports.ts';
import { fuzzTimeoutMs } from '../../../support/hostile.ts';
import { createTestDatabase, onPostgres } from '../../../support/test-database.ts';

const reportToAdd: fc.Arbitrary<ReportToAdd> = fc.record({
  report: fc.record({
    kind: fc.constantFrom('event' as const, 'user' as const),
    reportId: fc.nat({ max: 12 }),
    receivedTs: fc.nat({ max: 5 }),
    subject: fc.constantFrom('$a', '$b', '$c', '$d'),
    reporter: fc.constantFrom('@vera:x', '@vic:x', '@vic:two.x'),
    reason: fc.constantFrom('spam', null),
    score: fc.constantFrom(-100, null),
    roomId: fc.constant('!lobby:x'),
    roomName: fc.constantFrom('Lobby', 'Hall', null),
    sender: fc.constantFrom('@mallory:x', null),
  }),
  options: fc.constantFrom(
    { isBacklog: false, isQuiet: false },
    { isBacklog: true, isQuiet: false },
    { isBacklog: true, isQuiet: true },
  ),
});

/** Everything that reports have done, without numbers that come in any order. */
async function stateOf({ reportItems, reportWork, reports, reportHistory }: Store) {
  const items = await reportItems.search({}, { limit: 100 });
  const histories = await Promise.all(
    items.map(async ({ id }) =>
      (await reportHistory.ofItem(id)).map(({ kind, actor }) => [kind, actor]),
    ),
  );
  const ofItem = new Map(items.map(({ id, kind, subject }) => [id, `${kind} ${subject}`]));
  return {
    items: items
      .map((item, at) => ({ ...item, id: 0, history: histories[at] }))
      .toSorted((one, other) =>
        `${one.kind}${one.subject}`.localeCompare(`${other.kind}${other.subject}`),
      ),
    reports: (await reports.inOrder(undefined, 1000))
      .map(({ itemId, ...report }) => ({
        ...report,
        item: ofItem.get(itemId),
      }))
      .toSorted((one, other) => JSON.stringify(one).localeCompare(JSON.stringify(other))),
    needsDetails: [
      ...(await reportWork.withoutDetails('cards', 100)),
      ...(await reportWork.withoutDetails('digest', 100)),
    ]
      .map(({ kind, subject }) => `${kind} ${subject}`)
      .toSorted(),
  };
}

test(
  'reports that are stored together do what they do one by one',
  async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(reportToAdd, { maxLength: 12 }),
        fc.array(reportToAdd, { maxLength: 12 }),
        fc.nat({ max: 5 }),
        async (before, all, closedAt) => {
          await using together = await opened();
          await using single = await opened();
          for (const { store } of [together, single]) {
            for (const { report, options } of before) {
              await store.reports.add(report, 1, options);
            }
            const [first] = await store.reportItems.search({}, { limit: 1 });
            if (first !== undefined) {
              const to = { state: 'resolved' as const, by: '@ana:x', isShown: true };
              await store.reportItems.move(first.id, to, closedAt);
            }
          }
          const count = await together.store.reports.addAll(all, 2);
          let added = 0;
          for (const { report, options } of all) {
            added += (await single.store.reports.add(report, 2, options)) === undefined ? 0 : 1;
          }
          expect(count).toBe(added);
          expect(await stateOf(together.store)).toEqual(await stateOf(single.store));
        },
      ),
      { numRuns: onPostgres ? 15 : 80, seed: 20_261_127 },
    );
  },
  fuzzTimeoutMs,
);

async function opened(): Promise<AsyncDisposable & { readonly store: Store }> {
  const database = onPostgres ? await createTestDatabase() : undefined;
  const store = await openStore(database?.place ?? ':memory:');
  return {
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database?.[Symbol.asyncDispose]();
    },
  };
}

/** Adds a report of a message by `@mallory:x`. */
async function addTo(
  { reports }: Store,
  subject: string,
  [reporter, reason]: readonly [reporter: string, reason: string | null],
  number: number,
): Promise<void> {
  await reports.add(
    {
      kind: 'event',
      reportId: number,
      receivedTs: number,
      subject,
      reporter,
      reason,
      score: null,
      roomId: '!lobby:x',
      roomName: null,
      sender: '@mallory:x',
    },
    number,
    { isBacklog: false, isQuiet: false },
  );
}

test('the main reason of each item is that of most people, each by their latest report', async () => {
  const store = await openStore(':memory:');
  try {
    const said = {
      $most: [
        ['@vera:x', 'scam'],
        ['@vic:x', ' spam\n'],
        ['@wil:x', 'spam'],
        // Nobody counts twice.
        ...Array.from({ length: 5 }, () => ['@vera:x', 'rude'] as const),
      ],
      $none: [
        ['@vera:x', null],
        ['@vic:x', ' \n'],
      ],
      $tie: [
        ['@mallory:x', 'lies'],
        ['@vera:x', 'rude'],
        ['@vic:x', 'scam'],
      ],
      $many: [
        ...Array.from({ length: 150 }, (_, at) => [`@old${at}:x`, 'long ago'] as const),
        ...Array.from({ length: 60 }, (_, at) => [`@new${at}:x`, 'now'] as const),
      ],
    } satisfies Record<string, readonly (readonly [string, string | null])[]>;
    let number = 0;
    for (const [subject, all] of Object.entries(said)) {
      for (const report of all) {
        number += 1;
        await addTo(store, subject, report, number);
      }
    }
    const items = await store.reportItems.search({}, { limit: 10 });
    const main = await store.reports.mainReasons(items.map(({ id }) => id));
    expect(Object.fromEntries(items.map(({ id, subject }) => [subject, main.get(id)]))).toEqual({
      $most: { reason: 'spam', people: 2 },
      $none: undefined,
      $tie: { reason: 'rude', people: 1 },
      // Of the 100 people who reported last.
      $many: { reason: 'now', people: 60 },
    });
    expect(await store.reports.mainReasons([])).toEqual(new Map());
  } finally {
    await store.close();
  }
});

test('homeservers number their reports themselves, and an event that is reported on two is one item', async () => {
  await using together = await opened();
  const { store } = together;
  const add = async (reporter: string, receivedTs: number, subject = '$a') =>
    store.reports.add(
      {
        kind: 'event',
        reportId: 1,
        receivedTs,
        subject,
        reporter,
        reason: null,
        score: null,
        roomId: '!lobby:x',
        roomName: null,
        sender: '@mallory:x',
      },
      9,
      { isBacklog: false, isQuiet: false },
    );
  expect(await add('@vera:one.x', 5)).toMatchObject({ isNewItem: true });
  expect(await add('@vera:one.x', 5)).toBeUndefined();
  // Everything but the homeserver is the same.
  expect(await add('@vera:two.x', 5)).toMatchObject({ isNewItem: false });
  expect(await add('@vera:one.x', 4)).toMatchObject({ isNewItem: false });
  const [item] = await store.reportItems.search({}, { limit: 5 });
  expect(item).toMatchObject({ reports: 3, server: 'two.x' });
  expect((await store.reports.inOrder(undefined, 9)).map(({ server }) => server)).toEqual([
    'one.x',
    'one.x',
    'two.x',
  ]);
  await add('@vera:one.x', 6);
  await add('@vera:two.x', 7, '$b');
  const on = async (server: string) =>
    (await store.reportItems.search({ server, states: ['open'] }, { limit: 5 })).map(
      ({ subject }) => subject,
    );
  expect(await on('one.x')).toEqual(['$a']);
  expect(await on('two.x')).toEqual(['$b']);
  expect(await store.reportItems.count({ server: 'two.x' })).toBe(1);
  expect(await store.reports.newestId(item?.id ?? 0, 'two.x')).toBe(1);
  expect(await store.reports.newestId(item?.id ?? 0, 'three.x')).toBeUndefined();
});

const plain = {
  kind: 'event' as const,
  reportId: 1,
  receivedTs: 5,
  subject: '$spam',
  reporter: '@vera:x',
  reason: 'spam',
  score: null,
  roomId: '!lobby:x',
  roomName: null,
  sender: '@mallory:x',
};
const options = { isBacklog: false, isQuiet: false };

test('a report of another homeserver that is the same but for that is not skipped at a new page', async () => {
  await using queue = await opened();
  const { moderationRecord } = queue.store;
  const all = ['@vera:x', '@vic:two.x'].map((reporter) => ({
    report: { ...plain, reporter },
    options,
  }));
  await queue.store.transaction(async ({ reports }) => reports.addAll(all, 9));
  const period = { since: 0, until: 10 };
  const { rows } = await moderationRecord.reports(period, undefined);
  expect(rows).toHaveLength(2);
  const after = { at: 5, kind: 'event', reportId: 1, subject: '$spam', server: 'two.x' };
  expect((await moderationRecord.reports(period, after)).rows).toEqual(rows.slice(1));
});

test('a reason is read to its end, whatever characters are in it', async () => {
  await using queue = await opened();
  const report = { ...plain, reason: '\0scam\uD800' };
  await queue.store.transaction(async ({ reports }) => reports.add(report, 9, options));
  const { rows } = await queue.store.moderationRecord.reports({ since: 0, until: 10 }, undefined);
  expect(rows).toMatchObject([{ reason: '\uFFFDscam\uFFFD' }]);
});
