import assert from 'node:assert/strict';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { replyContent } from '../../../src/matrix/delivery/content.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  Object.assign(bot.context, { findAccount: async () => undefined });
});
afterEach(async () => bot.store.close());

let typed = 0;
async function ask(body: string): Promise<string> {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$typed${typed}`,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  const [first] = sent.map(({ outgoing }) => outgoing);
  assert.ok(first !== undefined && 'reply' in first, 'no answer');
  return String(replyContent(first.reply, first.origin, '!')['body']);
}

test.for([
  ['memberships', false],
  ['media', false],
  // What it does depends on its flags.
  ['ratelimit', false],
  ['suspend', true],
] as const)(
  '%s of an account that does not exist says that nothing was changed: %s',
  async ([command, isSaid]) => {
    const body = await ask(`!${command} nobody`);
    expect(body).toContain('there is no account @nobody:localhost');
    expect(body.includes('Nothing was changed')).toBe(isSaid);
  },
);
