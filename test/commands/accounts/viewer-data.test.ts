import { afterEach, beforeEach, expect, test } from 'vitest';

import { replyContent } from '../../../src/matrix/delivery/content.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

let bot: FuzzBot;

const summary = {
  name: '@mallory:localhost',
  displayname: null,
  avatarUrl: null,
  admin: false,
  deactivated: false,
  erased: false,
  locked: false,
  shadowBanned: false,
  isGuest: false,
  userType: null,
  creationTs: 1e12,
  lastSeenTs: null,
};
const account = {
  ...summary,
  suspended: true,
  appserviceId: null,
  consentVersion: null,
  consentTs: null,
  threepids: [{ medium: 'email', address: 'private@mail.example', addedAt: 1, validatedAt: 1 }],
  externalIds: [{ authProvider: 'idp', externalId: 'private-login' }],
};

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  Object.assign(bot.context, { findAccount: async () => account });
  Object.assign(bot.api.users, {
    find: async () => account,
    get: async () => account,
    findByThreepid: async () => undefined,
    findByExternalId: async () => undefined,
    list: async () => ({ users: [summary], total: 1, nextToken: null }),
  });
  Object.assign(bot.api.devices, { list: async () => [] });
});
afterEach(async () => bot.store.close());

let typed = 0;
/** All that the room is sent, the data for scripts too. */
async function ask(sender: string, body: string): Promise<string> {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$typed${typed}`,
      sender,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  return JSON.stringify(
    sent.map(({ outgoing }) =>
      outgoing.kind === 'reply' ? replyContent(outgoing.reply, outgoing.origin, '!') : outgoing,
    ),
  );
}

test('users gives a viewer no address and no login of those it lists, not in its data either', async () => {
  const listed = await ask(people.vic, '!users');
  expect(listed).toContain('suspended');
  expect(listed).not.toMatch(/private|threepid|external/iu);
});

test('pending shows a viewer no address of a change that waits', async () => {
  await ask(
    people.ben,
    '!edit-user mallory --logout-devices --email new@mail.example --phone +447470274584 --external-id idp:secret-login',
  );
  const listed = await ask(people.vic, '!pending');
  expect(listed).toContain('edit-user @mallory:localhost');
  expect(listed).not.toMatch(/new@mail|447470274584|secret-login/u);
  expect(await ask(people.ben, '!pending')).toContain('new@mail.example');
});
