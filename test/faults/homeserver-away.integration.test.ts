import { mkdtemp, rm } from 'node:fs/promises';
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
let bot: BotProcess;
let ana: Moderator;
let mallory: MatrixUser;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-away-'));
  gate = await openGate(homeserver().url);
  const [account, moderator] = await Promise.all([
    newUser('bot', { admin: true }),
    newUser('ana', { displayName: 'Ana' }),
  ]);
  mallory = await newUser('mallory');
  const room = await moderator.createRoom({ preset: 'private_chat', invite: [account.userId] });
  bot = await startBotProcess(folder, {
    homeserver: { url: gate.url, accessToken: account.account.accessToken },
    managementRoom: room,
    database: { path: path.join(folder, 'lawspeaker.db') },
  });
  ana = await new Moderator(moderator, room).look();
});

afterEach(async () => {
  gate.open();
  await bot.stop();
  await ana.lookAway();
  await gate[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

it('a homeserver that is away is tried again, and what was said meanwhile is answered', async () => {
  await ana.ask('!version');
  gate.close(/./);
  const command = await ana.say(`!shadow-ban ${mallory.userId}`);
  await gate.turnedAway('GET', /\/sync/, 2);
  gate.open();
  expect((await ana.answerTo(command)).field.status).toBe('done');
  const status = await ana.ask('!status');
  expect(status.body).toMatch(/[1-9]\d* failed syncs? since the start/);
});

it('an admin API that is away is said to be so by status, and a command fails and is audited', async () => {
  gate.close(/_synapse/);
  const status = await ana.ask('!status');
  expect(status.body).toContain('The admin API does not answer');
  const failed = await ana.ask(`!shadow-ban ${mallory.userId}`);
  expect(failed.field.status).toBe('failed');
  expect(failed.body).toContain('the homeserver');
  expect(failed.body).toContain('Nothing was changed');
  gate.open();
  const audit = await ana.ask(`!audit --target ${mallory.userId}`);
  expect(audit.field.data).toMatchObject([{ command: 'shadow-ban', status: 'failed' }]);
  expect((await adminApi().users.get(asUserId(mallory.userId))).shadowBanned).toBe(false);
});

it('an outcome that can’t be known yet is told as soon as the homeserver is back', async () => {
  const confirmation = await ana.ask(`!deactivate ${mallory.userId}`);
  const call = gate.meet('POST', /\/deactivate\//);
  await ana.say('!confirm');
  const passage = await call;
  await passage.forward();
  gate.close(/_synapse|\/sync/);
  passage.drop();
  const unknown = await ana.outcomeOf(confirmation, 'unknown');
  expect(unknown.body).toContain('Not known whether it was done');
  await gate.turnedAway('GET', /\/sync/, 1);
  gate.open();
  const outcome = await ana.outcomeOf(confirmation, 'done');
  expect(outcome.body).toContain('Asked and confirmed by Ana');
  expect(gate.count('POST', /\/deactivate\//)).toBe(1);
});
