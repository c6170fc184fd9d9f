import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type { Outgoing } from '../../src/operations/answer/reply.ts';
import { openFuzzBot, people } from '../support/fuzz-bot.ts';
import type { FuzzBot, Outcome } from '../support/fuzz-bot.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

let bot: FuzzBot;
let said = 0;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

/** Types a line, at this time by the homeserver's clock. */
async function say(body: string, sentAt = bot.clock.now): Promise<Outcome> {
  said += 1;
  const event = {
    type: 'm.room.message',
    event_id: `$command${said}`,
    sender: people.ben,
    origin_server_ts: sentAt,
    content: { msgtype: 'm.text', body },
  };
  return bot.take([event]);
}

const statusesOf = ({ sent }: Outcome) =>
  sent.flatMap(({ outgoing }: { outgoing: Outgoing }) =>
    outgoing.kind === 'reply' || outgoing.kind === 'edit' ? [outgoing.reply.status] : [],
  );

/** A confirmation that waits; how its details came to be is not ours here. */
async function ask(): Promise<void> {
  for (let times = 0; times < 20; times += 1) {
    const asked = await say('!deactivate @mallory:localhost');
    if (statusesOf(asked).includes('pending')) {
      return;
    }
  }
  expect.unreachable('the confirmation was not asked');
}

describe('a confirmation', () => {
  test('is expired when the clock has jumped over its end, before any timer knows', async () => {
    await ask();
    bot.clock.now += hourMs;
    const confirmed = await say('!confirm');
    expect(confirmed.changes).toEqual([]);
    expect(statusesOf(confirmed)).toEqual(expect.arrayContaining(['expired', 'failed']));
  });

  test('once expired stays so, also when the clock is set back', async () => {
    await ask();
    bot.clock.now += hourMs;
    await bot.expireConfirmations();
    bot.clock.now -= hourMs;
    const [confirmation] = (await bot.store.confirmations.pending()).map(({ code }) => code);
    expect(confirmation).toBeUndefined();
    expect((await say('!confirm')).changes).toEqual([]);
  });

  test('whose time runs out while its confirmation is checked is not carried out', async () => {
    await ask();
    const { findAccount } = bot.context;
    Object.assign(bot.context, {
      findAccount: async (user: Parameters<typeof findAccount>[0]) => {
        bot.clock.now += hourMs;
        return findAccount(user);
      },
    });
    const confirmed = await say('!confirm');
    expect(confirmed.changes).toEqual([]);
    expect(statusesOf(confirmed)).toContain('expired');
  });

  test('holds until the time that it shows, also when the clock is set back', async () => {
    await ask();
    bot.clock.now -= hourMs;
    expect((await bot.expireConfirmations()).sent).toEqual([]);
    expect((await say('!confirm')).changes).toHaveLength(1);
  });
});

describe('a command', () => {
  test('is stale when the clock is ahead, which its answer shows, and is not done', async () => {
    const sentAt = bot.clock.now;
    bot.clock.now += hourMs;
    const outcome = await say('!shadow-ban @mallory:localhost', sentAt);
    expect(outcome.changes).toEqual([]);
    expect(statusesOf(outcome)).toEqual(['stale']);
    expect(JSON.stringify(outcome.sent)).toContain('1 hour ago');
  });

  test('is done when the clock is behind: it was sent just now', async () => {
    const sentAt = bot.clock.now;
    bot.clock.now -= hourMs;
    expect((await say('!shadow-ban @mallory:localhost', sentAt)).changes).toHaveLength(1);
  });

  test.each([-9e15, -1, 0])('from an impossible time (%d) is stale, alone or many', async (at) => {
    expect(statusesOf(await say('!version', at))).toEqual(['stale']);
    const many = await bot.take(
      Array.from({ length: 5 }, (_, nth) => ({
        type: 'm.room.message',
        event_id: `$early${nth}`,
        sender: people.ben,
        origin_server_ts: at,
        content: { msgtype: 'm.text', body: '!version' },
      })),
    );
    expect(statusesOf(many)).toEqual(['stale']);
  });
});
