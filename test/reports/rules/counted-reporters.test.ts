import { afterEach, beforeEach, expect, test } from 'vitest';

import { accusation } from '../../../src/chat/answers/report-item.ts';
import { adminApiOn } from '../../../src/homeserver/admin/admin-api.ts';
import { render } from '../../../src/matrix/delivery/content.ts';
import {
  createPersonLookup,
  fetchDetails,
  refreshReporters,
} from '../../../src/reports/intake/report-details.ts';
import { readRuleInput } from '../../../src/reports/rules/rule-input.ts';
import { createReportService } from '../../../src/services/reports/report-service.ts';
import type { Account, Services } from '../../../src/services/services.ts';
import type { ReportItem } from '../../../src/store/tables/reports/report-items.ts';
import { asUserId } from '../../support/homeserver.ts';
import { openReportStore } from '../../support/report-store.ts';
import type { GivenReport, ReportStore } from '../../support/report-store.ts';
import { ruleOf } from './rule-input.ts';

const mallory = '@mallory:localhost';
const start = Date.UTC(2026, 10, 21, 12, 0);
const minuteMs = 60_000;

let queue: ReportStore;
beforeEach(async () => {
  queue = await openReportStore();
});
afterEach(async () => queue[Symbol.asyncDispose]());

let at = start;
const reported = async (reporter: string, more: Partial<GivenReport> = {}) => {
  at += 1000;
  return queue.report({ at, event: '$spam', sender: mallory, reporter, ...more });
};

/** More often than people are looked at for an item, in one transaction. */
async function reportedOften(reporter: string, reason: string): Promise<void> {
  await queue.store.transaction(async ({ reports }) => {
    for (let times = 0; times < 1050; times += 1) {
      at += 1;
      const report = { kind: 'event', receivedTs: at, subject: '$spam', roomName: null } as const;
      const key = { ...report, reportId: at, roomId: '!lobby:x', sender: mallory };
      await reports.add({ ...key, reporter, reason, score: null }, at, {
        isBacklog: false,
        isQuiet: false,
      });
    }
  });
}

/** The homeserver plays no part in a story. */
const nobody = adminApiOn(async () => {
  throw new TypeError('asked the homeserver');
});

const witnesses = ['@ana:localhost', '@ben:localhost', '@cyd:localhost'];
const threePeople = ruleOf({
  when: { distinctReporters: { atLeast: 3 } },
  alert: true,
});

async function itemAt(id: number): Promise<ReportItem> {
  const item = await queue.store.reportItems.get(id);
  if (item === undefined) {
    throw new TypeError('no item');
  }
  return item;
}

async function title(id: number): Promise<string> {
  const story = await createReportService(nobody, queue.store, {
    wake: () => undefined,
    refresh: async () => undefined,
    serverName: 'localhost',
    homeservers: [],
  }).story(await itemAt(id), at);
  return render({ mark: 'ℹ️', title: accusation(story) }, '!').body;
}

async function evaluation(id: number) {
  const input = await readRuleInput(queue.store, await itemAt(id), {
    serverNames: ['localhost'],
    now: at,
  });
  return { matches: threePeople.evaluate(input).matches, reports: input.reports.length };
}

test('however often the accused or one person reports, it silences no witness', async () => {
  let id = 0;
  for (const witness of witnesses) {
    id = await reported(witness);
  }
  await reportedOften(mallory, 'look, a bird');
  await reportedOften('@loud:localhost', 'me again');
  expect(await evaluation(id)).toEqual({ matches: true, reports: 4 });
  // The accused is no witness, and one sendPermission is one sendPermission.
  expect(await queue.store.reports.countReporters(id)).toBe(4);
  expect(await title(id)).toBe('ℹ️ 3 of 4 people say “spam”');
});

test('a title puts nobody’s words into the mouth of others', async () => {
  let id = await reported('@ana:localhost', { reason: 'he stole my bike' });
  expect(await title(id)).toBe('ℹ️ 1 person says “he stole my bike”');
  await reported('@ana:localhost', { reason: 'he stole my bike' });
  await reported('@ana:localhost', { reason: 'he stole my bike' });
  await reported('@ben:localhost', { reason: null });
  id = await reported('@cyd:localhost', { reason: '' });
  expect(await title(id)).toBe('ℹ️ 1 of 3 people says “he stole my bike”');
  await reported('@ben:localhost', { reason: 'spam' });
  await reported('@cyd:localhost', { reason: 'spam' });
  expect(await title(id)).toBe('ℹ️ 2 of 3 people say “spam”');
  const own = await reported(mallory, { event: '$own' });
  expect(await title(own)).toBe('ℹ️ the sender reports');
});

test('about a user or in a room, people are counted without the accused', async () => {
  await reported('@ana:localhost');
  await reported('@ana:localhost', { event: '$other' });
  await reported(mallory);
  const about = { kind: 'user', id: mallory } as const;
  const inside = { kind: 'room', id: '!lobby:x' } as const;
  expect(await queue.store.subjectHistory.counts(about)).toMatchObject({ reporters: 1 });
  expect(await queue.store.subjectHistory.counts(inside)).toMatchObject({ reporters: 1 });
});

test('who is restricted counts from when that ends, and no longer from when it begins', async () => {
  const restricted = new Set(['@ana:localhost']);
  let now = start;
  const account = (name: string): Account =>
    ({
      name,
      creationTs: 0,
      deactivated: false,
      locked: restricted.has(name),
      suspended: false,
      shadowBanned: false,
    }) as Account;
  const context = {
    store: queue.store,
    settings: {
      serverName: 'localhost',
      homeservers: [{ name: 'localhost', serverName: 'localhost' }],
    },
    atHomeserver(): never {
      throw new Error('there is only one homeserver');
    },
    // The reports of users need nothing of the homeserver but the accounts.
    services: {} as Services,
    now: () => now,
    findAccount: async (name: string) => account(name),
  };
  const findPerson = createPersonLookup(context);
  let id = 0;
  for (const reporter of witnesses) {
    id = await reported(reporter, { user: mallory });
  }
  const look = async () =>
    fetchDetails(context, findPerson, await itemAt(id), async () => undefined);
  await look();
  expect(await evaluation(id)).toMatchObject({ matches: false });

  restricted.clear();
  now += 10 * minuteMs;
  await look();
  expect(await evaluation(id)).toMatchObject({ matches: true });

  // Banned a second ago: asked anew, however lately they were looked at.
  await findPerson(asUserId('@ben:localhost'));
  restricted.add('@ben:localhost');
  await refreshReporters(context, findPerson, await itemAt(id));
  expect(await evaluation(id)).toMatchObject({ matches: false });
});
