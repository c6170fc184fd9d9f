import { setTimeout as wait } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import type { Rule } from '../../../src/reports/rules/rule.ts';
import { createTriage } from '../../../src/reports/triage/triage.ts';
import type { Triage, TriageContext } from '../../../src/reports/triage/triage.ts';
import { createTagService } from '../../../src/services/notes/tag-service.ts';
import { openFuzzBot } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import { asEventId } from '../../support/homeserver.ts';

const size = 200;
const maxCards = 6;

let bot: FuzzBot;
let triage: Triage | undefined;
/** What the homeserver was asked for: the messages, in order, and the accounts. */
let messages: string[];
let accounts: string[];
let commits: number;
/** The messages before this one are on a homeserver that is away. */
let firstAnswered: number;
/** While this is set, a command is in flight. */
let command: PromiseWithResolvers<void> | undefined;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  messages = [];
  accounts = [];
  commits = 0;
  firstAnswered = 0;
  command = undefined;
  triage = undefined;
});
afterEach(async () => {
  await triage?.stop();
  await bot.store.close();
});

async function report(count: number): Promise<void> {
  await bot.store.transaction(async ({ reports }) =>
    reports.addAll(
      Array.from({ length: count }, (_, at) => ({
        report: {
          kind: 'event',
          reportId: at + 1,
          receivedTs: bot.clock.now,
          subject: `$message-${at}`,
          reporter: `@reporter${at % 4}:localhost`,
          reason: 'spam',
          score: null,
          roomId: '!lobby:localhost',
          roomName: 'Lobby',
          sender: '@mallory:localhost',
        },
        options: { isBacklog: false, isQuiet: false },
      })),
      bot.clock.now,
    ),
  );
}

function start(rules: readonly Rule[] = [], how: { readonly maxCards?: number } = {}): void {
  const services = {
    ...bot.context.services,
    directRooms: { has: async () => false },
    rooms: {
      async findEvent(_: string, event: string) {
        messages.push(event);
        if (Number(event.split('-')[1]) < firstAnswered) {
          throw new UnreachableError('GET', 'does not answer', false);
        }
        return {
          event: {
            type: 'm.room.message',
            sender: '@mallory:localhost',
            originServerTs: 0,
            content: { msgtype: 'm.text', body: 'cheap coins' },
            redactedBecause: null,
            lastEdit: null,
          },
        };
      },
    },
  };
  const context = {
    ...bot.context,
    services,
    store: {
      ...bot.store,
      async transaction(work: Parameters<typeof bot.store.transaction>[0]) {
        commits += 1;
        return bot.store.transaction(work);
      },
    },
    sendPermission: { whyMissing: () => undefined },
    async findAccount(user: string) {
      accounts.push(user);
      return { name: user, creationTs: 0 };
    },
  } as unknown as TriageContext;
  triage = createTriage(context, {
    rules,
    onCall: [],
    maxCardsPerMinute: how.maxCards ?? maxCards,
    remindAfterMs: 0,
    reactions: bot.reactions,
    giveWay: async () => command?.promise,
  });
  triage.wake();
}

const pending = async () =>
  (await bot.store.reportWork.withoutDetails('cards', 1000)).length +
  (await bot.store.reportWork.withoutDetails('digest', 1000)).length;
const allProcessed = async () => {
  await expect.poll(pending, { timeout: 20_000 }).toBe(0);
};

test('one request for each reported message, one for each person, and few commits', async () => {
  await report(size);
  start();
  await allProcessed();
  expect(new Set(messages).size).toBe(size);
  expect(messages).toHaveLength(size);
  expect(new Set(accounts).size).toBe(5);
  expect(accounts.length).toBeLessThanOrEqual(5 * 4);
  // A card takes a few, and 25 items of the digest take two.
  expect(commits).toBeLessThan(maxCards * 4 + (size / 25) * 2 + 10);
  const items = await bot.store.reportItems.search({}, { limit: 1000 });
  expect(items.filter(({ card }) => card === 'own')).toHaveLength(maxCards);
  expect(items.filter(({ card }) => card === 'digest')).toHaveLength(size - maxCards);
  expect(items.every(({ content }) => content?.includes('cheap coins'))).toBe(true);
});

test(
  'a thousand items of a homeserver that is away hold up no newer ones',
  { timeout: 60_000 },
  async () => {
    firstAnswered = 1000;
    await report(firstAnswered + 5);
    start([], { maxCards: 2000 });
    const read = async () => {
      const items = await bot.store.reportItems.search({}, { limit: 2000 });
      return items.filter(({ content }) => content?.includes('cheap coins')).length;
    };
    await expect.poll(read, { timeout: 40_000 }).toBe(5);
    // The others are tried again later, and not at once.
    expect(new Set(messages).size).toBe(messages.length);
    expect(await pending()).toBe(1000);
  },
);

test('what gets a card is read first, and the digest before anything is read about its items', async () => {
  await report(size);
  command = Promise.withResolvers();
  start();
  await expect
    .poll(async () => (await bot.store.reportWork.withoutDetails('digest', 1000)).length)
    .toBe(size - maxCards);
  await wait(50);
  // A command is in flight: nothing is read.
  expect(messages).toEqual([]);
  command.resolve();
  await allProcessed();
  const first = messages.slice(0, maxCards + 1).map((event) => Number(event.split('-')[1]));
  expect(first.filter((at) => at < maxCards).length).toBeGreaterThanOrEqual(maxCards - 1);
});

test('rules see every item of a burst, with what its message says', async () => {
  const seen: string[] = [];
  await report(60);
  start([
    {
      name: 'spam',
      mode: 'observe',
      alert: false,
      seesTags: false,
      lines: [],
      evaluate(input) {
        seen.push(`${input.event} ${input.content?.body} ${input.reports[0]?.reporterCreatedAt}`);
        return { matches: false, reporter: undefined, missing: undefined };
      },
    },
  ]);
  await allProcessed();
  for (let at = 0; at < 60; at += 1) {
    expect(seen).toContain(`$message-${at} cheap coins 0`);
  }
});

test('a tag applies rules again without asking the homeserver, and edits few cards', async () => {
  const tagged = new Set<number>();
  await report(40);
  start(
    [
      {
        name: 'tagged',
        mode: 'observe',
        alert: false,
        seesTags: true,
        lines: [],
        evaluate(input) {
          if (input.roomTags.includes('quiet')) {
            tagged.add(input.item);
          }
          return { matches: false, reporter: undefined, missing: undefined };
        },
      },
    ],
    { maxCards: 40 },
  );
  await allProcessed();
  const outdated = async () =>
    (await bot.store.reportCards.outdated(100)).map(({ id }) => id).toReversed();
  await expect.poll(outdated).toEqual([]);
  const [asked, looked] = [messages.length, accounts.length];
  const tags = createTagService(bot.store, { wake: () => triage?.wake() });
  const tag = { subject: '!lobby:localhost', name: 'quiet', author: '@ana:localhost' };
  await tags.set({ ...tag, at: bot.clock.now, expiresAt: null }, asEventId('$tag'));
  await expect.poll(() => tagged.size, { timeout: 20_000 }).toBe(40);
  expect([messages.length, accounts.length]).toEqual([asked, looked]);
  // In this test, nothing is delivered, so that edits wait.
  const newest = await bot.store.reportItems.search({}, { limit: 10 });
  expect(await outdated()).toEqual(newest.map(({ id }) => id));
});

test('an item of a digest that is reported again gets a card when there is room', async () => {
  await report(maxCards + 2);
  start();
  await allProcessed();
  bot.clock.now += 120_000;
  const [last] = await bot.store.reportItems.search({}, { limit: 1 });
  expect(last?.card).toBe('digest');
  await bot.store.transaction(async ({ reports }) =>
    reports.add(
      {
        kind: 'event',
        reportId: 500,
        receivedTs: bot.clock.now,
        subject: last?.subject ?? '',
        reporter: '@another:localhost',
        reason: 'spam',
        score: null,
        roomId: '!lobby:localhost',
        roomName: 'Lobby',
        sender: '@mallory:localhost',
      },
      bot.clock.now,
      { isBacklog: false, isQuiet: false },
    ),
  );
  triage?.wake();
  await expect.poll(async () => (await bot.store.reportItems.get(last?.id ?? 0))?.card).toBe('own');
});
