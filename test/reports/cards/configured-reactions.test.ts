import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { createCardActions } from '../../../src/reports/cards/card-actions.ts';
import { createCards } from '../../../src/reports/cards/cards.ts';
import type { Cards } from '../../../src/reports/cards/cards.ts';
import { openConfiguredReactions } from '../../../src/reports/cards/configured-reactions.ts';
import type { ConfiguredReactions } from '../../../src/reports/cards/configured-reactions.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import { surroundings } from '../rules/rule-input.ts';

const minuteMs = 60_000;

let bot: FuzzBot;
let cards: Cards;
let reactions: ConfiguredReactions;
let taps = 0;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  configure(bot.reactions);
});
afterEach(async () => bot.store.close());

function configure(configured: ConfiguredReactions): void {
  reactions = configured;
  Object.assign(bot.context, { cardReactions: configured });
  cards = createCards(bot.context, {
    maxCardsPerMinute: 100,
    nearRules: async () => [],
    reactions: configured,
    giveWay: async () => undefined,
  });
}

/** Starts the bot again, a minute later, with `reports.actions`. */
async function restart(actions: Readonly<Record<string, string>>): Promise<void> {
  bot.clock.now += minuteMs;
  configure(
    await openConfiguredReactions(
      {
        store: bot.store,
        settings: { prefix: '!' },
        now: () => bot.clock.now,
        wakeReports: () => undefined,
      },
      createCardActions(actions, surroundings),
    ),
  );
}

/** Posts the card of a report. Returns its number, and the event of the card. */
async function post(kind: 'event' | 'user' = 'event') {
  const joined = await bot.store.transaction(async ({ reports }) =>
    reports.add(
      {
        kind,
        reportId: 1,
        receivedTs: bot.clock.now,
        subject: kind === 'event' ? '$spam' : '@mallory:localhost',
        reporter: '@vera:localhost',
        reason: 'spam',
        score: null,
        roomId: kind === 'event' ? '!lobby:localhost' : null,
        roomName: null,
        sender: '@mallory:localhost',
      },
      bot.clock.now,
      { isBacklog: false, isQuiet: false },
    ),
  );
  const id = Number(joined?.itemId);
  const { sent } = await bot.run(async () => cards.place(id, { isUrgent: true }));
  const card = sent.find(({ outgoing }) => outgoing.kind === 'alert')?.event ?? '';
  return { id, card, sent: sent.map(({ outgoing }) => outgoing) };
}

async function tap(card: string, key: string, sender: string = people.ben) {
  taps += 1;
  const { sent, changes } = await bot.take([
    {
      type: 'm.reaction',
      event_id: `$tap${taps}`,
      sender,
      origin_server_ts: bot.clock.now,
      content: { 'm.relates_to': { rel_type: 'm.annotation', event_id: card, key } },
    },
  ]);
  return { changes, sent: sent.map(({ outgoing }) => outgoing), answer: textOf(sent[0]?.outgoing) };
}

const refresh = async () =>
  (await bot.run(async () => cards.refresh())).sent.map(({ outgoing }) => outgoing);
const keysOf = (sent: readonly Outgoing[]) =>
  sent.flatMap((one) => (one.kind === 'reaction' ? [one.key] : []));
const withdrawn = (sent: readonly Outgoing[]) =>
  sent.filter(({ kind }) => kind === 'withdraw').length;

function textOf(outgoing: Outgoing | undefined): string {
  return JSON.stringify(outgoing !== undefined && 'reply' in outgoing ? outgoing.reply.answer : '');
}

test('a card offers what is configured, and its legend says so', async () => {
  await restart({ '👻': 'off', '🔒': 'lock {sender} --reason "report {report}"' });
  const { card, sent } = await post();
  expect(keysOf(sent)).toEqual(['🙋', '🔨', '🙈', '🔒', '🗑', '✅']);
  expect(textOf(sent[0])).toContain(
    '🙋 claim · 🔨 deactivate · 🙈 redact · 🔒 lock · 🗑 dismiss · ✅ resolve',
  );
  const { changes } = await tap(card, '🔒');
  expect(changes).toEqual([expect.stringContaining('PUT')]);
  expect(await bot.store.auditLog.search({ limit: 1 })).toMatchObject([
    { command: 'lock', target: '@mallory:localhost', reason: 'report 1' },
  ]);
  // What was removed, and never offered, is a reaction like any other.
  expect(await tap(card, '👻')).toMatchObject({ changes: [], sent: [] });
});

test('a report of a user offers nothing that needs a message, and says so to who taps it', async () => {
  const { card, sent } = await post('user');
  expect(keysOf(sent)).toEqual(['🙋', '👻', '🔨', '🗑', '✅']);
  const { changes, answer } = await tap(card, '🙈');
  expect(changes).toEqual([]);
  expect(answer).toContain('🙈 is not for this report: no message was reported');
});

test('what is destructive asks first, and the role counts', async () => {
  await restart({ '💥': 'deactivate {sender} --erase' });
  const { card } = await post();
  const refused = await tap(card, '💥', people.vic);
  expect(refused).toMatchObject({ changes: [] });
  expect(refused.answer).toContain('Not allowed');
  const asked = await tap(card, '💥');
  expect(asked.changes).toEqual([]);
  expect(await bot.store.confirmations.pending()).toMatchObject([
    { command: 'deactivate', requester: people.ben },
  ]);
});

test('what has not changed works on an older card, too', async () => {
  const { card } = await post();
  await restart({ '🔨': 'suspend {sender}' });
  expect((await tap(card, '🙋')).answer).toContain('Claimed');
  expect((await tap(card, '👻')).changes).toEqual([expect.stringContaining('shadow_ban')]);
});

test('an older card says kindly what has changed, and works after that', async () => {
  const { card } = await post();
  await restart({ '🔨': 'suspend {sender}' });
  const { changes, answer } = await tap(card, '🔨');
  expect(changes).toEqual([]);
  expect(answer).toContain('🔨 stands for ');
  expect(answer).toContain('!suspend {sender}');
  const renewed = await refresh();
  expect(textOf(renewed[0])).toContain('🔨 suspend');
  expect(withdrawn(renewed)).toBe(6);
  expect(keysOf(renewed)).toEqual(['🙋', '👻', '🔨', '🙈', '🗑', '✅']);
  expect((await tap(card, '🔨')).changes).toEqual([expect.stringContaining('suspend')]);
});

test('the card of a closed report does not claim that the configuration has changed', async () => {
  await restart({ '🔒': 'lock {sender}' });
  const { id, card } = await post();
  await tap(card, '✅');
  await refresh();
  const { changes, answer } = await tap(card, '🔒');
  expect(changes).toEqual([]);
  expect(answer).toContain(`#${id} is already resolved, so its card does not offer 🔒`);
  expect(answer).toContain(`!reopen ${id}`);
  expect(answer).not.toContain('configuration');
});

test('an older card says kindly what was removed', async () => {
  await restart({ '🔒': 'lock {sender}' });
  const { card } = await post();
  await restart({});
  const { changes, answer } = await tap(card, '🔒');
  expect(changes).toEqual([]);
  expect(answer).toContain('🔒 no longer stands for a command');
  expect(keysOf(await refresh())).toEqual(['🙋', '👻', '🔨', '🙈', '🗑', '✅']);
  expect((await tap(card, '🔒')).sent).toEqual([]);
});

test('with the same configuration, a restart changes nothing', async () => {
  await restart({ '🔒': 'lock {sender}' });
  const { id, card } = await post();
  await restart({ '🔒': 'lock {sender}' });
  expect(reactions.changedAt).toBeLessThan(bot.clock.now);
  await bot.store.reportCards.renew(id);
  const edited = await refresh();
  expect(edited.map(({ kind }) => kind)).toEqual(['edit']);
  expect((await tap(card, '🔒')).changes).toHaveLength(1);
});

test('what an older version offered works as before', async () => {
  const { card } = await post();
  // Older versions have not remembered what they offer.
  await bot.store.syncState.set('reports.actions', undefined);
  await restart({});
  expect((await tap(card, '👻')).changes).toHaveLength(1);
});
