import assert from 'node:assert/strict';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { replyContent } from '../../../src/matrix/delivery/content.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import { openLockServer, sayTo } from '../../support/lock-server.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  Object.assign(bot.context, { findAccount: async () => undefined });
});
afterEach(async () => bot.store.close());

let typed = 0;
async function ask(body: string, content: object = {}): Promise<string> {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$typed${typed}`,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body, ...content },
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

/** Sends a file, and a command as a reply to it. */
async function askWithFile(text: string, body = '!suspend --from-file'): Promise<string> {
  Object.assign(bot.context, { readFile: async () => text });
  return ask(body, { 'm.relates_to': { 'm.in_reply_to': { event_id: '$file' } } });
}

test('all accounts of a file that do not exist are named with their lines', async () => {
  const body = await askWithFile('# wave\nuser_id\nfirst\n\nsecond\n@third:elsewhere.example\n');
  expect(body).toContain(
    'there is no account @first:localhost (line 3 of the file; the same is true of @second:localhost in line 5)',
  );
  expect(body).toContain('Nothing was changed');
  const many = Array.from({ length: 1500 }, (_, at) => `u${at}`).join('\n');
  expect(await askWithFile(many)).toMatch(
    /@u0:localhost \(line 1 of the file; .* @u10:localhost in line 11, and 1,489 more\)/u,
  );
});

test('a name in the first line of a file may be the name of a column', async () => {
  expect(await askWithFile('people\nfirst')).toContain(
    'If line 1 holds the names of columns, call the one with the users user_id',
  );
  expect(await askWithFile('# people\nfirst')).not.toContain('If line 1');
});

test.each([
  ['!lock @u1:localhost and @u2:localhost', 'Leave out “and”: blanks between the users are enough'],
  ['!lock u1 or u2', 'Leave out “or”'],
  ['!lock @u1:localhost links', 'If it is part of the reason'],
])('a word between or behind the users is explained: %s', async (line, advice) => {
  const server = await openLockServer();
  for (const word of ['and', 'or', 'links']) {
    server.gone.add(`@${word}:localhost`);
  }
  expect(JSON.stringify(await sayTo(server, line))).toContain(advice);
  expect(server.calls).toEqual([]);
  await server.bot.store.close();
});
