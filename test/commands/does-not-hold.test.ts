import assert from 'node:assert/strict';

import { afterEach, beforeEach, expect, test } from 'vitest';

import type { UserId } from '../../src/core/ids.ts';
import { replyContent } from '../../src/matrix/delivery/content.ts';
import { openFuzzBot, people } from '../support/fuzz-bot.ts';
import type { FuzzBot } from '../support/fuzz-bot.ts';

let bot: FuzzBot;
let resets: number;

const account = (name: string) => ({
  name,
  displayname: null,
  avatarUrl: null,
  admin: false,
  deactivated: false,
  erased: false,
  locked: false,
  suspended: name.includes('suspended'),
  shadowBanned: false,
  isGuest: false,
  userType: null,
  appserviceId: name.includes('irc_') ? 'irc' : null,
  creationTs: bot.clock.now - 1_000_000,
  lastSeenTs: null,
  consentVersion: null,
  consentTs: null,
  threepids: [],
  externalIds: [],
});

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  resets = 0;
  const { services } = bot.context;
  Object.assign(bot.context, { findAccount: async (name: UserId) => account(name) });
  Object.assign(services.accounts, {
    footprint: async () => ({ rooms: 3, devices: 1, files: 0, bytes: 0, bytesAreAll: true }),
  });
  Object.assign(bot.api.users, {
    find: async (name: string) => (name.includes('new') ? undefined : account(name)),
    get: async (name: string) => account(name),
    list: async () => ({
      users: ['@suspended:localhost', '@other:localhost'].map((name) => {
        const { suspended: _, ...summary } = account(name);
        return summary;
      }),
      total: 2,
      nextToken: null,
    }),
    shadowBan: async () => undefined,
    deactivate: async () => undefined,
    setLocked: async () => undefined,
    usernameAvailable: async () => ({ available: true }),
    create: async (name: string) => account(name),
    resetPassword: async () => {
      resets += 1;
    },
  });
});
afterEach(async () => bot.store.close());

let typed = 0;
/** What the room reads. */
async function ask(body: string): Promise<string> {
  typed += 1;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$typed${typed}`,
      sender: people.ana,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  const [first] = sent.map(({ outgoing }) => outgoing);
  assert.ok(first !== undefined && 'reply' in first, 'no answer');
  return String(replyContent(first.reply, first.origin, '!')['body']);
}

test.for(['shadow-ban', 'lock', 'deactivate', 'user'])(
  '%s says what does not hold for a user of an application service, and what does',
  async (command) => {
    const body = await ask(`!${command} irc_x`);
    expect(body).toContain('This account belongs to the application service irc');
    expect(body).toContain('!suspend @irc_x:localhost');
    expect(body.startsWith('✅')).toBe(false);
    expect(await ask(`!${command} mallory`)).not.toContain('application service');
  },
);

test('an account of an application service that was deactivated has no ✅', async () => {
  await ask('!deactivate irc_x');
  const body = await ask('!confirm');
  expect(body).toContain('Deactivated @irc_x:localhost');
  expect(body).toContain('This account belongs to the application service irc');
  expect(body.startsWith('⚠️')).toBe(true);
  await ask('!deactivate mallory');
  expect((await ask('!confirm')).startsWith('✅')).toBe(true);
});

test('several with one of an application service among them say so', async () => {
  expect(await ask('!lock mallory irc_x')).toContain(
    'This has no effect on 1 account of application services. Only suspend does.',
  );
  expect(await ask('!suspend mallory irc_y')).not.toContain('does not hold');
});

test('users shows who is suspended', async () => {
  const body = await ask('!users');
  expect(body).toMatch(/suspended:localhost.*suspended/u);
  expect(body).toMatch(/other:localhost.*active/u);
  expect(body).not.toContain('active or suspended');
});

test.for([
  [true, false],
  [undefined, false],
  [false, true],
] as const)('where password login is %s, a useless password is told: %s', async ([has, isTold]) => {
  Object.assign(bot.context.services.server, { hasPasswordLogin: async () => has });
  const reset = await ask('!reset-password mallory');
  expect(reset.includes('password login is off')).toBe(isTold);
  expect(reset.startsWith(isTold ? '❌' : '⚠️ Reset')).toBe(true);
  const created = await ask('!create-user new');
  expect(created.includes('Password login is off')).toBe(isTold);
  expect(created.startsWith(isTold ? '⚠️' : '✅')).toBe(true);
  expect(resets).toBe(0);
});
