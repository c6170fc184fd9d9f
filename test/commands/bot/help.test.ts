import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { replyContent } from '../../../src/matrix/delivery/content.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

let typed = 0;
async function ask(body: string): Promise<{ body: string; status: string }> {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$typed${typed}`,
      sender: people.vic,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  const [first] = sent.map(({ outgoing }) => outgoing);
  assert.ok(first !== undefined && 'reply' in first, 'no answer');
  return {
    body: String(replyContent(first.reply, first.origin, '!')['body']),
    status: first.reply.status,
  };
}

test('help alone shows the groups of commands, and names the topics', async () => {
  const { body } = await ask('!help');
  expect(body).toContain('!help rooms lists a group');
  expect(body).toContain('deactivate');
  for (const line of ['!help matching', '!help later', '!help dry-run']) {
    expect(body).toContain(line);
  }
});

describe('what many commands can do', () => {
  test.each([
    ['!help matching', 'Many accounts in one command'],
    ['!help --matching', 'Many accounts in one command'],
    ['!help —matching', 'Many accounts in one command'],
    ['!help bulk', 'Many accounts in one command'],
    ['!help in', 'Later, or for a limited time'],
    ['!help --at=22:00', 'Later, or for a limited time'],
    ['!help --dry-run', 'Reasons, dry runs and protected accounts'],
    ['!help reason', 'Reasons, dry runs and protected accounts'],
  ])('%s explains it', async (line, title) => {
    const { body, status } = await ask(line);
    expect(status).toBe('done');
    expect(body).toContain(title);
    expect(body).toContain('Example: ');
  });

  test('typed as a command is answered with its help', async () => {
    const { body, status } = await ask('!bulk');
    expect(status).toBe('usage');
    expect(body).toContain('There is no command !bulk');
    expect(body).toContain('!help matching explains what you may be looking for');
  });
});

describe('a flag', () => {
  test('is explained with the commands that take it', async () => {
    for (const line of ['!help --erase', '!help --Erase', '!help --erase=true']) {
      const { body, status } = await ask(line);
      expect(status).toBe('done');
      expect(body).toMatch(/--erase is a flag of [2-9] commands/iu);
      expect(body).toContain('!deactivate');
      expect(body).toContain('!takedown');
      expect(body).toContain('Next: !help deactivate');
    }
  });

  test('that no command has is said to be unknown', async () => {
    const { body, status } = await ask('!help --eraze-all');
    expect(status).toBe('failed');
    expect(body).toContain('no command has a flag --eraze-all');
    expect(body).toContain('!help COMMAND lists the flags of a command');
  });
});

test('a command, a group and a word are found as before', async () => {
  expect((await ask('!help deactivate')).body).toContain('Usage: !deactivate USER…');
  const rooms = await ask('!help rooms');
  expect(rooms.body).toContain('!delete-room');
  expect(rooms.body).toContain('Next: !help !rooms');
  const ban = await ask('!help ban');
  expect(ban.body).toContain('Usage: !ban');
  expect(ban.body).toMatch(/See also: .*!shadow-ban/u);
  expect((await ask('!help password')).body).toContain('What you may be looking for');
});

test('an unknown topic is said to be one, and says where to look', async () => {
  const { body, status } = await ask('!help nosuch');
  expect(status).toBe('failed');
  expect(body).toContain('there is no command nosuch');
  expect(body).toContain('!help shows the groups of commands');
  expect((await ask('!help deactivte')).body).toContain('Did you mean !help deactivate?');
});
