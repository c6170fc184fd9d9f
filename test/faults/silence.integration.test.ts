import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { startBotProcess } from '../../dev/room/bot-process.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import type { MatrixEvent } from '../../dev/synapse/matrix-user.ts';
import { SetupError } from '../../src/core/errors.ts';
import { freePort } from '../support/free-port.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';
import { openRoom } from '../support/room.ts';
import type { TestRoom } from '../support/room.ts';

async function read(url: string): Promise<{ status: number | undefined; text: string }> {
  return new Promise((resolve, reject) => {
    get(url, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }),
      );
    }).on('error', reject);
  });
}

const patience = { timeout: 30_000, interval: 200 };

let room: TestRoom;
let probes: string;
let levels: Record<string, unknown>;
let looks = 0;
beforeAll(async () => {
  const listen = `127.0.0.1:${await freePort()}`;
  probes = `http://${listen}`;
  room = await openRoom({ http: { listen } }, { timing: { sendPermissionRetryMs: 300 } });
  const levelsPath = `/_matrix/client/v3/rooms/${encodeURIComponent(room.id)}/state/m.room.power_levels/`;
  levels = await room.ana.user.request('GET', levelsPath);
});
afterAll(async () => room.close());

const setLevels = async (changed: Record<string, unknown>) =>
  room.ana.user.setState(room.id, 'm.room.power_levels', { ...levels, ...changed });
const readiness = async () => read(`${probes}/health/ready`);
const metric = async (name: string) =>
  new RegExp(`^lawspeaker_${name} (\\S+)$`, 'mu').exec((await read(`${probes}/metrics`)).text)?.[1];
const isShadowBanned = async (user: string) =>
  (await adminApi().users.get(asUserId(user))).shadowBanned;

/** What the bot tells Ana in their direct room. */
async function toldAna(text: string): Promise<MatrixEvent | undefined> {
  looks += 1;
  // Synapse gives the same answer again to a first sync with the same timeout.
  const { rooms } = await room.ana.user.sync({ timeoutMs: looks });
  return Object.entries(rooms?.join ?? {})
    .filter(([id]) => id !== room.id)
    .flatMap(([, { timeline }]) => timeline.events)
    .find(({ content }) => typeof content['body'] === 'string' && content['body'].includes(text));
}

test('with too low a power level not even the first command is carried out, admins are told, and it goes on when it may', async () => {
  const mallory = await newUser('mallory');
  expect((await readiness()).status).toBe(200);
  expect(await metric('can_speak')).toBe('1');

  await setLevels({ events_default: 10 });
  const change = await room.ben.say(`!shadow-ban ${mallory.userId}`);
  // It has come in, and waits.
  await expect.poll(async () => metric('inbox_open'), patience).toBe('1');
  expect(await metric('can_speak')).toBe('0');
  const { status, text } = await readiness();
  expect(status).toBe(503);
  expect(text).toContain('my power level there is 0, and messages need 10');

  // The admins hear of it in their direct rooms, in a message that notifies.
  await expect
    .poll(async () => toldAna('messages need 10'), patience)
    .toMatchObject({
      sender: room.bot.userId,
      content: { msgtype: 'm.text' },
    });
  expect(await isShadowBanned(mallory.userId)).toBe(false);
  expect(await metric('inbox_open')).toBe('1');

  await setLevels({});
  const alert = await room.ana.until('the alert', () =>
    room.ana.unasked().find(({ body }) => body.includes('I could not send messages here')),
  );
  expect(alert.content).toMatchObject({
    msgtype: 'm.text',
    'm.mentions': { user_ids: [room.ana.user.userId] },
  });
  expect((await room.ben.answerTo(change)).field.status).toBe('done');
  expect(await isShadowBanned(mallory.userId)).toBe(true);
  expect((await readiness()).status).toBe(200);
  expect(await metric('can_speak')).toBe('1');
}, 120_000);

test('with its account suspended, the first refused answer stops everything else', async () => {
  const mallory = await newUser('mallory');
  await adminApi().users.setSuspended(asUserId(room.bot.userId), true);
  const unheard = await room.ana.say('!version');
  await expect.poll(async () => metric('can_speak'), patience).toBe('0');
  const change = await room.ben.say(`!shadow-ban ${mallory.userId}`);
  await expect.poll(async () => metric('inbox_open'), patience).toBe('1');
  expect((await readiness()).text).toContain('M_USER_SUSPENDED');
  expect(await isShadowBanned(mallory.userId)).toBe(false);

  await adminApi().users.setSuspended(asUserId(room.bot.userId), false);
  expect((await room.ana.answerTo(unheard)).field.status).toBe('done');
  expect((await room.ben.answerTo(change)).field.status).toBe('done');
  expect(await isShadowBanned(mallory.userId)).toBe(true);
}, 120_000);

test('in a room that was replaced nothing is carried out, and what to configure is said everywhere, also at the next start', async () => {
  const mallory = await newUser('mallory');
  const other = await room.ben.user.createRoom({ preset: 'public_chat' });
  const tombstone = { body: 'This way', replacement_room: other };
  await room.ana.user.setState(room.id, 'm.room.tombstone', tombstone);
  // Anybody can make a room; only one that says it continues this one is followed.
  await expect
    .poll(async () => (await readiness()).text, patience)
    .toContain('does not name it as its predecessor');
  const bot = asUserId(room.bot.userId);
  await expect
    .poll(async () => (await adminApi().users.joinedRooms(bot)).joinedRooms, patience)
    .not.toContain(other);
  // Nor is somebody who has no role admin.
  await setLevels({ events: { 'm.room.tombstone': 50 } });
  await room.ben.user.setState(room.id, 'm.room.tombstone', tombstone);
  await expect
    .poll(async () => (await readiness()).text, patience)
    .toContain(`${room.ben.user.userId}, who replaced it, does not have role admin there`);
  await room.ben.say(`!shadow-ban ${mallory.userId}`);
  await expect.poll(async () => metric('inbox_open'), patience).toBe('1');
  expect(await metric('can_speak')).toBe('0');
  expect((await readiness()).text).toContain(`replaced by ${other}`);
  await expect
    .poll(async () => toldAna(`set managementRoom to ${other}`), patience)
    .toMatchObject({ content: { msgtype: 'm.text' } });
  const notice = await room.ana.until('what is to be configured', () =>
    room.ana.unasked().find(({ body }) => body.includes(`set managementRoom to ${other}`)),
  );
  expect(notice.content).toMatchObject({
    'm.mentions': { user_ids: [room.ana.user.userId] },
  });
  expect(await isShadowBanned(mallory.userId)).toBe(false);

  await room.stopBot();
  const error = await room.startBot().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SetupError);
  expect(error).toMatchObject({
    message: expect.stringContaining(`replaced by ${other}`) as unknown,
    advice: expect.stringContaining(`set managementRoom to ${other}`) as unknown,
  });
  expect(await isShadowBanned(mallory.userId)).toBe(false);
}, 120_000);

test('without probes, the process of a bot that can’t send lives on, answers once it can, and stops at once', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-silence-'));
  const [account, user] = await Promise.all([newUser('bot', { admin: true }), newUser('ana')]);
  const id = await user.createRoom({ preset: 'private_chat', invite: [account.userId] });
  const ana = await new Moderator(user, id).look();
  await user.setState(id, 'm.room.power_levels', { events_default: 50 });
  const bot = await startBotProcess(folder, {
    homeserver: { url: homeserver().url, accessToken: account.account.accessToken },
    managementRoom: id,
    database: { path: path.join(folder, 'lawspeaker.db') },
  });
  try {
    const confirmation = await ana.say('!version');
    expect(await Promise.race([bot.exited, wait(6000)])).toBeUndefined();
    expect(await readFile(bot.logFile, 'utf8')).toContain('starting nothing until that works');
    await user.setState(id, 'm.room.power_levels', {});
    expect((await ana.answerTo(confirmation)).field.status).toBe('done');

    // The same while it runs, and stopping ends the wait for the next attempt.
    await user.setState(id, 'm.room.power_levels', { events_default: 50 });
    await ana.say('!version');
    expect(await Promise.race([bot.exited, wait(4000)])).toBeUndefined();
    expect(await Promise.race([bot.stop(), wait(3000)])).toBe(0);
  } finally {
    await bot.kill();
    await ana.lookAway();
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);
