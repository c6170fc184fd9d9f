import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, expect, it } from 'vitest';

import { startBotProcess } from '../../dev/room/bot-process.ts';
import type { BotProcess } from '../../dev/room/bot-process.ts';
import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';

let folder: string;
let gate: Gate;
let account: MatrixUser;
let bot: BotProcess;
let ana: Moderator;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-stop-'));
  gate = await openGate(homeserver().url);
  const [botUser, moderator] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
  account = botUser;
  const room = await moderator.createRoom({ preset: 'private_chat', invite: [account.userId] });
  bot = await startBotProcess(folder, {
    homeserver: { url: gate.url, accessToken: account.account.accessToken },
    managementRoom: room,
    database: { path: path.join(folder, 'lawspeaker.db') },
  });
  ana = await new Moderator(moderator, room).look();
});

afterEach(async () => {
  bot.process.kill();
  await ana.lookAway();
  await gate[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const isBanned = async (user: MatrixUser) =>
  (await adminApi().users.get(asUserId(user.userId))).shadowBanned;

const lastWords = async () => readFile(bot.logFile, 'utf8');

it('removed from the room, the bot begins nothing more, says why, and ends with 2', async () => {
  const targets = await Promise.all(['one', 'two', 'three'].map(async (name) => newUser(name)));
  const call = gate.meet('POST', /\/shadow_ban/);
  for (const { userId } of targets) {
    await ana.say(`!shadow-ban ${userId}`);
  }
  const passage = await call;
  await ana.user.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(ana.room)}/kick`, {
    json: { user_id: account.userId },
  });
  // Had the bot not heard of it by now, it could go on as it should.
  await expect
    .poll(lastWords, { timeout: 20_000 })
    .toContain('shutting down: finishing work in progress');
  await passage.forward();
  passage.answer();
  expect(await bot.exited).toEqual({ status: 2, signal: null });
  expect(await lastWords()).toContain('The bot was removed from the management room');
  expect(await Promise.all(targets.map(isBanned))).toEqual([true, false, false]);
});

it('with its token revoked the bot changes nothing more, says why, and ends with 2', async () => {
  const mallory = await newUser('mallory');
  await ana.ask('!version');
  await account.request('POST', '/_matrix/client/v3/logout', { json: {} });
  await ana.say(`!shadow-ban ${mallory.userId}`);
  expect(await bot.exited).toEqual({ status: 2, signal: null });
  const words = await lastWords();
  expect(words).toContain('no longer accepts the bot’s access token (M_UNKNOWN_TOKEN)');
  expect(words).not.toContain(account.account.accessToken);
  expect(await isBanned(mallory)).toBe(false);
});
