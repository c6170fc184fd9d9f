import { afterEach, beforeEach, expect, test } from 'vitest';

import { createCards } from '../../../src/reports/cards/cards.ts';
import type { Cards } from '../../../src/reports/cards/cards.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
let cards: Cards;
/** What happens while a card is being written. */
let meanwhile: () => Promise<unknown>;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  meanwhile = async () => undefined;
  cards = createCards(bot.context, {
    maxCardsPerMinute: 100,
    async nearRules() {
      void meanwhile();
      return [];
    },
    reactions: bot.reactions,
    giveWay: async () => undefined,
  });
});
afterEach(async () => bot.store.close());

async function report(reporter: string): Promise<number> {
  const added = await bot.store.transaction(async ({ reports }) =>
    reports.add(
      {
        kind: 'event',
        reportId: bot.clock.now,
        receivedTs: (bot.clock.now += 1),
        subject: '$spam',
        reporter,
        reason: 'spam',
        score: null,
        roomId: '!lobby:localhost',
        roomName: null,
        sender: '@mallory:localhost',
      },
      bot.clock.now,
      { isBacklog: false, isQuiet: false },
    ),
  );
  return Number(added?.itemId);
}

/** What is posted, as text. */
async function posted(work: () => Promise<unknown>): Promise<string> {
  const { sent } = await bot.run(async () => void (await work()));
  return JSON.stringify(sent.map(({ outgoing }) => outgoing));
}

test.each(['posted', 'edited'])(
  'a claim that comes while the card is %s is shown next',
  async (when) => {
    const id = await report('@vera:localhost');
    const place = async () => cards.place(id, { isUrgent: true });
    let claim: Promise<void> | undefined;
    const claimMeanwhile = () => {
      meanwhile = async () => {
        claim ??= bot.store.transaction(async ({ reportItems }) =>
          reportItems.move(id, { state: 'claimed', by: people.ben, isShown: true }, bot.clock.now),
        );
      };
    };
    if (when === 'posted') {
      claimMeanwhile();
    }
    await posted(place);
    if (when === 'edited') {
      await report('@vic:localhost');
      claimMeanwhile();
      await posted(cards.refresh);
    }
    expect(claim).toBeDefined();
    await claim;
    expect(await posted(cards.refresh)).toContain('Ben (@ben:localhost) is on it');
    expect(await posted(cards.refresh)).toBe('[]');
  },
);
