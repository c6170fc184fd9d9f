import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const command = () => ({
  type: 'm.room.message',
  event_id: '$command',
  sender: people.ben,
  origin_server_ts: bot.clock.now,
  content: { msgtype: 'm.text', body: '!deactivate @mallory:localhost' },
});

const tick = (target: string, sentAt: number) => ({
  type: 'm.reaction',
  event_id: '$tick',
  sender: people.ben,
  origin_server_ts: sentAt,
  content: { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key: '✅' } },
});

/** What the first answer is sent as, once it is. */
const confirmation = '$sent1';

describe('a tick on a confirmation that is on its way still', () => {
  test('counts when the confirmation has arrived', async () => {
    const { changes } = await bot.take([command(), tick(confirmation, bot.clock.now)]);
    expect(changes).toHaveLength(1);
  });

  test('counts for nothing where it is older than a command may be', async () => {
    const { changes } = await bot.take([command(), tick(confirmation, bot.clock.now - 300_001)]);
    expect(changes).toEqual([]);
    expect(await bot.store.confirmations.pending()).toHaveLength(1);
    expect(await bot.store.inbox.open()).toEqual([]);
  });

  test('on something else counts for nothing', async () => {
    const { changes } = await bot.take([command(), tick('$other', bot.clock.now)]);
    expect(changes).toEqual([]);
    expect(await bot.store.confirmations.pending()).toHaveLength(1);
    expect(await bot.store.inbox.open()).toEqual([]);
  });
});
