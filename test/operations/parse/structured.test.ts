import { afterEach, beforeEach, expect, test } from 'vitest';

import { botUser, openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
let sends = 0;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const mallory = '@mallory:localhost';
const shadowBan = { command: 'shadow-ban', arguments: { accounts: [mallory] } };

/** What a client sends; what changed on the server, and what was answered. */
async function send(field: unknown, content: object = {}, sender: string = people.ben) {
  sends += 1;
  const { changes, sent, redacted } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$structured-${sends}`,
      sender,
      origin_server_ts: bot.clock.now,
      content: {
        msgtype: 'm.text',
        body: '/shadow-ban whatever',
        'm.mentions': { user_ids: [botUser] },
        'org.matrix.msc4391.command': field,
        ...content,
      },
    },
  ]);
  return { changes, redacted, words: JSON.stringify(sent), answers: sent.length };
}

test('a command that a client sends as a field is carried out like one that is typed', async () => {
  const { changes } = await send(shadowBan);
  expect(changes).toEqual([expect.stringContaining('mallory')]);
  const asked = await send(
    { command: 'deactivate', arguments: { accounts: [mallory], erase: true } },
    { body: '/deactivate' },
  );
  expect(asked.changes).toEqual([]);
  expect(asked.words).toContain('"status":"pending"');
});

test('its text counts, and not the one that the message shows', async () => {
  const pill = `<a href="https://matrix.to/#/${mallory}">Mallory</a>`;
  await send(
    { command: 'note', arguments: { target: mallory, text: '- *as* it is' } },
    {
      body: '!note Mallory *something* else',
      format: 'org.matrix.custom.html',
      formatted_body: `!note ${pill} <em>something</em> else`,
    },
  );
  expect(await bot.store.notes.list(mallory, { limit: 2 })).toMatchObject([
    { text: '- *as* it is' },
  ]);
});

test('the role counts as with a line', async () => {
  const { changes, words } = await send(shadowBan, {}, people.vic);
  expect(changes).toEqual([]);
  expect(words).toContain('"status":"denied"');
});

test.each([
  ['mentions nobody', { 'm.mentions': {} }],
  ['mentions another bot', { 'm.mentions': { user_ids: ['@bot:elsewhere'] } }],
  ['is a notice', { msgtype: 'm.notice' }],
  ['is an edit', { 'm.relates_to': { rel_type: 'm.replace', event_id: '$x' } }],
])('a message that %s is not a command', async (_, content) => {
  expect(await send(shadowBan, content)).toMatchObject({ changes: [], answers: 0 });
});

test('while commands are not announced, the field means nothing', async () => {
  Object.assign(bot.context.settings, { announcesCommands: false });
  expect(await send(shadowBan)).toMatchObject({ changes: [], answers: 0 });
  expect((await send(shadowBan, { body: '!user @trudy:localhost' })).words).toContain('trudy');
});

test('a message that shows another command than it carries is not carried out', async () => {
  for (const body of [
    '!user @bob:localhost',
    '/user @bob:localhost',
    '/user@lawspeaker:localhost',
  ]) {
    const { changes, words } = await send(shadowBan, { body });
    expect(changes).toEqual([]);
    expect(words).toContain('The message shows `user`, and carries the command `shadow-ban`.');
  }
});

test('a field in an unknown form, or without what the command needs, is answered', async () => {
  const unreadable = await send({ name: 'deactivate' });
  expect(unreadable.words).toContain('Your client sent a command in a form unknown to me.');
  expect((await send({ command: 'shadow-ban', arguments: {} })).words).toContain('Which user?');
  const unknown = await send({ command: 'unheard', arguments: {} }, { body: '/unheard' });
  expect(unknown.words).toContain('There is no command');
  const flag = await send({
    command: 'shadow-ban',
    arguments: { accounts: [mallory], wipe: true },
  });
  expect(flag.words).toContain('--wipe');
  expect([unreadable, unknown, flag].flatMap(({ changes }) => changes)).toEqual([]);
});

test('a secret in a field is removed, and not carried out', async () => {
  const { changes, redacted } = await send({
    command: 'reset-password',
    arguments: { account: mallory, password: 'hunter22' },
  });
  expect(changes).toEqual([]);
  expect(redacted).toHaveLength(1);
});
