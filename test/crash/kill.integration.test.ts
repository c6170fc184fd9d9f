import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { startBotProcess } from '../../dev/room/bot-process.ts';
import type { BotProcess } from '../../dev/room/bot-process.ts';
import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { adminApi, asUserId, homeserver, newUser } from '../support/homeserver.ts';
import { createTestDatabase } from '../support/test-database.ts';
import type { TestDatabase } from '../support/test-database.ts';

/** The bot as a process of its own, whose admin API calls pass a gate: it can be killed there. */
let folder: string;
let database: TestDatabase;
let gate: Gate;
let bot: BotProcess;
let ana: Moderator;
let mallory: MatrixUser;
let start: () => Promise<BotProcess>;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-crash-'));
  database = await createTestDatabase();
  gate = await openGate(homeserver().url);
  const [account, moderator] = await Promise.all([
    newUser('bot', { admin: true }),
    newUser('ana', { displayName: 'Ana' }),
  ]);
  mallory = await newUser('mallory');
  const room = await moderator.createRoom({ preset: 'private_chat', invite: [account.userId] });
  start = async () =>
    startBotProcess(folder, {
      homeserver: {
        url: homeserver().url,
        adminUrl: gate.url,
        accessToken: account.account.accessToken,
        requestTimeout: '2s',
      },
      managementRoom: room,
      database: database.config,
    });
  bot = await start();
  ana = await new Moderator(moderator, room).look();
});

afterEach(async () => {
  await bot.stop();
  await ana.lookAway();
  await gate[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const deactivation = /\/_synapse\/admin\/v1\/deactivate\//;

describe('kill -9 between intent and outcome', () => {
  it('before the call has reached the homeserver: not repeated, not forgotten', async () => {
    const confirmation = await ana.ask(`!deactivate ${mallory.userId} --erase`);
    const call = gate.meet('POST', deactivation);
    const decision = await ana.say('!confirm');
    const passage = await call;
    await bot.kill();
    passage.drop();

    bot = await start();
    const unknown = await ana.outcomeOf(confirmation, 'unknown');
    expect(unknown.body).toContain('may still be working on it');
    const outcome = await ana.outcomeOf(confirmation, 'failed');
    expect(outcome.body).toContain('interrupted before it was carried out');
    await ana.outcomeOf(await ana.answerTo(decision), 'failed');
    expect(gate.count('POST', deactivation)).toBe(1);
    expect(await adminApi().users.get(asUserId(mallory.userId))).toMatchObject({
      deactivated: false,
    });
    await auditHolds('failed');
  });

  it('after the homeserver has done it: not repeated, and known to be done', async () => {
    const confirmation = await ana.ask(`!deactivate ${mallory.userId} --erase`);
    const call = gate.meet('POST', deactivation);
    const decision = await ana.say('!confirm');
    const passage = await call;
    expect((await passage.forward()).status).toBe(200);
    await bot.kill();
    passage.drop();

    bot = await start();
    const outcome = await ana.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('Asked and confirmed by Ana');
    expect((await ana.answerTo(decision)).field.status).toBe('done');
    expect(ana.answersTo(decision)).toHaveLength(1);
    expect(gate.count('POST', deactivation)).toBe(1);
    await auditHolds('done');
  });

  it('with a change that asks nobody: the same', async () => {
    const call = gate.meet('POST', /shadow_ban/);
    const command = await ana.say(`!shadow-ban ${mallory.userId}`);
    const passage = await call;
    await passage.forward();
    await bot.kill();
    passage.drop();

    bot = await start();
    const answer = await ana.answerTo(command);
    expect(answer.field.status).toBe('done');
    expect(gate.count('POST', /shadow_ban/)).toBe(1);
    await auditHolds('done');
  });
});

describe('the homeserver is still at work on it', () => {
  it('when the bot was killed and asks: not called undone, and known to be done later', async () => {
    const confirmation = await ana.ask(`!deactivate ${mallory.userId} --erase`);
    const call = gate.meet('POST', deactivation);
    const decision = await ana.say('!confirm');
    const passage = await call;
    await bot.kill();

    bot = await start();
    await ana.outcomeOf(confirmation, 'unknown');
    const decided = await ana.answerTo(decision);
    expect((await passage.forward()).status).toBe(200);
    await Promise.all([ana.outcomeOf(confirmation, 'done'), ana.outcomeOf(decided, 'done')]);
    expect(ana.statusesOf(confirmation)).toEqual(['pending', 'unknown', 'done']);
    expect(ana.statusesOf(decided)).toEqual(['unknown', 'done']);
    expect(gate.count('POST', deactivation)).toBe(1);
    await auditHolds('done');
  });

  it('when the bot is killed once more before it is known: the same', async () => {
    const call = gate.meet('POST', /shadow_ban/);
    const command = await ana.say(`!shadow-ban ${mallory.userId}`);
    const passage = await call;
    await bot.kill();
    bot = await start();
    const answer = await ana.answerTo(command);
    await bot.kill();

    const asked = gate.met('GET', /\/v2\/users\/.*mallory/);
    bot = await start();
    await asked;
    expect((await passage.forward()).status).toBe(200);
    await ana.outcomeOf(answer, 'done');
    expect(ana.statusesOf(answer)).toEqual(['unknown', 'done']);
    expect(gate.count('POST', /shadow_ban/)).toBe(1);
    await auditHolds('done');
  });
});

describe('the connection breaks after the homeserver has done it', () => {
  it('the bot asks what happened instead of trying again', async () => {
    const call = gate.meet('POST', /shadow_ban/);
    const command = await ana.say(`!shadow-ban ${mallory.userId}`);
    const passage = await call;
    await passage.forward();
    passage.drop();
    expect((await ana.answerTo(command)).field.status).toBe('done');
    expect(gate.count('POST', /shadow_ban/)).toBe(1);
  });
});

async function auditHolds(status: string): Promise<void> {
  const audit = await ana.ask(`!audit --target ${mallory.userId}`);
  expect(audit.field.data).toMatchObject([{ status }]);
}
