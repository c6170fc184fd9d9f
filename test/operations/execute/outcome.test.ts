import { afterEach, beforeEach, expect, test } from 'vitest';

import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  Object.assign(bot.api.users, { shadowBan: async () => undefined });
});
afterEach(async () => bot.store.close());

test.each([
  ['Ben', 'Asked by Ben (@ben:localhost)'],
  ['Ana (admin) · audit #1', 'Asked by “Ana (admin) · audit #1” (@ben:localhost)'],
  [people.ana, 'Asked by “@ana[:]localhost” (@ben:localhost)'],
])('whoever calls themselves %s, the ID says who asked', async (displayname, words) => {
  const { sent } = await bot.take([
    {
      type: 'm.room.member',
      event_id: '$name',
      state_key: people.ben,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { membership: 'join', displayname },
    },
    {
      type: 'm.room.message',
      event_id: '$command',
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body: '!shadow-ban @mallory:localhost' },
    },
  ]);
  const [answer] = sent.map(({ outgoing }) => outgoing);
  expect(answer).toMatchObject({ kind: 'reply', reply: { status: 'done' } });
  expect(JSON.stringify(answer)).toContain(words);
});
