import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { postgresFolder, startPostgres } from '../../dev/postgres/postgres.ts';
import type { Postgres } from '../../dev/postgres/postgres.ts';
import { startBotProcess } from '../../dev/room/bot-process.ts';
import type { BotProcess } from '../../dev/room/bot-process.ts';
import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import { openStore } from '../../src/store/store.ts';
import { homeserver, newUser, uniqueLocalpart } from '../support/homeserver.ts';

/** Two processes of one bot on one PostgreSQL: the first leads, the second stands by. */
let folder: string;
let postgres: Postgres;
let gate: Gate;
let ana: Moderator;
let leader: BotProcess;
let standby: Promise<BotProcess>;
let startProcess: () => Promise<BotProcess>;

const account = /\/_synapse\/admin\/v1\/deactivate\//;
/** Enough that the leader can be stopped in the middle. */
const accounts = 40;

describe.skipIf(postgresFolder() === undefined)('two processes (need PostgreSQL)', () => {
  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-standby-'));
    [postgres, gate] = await Promise.all([startPostgres(), openGate(homeserver().url)]);
    const [bot, moderator] = await Promise.all([
      newUser('bot', { admin: true }),
      newUser('ana', { displayName: 'Ana' }),
    ]);
    const room = await moderator.createRoom({ preset: 'private_chat', invite: [bot.userId] });
    startProcess = async () =>
      startBotProcess(await mkdtemp(path.join(folder, 'process-')), {
        homeserver: {
          url: homeserver().url,
          adminUrl: gate.url,
          accessToken: bot.account.accessToken,
          requestTimeout: '5s',
        },
        managementRoom: room,
        database: { url: postgres.url('postgres') },
      });
    leader = await startProcess();
    standby = startProcess();
    standby.catch(() => undefined);
    ana = await new Moderator(moderator, room).look();
  });

  afterEach(async () => {
    await leader.kill();
    await (await standby).stop();
    await ana.lookAway();
    await gate[Symbol.asyncDispose]();
    await postgres.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Waits until the second process stands by. */
  async function bothAreThere(): Promise<void> {
    await expect
      .poll(async () => (await ana.ask('!status')).body, { interval: 200 })
      .toMatch(/ leads.* stands by/);
  }

  /** Confirms the deactivation of many; resolves in the middle of it. */
  async function inTheMiddle() {
    const names = await Promise.all(
      Array.from({ length: accounts }, async () => (await newUser(uniqueLocalpart('m'))).userId),
    );
    const asked = await ana.ask(`!deactivate ${names.join(' ')} --reason spam`);
    await ana.say(`!confirm ${asked.field.confirmation?.code ?? ''}`);
    await expect.poll(() => gate.count('POST', account), { interval: 5 }).toBeGreaterThan(8);
    return { asked, names };
  }

  /** What the room, the homeserver and the audit log say in the end. */
  async function endOf({ asked, names }: Awaited<ReturnType<typeof inTheMiddle>>) {
    // Whether a call that was cut off has arrived is known some seconds later: until then, a part is done.
    const { body } = await ana.outcomeOf(asked, 'done', 'failed', 'cancelled');
    const store = await openStore(postgres.url('postgres'), { readonly: true });
    const { fault } = await store.auditLog.verify();
    await store.close();
    return {
      isDone: body.includes(`${accounts} of ${accounts} accounts done`),
      calls: names.map((name) => gate.arrived('POST', new RegExp(encodeURIComponent(name)))),
      fault,
    };
  }

  /** Each account is deactivated by one call. */
  const good = { isDone: true, calls: Array.from({ length: accounts }, () => 1), fault: undefined };

  test('a leader that stops is replaced at once', async () => {
    await bothAreThere();
    await leader.stop();
    const stoppedAt = performance.now();
    leader = await standby;
    // A busy machine needs seconds for the start.
    expect(performance.now() - stoppedAt).toBeLessThan(20_000);
    expect((await ana.ask('!status')).body).toContain('no other process stands by');
  });

  test('a killed leader is replaced in the middle of many calls, and each is made once', async () => {
    await bothAreThere();
    const bulk = await inTheMiddle();
    await leader.kill();
    leader = await standby;
    expect(await endOf(bulk)).toEqual(good);
  });

  test('a frozen leader is replaced within ten seconds, and does nothing when it wakes up', async () => {
    await bothAreThere();
    const bulk = await inTheMiddle();
    leader.process.kill('SIGSTOP');
    const frozenAt = performance.now();
    const frozen = leader;
    leader = await standby;
    // The start is part of it, and takes seconds on a busy machine.
    expect(performance.now() - frozenAt).toBeLessThan(30_000);
    frozen.process.kill('SIGCONT');
    await expect
      .poll(async () => readFile(frozen.logFile, 'utf8'))
      .toContain('another process leads; this one stands by');
    expect(await endOf(bulk)).toEqual(good);
    await frozen.stop();
  });

  test('a restart of PostgreSQL in the middle of many calls loses nothing', async () => {
    await bothAreThere();
    const bulk = await inTheMiddle();
    await postgres.restart();
    expect(await endOf(bulk)).toEqual(good);
    await leader.stop();
    leader = await standby;
  });
});
