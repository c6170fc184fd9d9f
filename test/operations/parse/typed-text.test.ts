import { afterEach, beforeEach, expect, test } from 'vitest';

import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const mallory = '@mallory:localhost';
const pill = `<a href="https://matrix.to/#/${mallory}">Mallory</a>`;
const text = 'Warned - **twice**:\n- first\n- _second_';
const shown =
  'Warned - <strong>twice</strong>:</p>\n<ul>\n<li>first</li>\n<li><em>second</em></li>\n</ul>\n';

/** The text of the note that a message as Element sends it makes. */
async function noted(body: string, formatted_body: string, content: object = {}) {
  await bot.take([
    {
      type: 'm.room.message',
      event_id: '$note',
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: {
        msgtype: 'm.text',
        body,
        format: 'org.matrix.custom.html',
        formatted_body,
        ...content,
      },
    },
  ]);
  const [note] = await bot.store.notes.list(undefined, { limit: 1 });
  return note && { subject: note.subject, text: note.text };
}

test.each([
  ['an ID', `!note ${mallory} ${text}`, `<p>!note ${mallory} ${shown}`],
  ['a pill', `!note Mallory ${text}`, `<p>!note ${pill} ${shown}`],
  [
    'a pill, of which the plain text has a Markdown link',
    `!note [Mallory](https://matrix.to/#/${mallory}) ${text}`,
    `<p>!note ${pill} ${shown}`,
  ],
])('a note keeps the marks that formatting hides: %s', async (_, body, formatted) => {
  expect(await noted(body, formatted)).toEqual({ subject: mallory, text });
});

test('a note is what is shown if its plain text says something else', async () => {
  expect(await noted('!note Mallory is fine', `!note ${pill} is banned`)).toEqual({
    subject: mallory,
    text: 'is banned',
  });
});

test('a plain text whose words begin elsewhere names nobody else', async () => {
  expect(await noted('!n ote Mallory a', `!note ${pill} a`)).toEqual({
    subject: mallory,
    text: 'a',
  });
});
