import { afterEach, beforeEach, expect, test } from 'vitest';

import { openFuzzBot, people } from '../support/fuzz-bot.ts';
import type { FuzzBot } from '../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const message = (event: string, content: object) => ({
  type: 'm.room.message',
  event_id: event,
  sender: people.ben,
  origin_server_ts: bot.clock.now,
  content,
});
const edit = (event: string, edits: string, body: string) =>
  message(event, {
    msgtype: 'm.text',
    body: `* ${body}`,
    'm.new_content': { msgtype: 'm.text', body },
    'm.relates_to': { rel_type: 'm.replace', event_id: edits },
  });

const command = '!shadow-ban @mallory:localhost';
const words = (sent: readonly { outgoing: unknown }[]) => JSON.stringify(sent);

test.each([
  [
    'a caption',
    { msgtype: 'm.image', filename: 'cat.png', url: 'mxc://x/y' },
    'I don’t carry out captions of files',
  ],
  ['an emote', { msgtype: 'm.emote' }, 'I don’t carry out'],
])('a command as %s is not met with silence: it says how to send it', async (_, form, why) => {
  const { sent, changes } = await bot.take([message('$one', { ...form, body: command })]);
  expect(changes).toEqual([]);
  expect(words(sent)).toContain(why);
  expect(words(sent)).toContain(`"${command}"`);
});

test('talk that was edited into a command says how to send it, once however often it is edited', async () => {
  await bot.take([message('$talk', { msgtype: 'm.text', body: 'shadow-ban @mallory' })]);
  const { sent, changes } = await bot.take([edit('$one', '$talk', command)]);
  expect(changes).toEqual([]);
  expect(words(sent)).toContain('I don’t carry out edits');
  expect(words(sent)).toContain(`"${command}"`);
  expect((await bot.take([edit('$two', '$talk', command)])).sent).toEqual([]);
});

test('an edit of a command says that what was first sent counts', async () => {
  await bot.take([message('$first', { msgtype: 'm.text', body: '!user mallory' })]);
  const { sent, changes } = await bot.take([edit('$one', '$first', command)]);
  expect(changes).toEqual([]);
  expect(words(sent)).toContain('only the message as you first sent it counts');
});

test.each(['well said!', 'that was !important', '! no'])('%s, edited, is talk', async (text) => {
  expect((await bot.take([edit('$one', '$talk', text)])).sent).toEqual([]);
});
