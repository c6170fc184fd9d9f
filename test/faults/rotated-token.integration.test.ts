import { afterAll, beforeAll, expect, it } from 'vitest';

import { request } from '../../dev/synapse/http.ts';
import { SetupError } from '../../src/core/errors.ts';
import { adminUser, homeserver, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** As docs/running.md has it. */
async function logIn(password: string): Promise<string> {
  const { access_token: token } = await request<{ access_token: string }>(
    homeserver().url,
    'POST',
    '/_matrix/client/v3/login',
    {
      json: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user: room.bot.userId },
        password,
        initial_device_display_name: 'Lawspeaker',
      },
    },
  );
  return token;
}

const useToken = (accessToken: string) => Object.assign(room.config.homeserver, { accessToken });

it('a lost token stops the bot; with a new one it goes on where it was', async () => {
  const { ana, bot } = room;
  const mallory = await newUser('mallory');
  const confirmation = await ana.ask(`!deactivate ${mallory.userId}`);
  const ended = room.ended();
  ended.catch(() => undefined);
  await bot.request('POST', '/_matrix/client/v3/logout', { json: {} });
  await expect(ended).rejects.toThrow(SetupError);
  await room.stopBot();
  await ana.user.react(room.id, confirmation.event, '✅');
  const late = await ana.say('!version');
  await expect(room.startBot()).rejects.toThrow('does not accept the access token');

  useToken(await logIn(bot.account.password));
  await room.startBot();
  // What was decided and sent meanwhile is done, once.
  await ana.outcomeOf(confirmation, 'done');
  expect((await ana.answerTo(late)).field.status).toBe('done');
  expect(ana.answersTo(late)).toHaveLength(1);
  expect(ana.unasked().filter(({ body }) => body.includes('database'))).toEqual([]);
}, 60_000);

it('another server admin sets a new password, which ends all sessions of the bot', async () => {
  const { ana, bot } = room;
  const ended = room.ended();
  ended.catch(() => undefined);
  const user = encodeURIComponent(bot.userId);
  await adminUser().request('POST', `/_synapse/admin/v1/reset_password/${user}`, {
    json: { new_password: 'as long as it gets 1', logout_devices: true },
  });
  await expect(ended).rejects.toThrow(SetupError);
  await room.stopBot();
  useToken(await logIn('as long as it gets 1'));
  await room.startBot();
  expect((await ana.ask('!version')).field.status).toBe('done');
}, 60_000);
