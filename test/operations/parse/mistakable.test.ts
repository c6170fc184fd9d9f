import { afterEach, beforeEach, expect, test } from 'vitest';

import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
let sends = 0;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const bob = '@bob:localhost';
const mallory = '@mallory:localhost';

/** What a client sends; what changed on the server, and what was answered. */
async function send(content: object) {
  sends += 1;
  const { changes, sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$sent-by-ben-${sends}`,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', ...content },
    },
  ]);
  return { changes, words: JSON.stringify(sent) };
}

const html = (body: string, formatted: string) => ({
  body,
  format: 'org.matrix.custom.html',
  formatted_body: formatted,
});

test.each([
  [
    'a link whose text is another ID',
    html(`!shadow-ban ${bob}`, `!shadow-ban <a href="https://matrix.to/#/${mallory}">${bob}</a>`),
  ],
  [
    'a link that leads to nobody',
    html('!shadow-ban bob', '!shadow-ban <a href="https://evil.example/">bob</a>'),
  ],
  [
    'a formatted text that says something else',
    html(`!shadow-ban ${bob}`, `!shadow-ban ${mallory}`),
  ],
  [
    'a mention of somebody else',
    { body: `!shadow-ban ${bob}`, 'm.mentions': { user_ids: [mallory] } },
  ],
])('%s is refused, and nothing is changed', async (_, content) => {
  const { changes, words } = await send(content);
  expect(changes).toEqual([]);
  expect(words).toContain('Nothing was changed');
  expect(words).toContain('"status":"usage"');
});

test.each([
  ['matrix.to', `https://matrix.to/#/${mallory}`],
  ['any client’s own address', `https://chat.example.org/#/user/${mallory}`],
])('a pill that leads to %s means whom it leads to, whatever they are called', async (_, href) => {
  const content = html(
    '!shadow-ban bob --for=30d',
    `!shadow-ban <a href="${href}">bob --for=30d</a>`,
  );
  const { changes } = await send({ ...content, 'm.mentions': { user_ids: [mallory] } });
  expect(changes).toHaveLength(1);
  expect(decodeURIComponent(changes.join())).toContain(mallory);
  expect(await bot.store.timers.scheduled()).toEqual([]);
});

test('a mention of whom the text names, or whom is replied to, is as usual', async () => {
  const named = { body: `!shadow-ban ${bob}`, 'm.mentions': { user_ids: [bob] } };
  expect((await send(named)).changes).toHaveLength(1);
  Object.assign(bot.context, { peopleOf: async () => [mallory] });
  const reply = { 'm.in_reply_to': { event_id: '$hello' } };
  const replied = { body: `!shadow-ban ${bob}`, 'm.relates_to': reply };
  const { changes } = await send({ ...replied, 'm.mentions': { user_ids: [mallory] } });
  expect(changes).toHaveLength(1);
});
