import { afterEach, beforeEach, expect, test } from 'vitest';

import type { EventId, UserId } from '../../../src/core/ids.ts';
import { alertContent } from '../../../src/matrix/delivery/content.ts';
import { post } from '../../../src/operations/answer/reply.ts';
import type { Outgoing, Reply } from '../../../src/operations/answer/reply.ts';
import { alertedPeople } from '../../../src/operations/authorize/authorize.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

const reply: Reply = {
  command: '',
  status: 'failed',
  audit: [],
  answer: { mark: '⚠️', title: ['Look'] },
};

test('those on call are mentioned, or the admins if nobody is on call', () => {
  const night = '@night:localhost' as UserId;
  expect(alertedPeople(bot.context, [night])).toEqual([night]);
  expect(alertedPeople(bot.context, [])).toEqual([people.ana]);
});

test('the bot is not one of its admins, whatever its power level', () => {
  const { botUser } = bot.context.settings;
  bot.members.apply({
    type: 'm.room.power_levels',
    state_key: '',
    sender: people.ana,
    content: { users: { [botUser]: 100, [people.ana]: 100 } },
  });
  expect(bot.context.roles.of(botUser)).toBe('admin');
  expect(alertedPeople(bot.context, [])).toEqual([people.ana]);
});

test('an alert never mentions the bot itself', async () => {
  const { botUser, managementRoom } = bot.context.settings;
  const origin = { event: '$ alert' as EventId, room: managementRoom };
  const mentions = [botUser, people.ana as UserId];
  await bot.store.transaction(async (tables) =>
    post(bot.context, tables, 'alert', { kind: 'alert', origin, mentions, reply }),
  );
  const [stored] = await bot.store.outbox.open();
  expect(JSON.parse(stored?.message ?? '') as Outgoing).toMatchObject({ mentions: [people.ana] });
});

test('an alert that mentions somebody is a text, since push rules suppress notices; others are notices', () => {
  const { managementRoom } = bot.context.settings;
  const origin = { event: '$ alert' as EventId, room: managementRoom };
  expect(alertContent(reply, [people.ana as UserId], origin, '!')).toMatchObject({
    msgtype: 'm.text',
    'm.mentions': { user_ids: [people.ana] },
  });
  expect(alertContent(reply, [], origin, '!')).toMatchObject({
    msgtype: 'm.notice',
    'm.mentions': { user_ids: [] },
  });
});
