import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { startPostgres } from '../../dev/postgres/postgres.ts';
import { BotEndedError, startBotProcess } from '../../dev/room/bot-process.ts';
import type { BotProcess } from '../../dev/room/bot-process.ts';
import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import type { KillPlan } from '../../dev/room/kill-switch.ts';
import { Moderator } from '../../dev/room/moderator.ts';
import { cutPower, readWal } from '../../dev/room/power.ts';
import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import { homeserver, newUser } from '../support/homeserver.ts';
import { createTestDatabase, databaseAt, onPostgres } from '../support/test-database.ts';
import type { TestDatabase } from '../support/test-database.ts';

/** Points to die at, one a life: the second kills the bot that came up after the first. */
export type Deaths = readonly (Pick<KillPlan, 'at' | 'since'> & {
  /** The whole machine dies, and what was not synced to the disk is lost. */
  readonly cutsPower?: boolean;
})[];

/** What happened while a story was told. */
interface Told<Result> {
  readonly result: Result;
  /** The points at which the bot died. */
  readonly died: readonly string[];
  /** All points that it passed, those of its later lives included. */
  readonly points: readonly string[];
}

/** A management room whose bot is started again whenever it dies, as a service manager does it. */
export interface CrashRoom {
  readonly id: string;
  readonly botUserId: string;
  /** Asks, and sees the room for both. Role admin. */
  readonly ana: Moderator;
  /** Confirms what Ana asked: destructive commands need a second person here. */
  readonly ben: MatrixUser;
  /** What the bot asks of the homeserver passes here. */
  readonly gate: Gate;
  readonly database: TestDatabase;
  /** Tells a story while the bot dies at these points; returns when it lives and is at rest. */
  tell<Result>(
    deaths: Deaths,
    story: () => Promise<Result>,
    options?: { readonly timeoutMs?: number },
  ): Promise<Told<Result>>;
  /** Kills the bot at once; it is started again while `tell` runs. */
  kill(): Promise<void>;
  close(): Promise<void>;
}

/** A story takes a second or two, and a start another. */
const storyTimeoutMs = 45_000;
/** Longer than the delays between tries, on a machine where Synapse takes more than a request's second. */
const restTimeoutMs = 25_000;

/** @param passing what goes through the gate: calls of the admin API, or all */
export async function openCrashRoom(
  passing: 'admin' | 'all' = 'admin',
  {
    requestTimeout = '1s',
    losesPower = false,
  }: {
    readonly requestTimeout?: string;
    /** Some deaths in it cut the power. */
    readonly losesPower?: boolean;
  } = {},
): Promise<CrashRoom> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-crash-'));
  const power = await (losesPower && onPostgres ? onOwnPostgres() : fileOrShared(folder));
  const { database } = power;
  const gate = await openGate(homeserver().url);
  const [account, asker, ben] = await Promise.all([
    newUser('bot', { admin: true }),
    newUser('ana', { displayName: 'Ana' }),
    newUser('ben', { displayName: 'Ben' }),
  ]);
  const id = await asker.createRoom({
    preset: 'private_chat',
    invite: [account.userId, ben.userId],
    power_level_content_override: { users: { [ben.userId]: 50 } },
  });
  await ben.join(id);
  const start = async (plan: KillPlan) =>
    startBotProcess(
      folder,
      {
        homeserver: {
          url: passing === 'all' ? gate.url : homeserver().url,
          adminUrl: gate.url,
          accessToken: account.account.accessToken,
          requestTimeout,
        },
        managementRoom: id,
        confirmation: { destructive: 'other' },
        database: database.config,
      },
      plan,
    );
  let bot: BotProcess = await start({});
  const ana = await new Moderator(asker, id).look();
  await ana.ask('!version');

  let stories = 0;

  async function tell<Result>(
    deaths: Deaths,
    story: () => Promise<Result>,
    { timeoutMs = storyTimeoutMs }: { readonly timeoutMs?: number } = {},
  ): Promise<Told<Result>> {
    stories += 1;
    ana.events.splice(0);
    const record = path.join(folder, `points-${stories}`);
    const points = () => linesOf(record);
    const died: string[] = [];
    const lives = [...deaths];
    let cutsPower = false;
    const nextPlan = (): KillPlan => {
      const { cutsPower: cuts = false, ...plan } = lives.shift() ?? {};
      cutsPower = cuts;
      return { ...plan, record, ...(cuts ? power.beforeLife() : {}) };
    };
    const told = Promise.withResolvers<void>();

    /** Starts the bot, which may die again before it is at work. */
    const startAgain = async () => {
      for (;;) {
        died.push(points().at(-1) ?? 'nowhere');
        if (cutsPower) {
          await power.cut();
        }
        try {
          bot = await start(nextPlan());
          return;
        } catch (error) {
          if (!(error instanceof BotEndedError && error.exit.signal === 'SIGKILL')) {
            throw error;
          }
        }
      }
    };
    const keepAlive = async () => {
      for (;;) {
        const exit = await Promise.race([bot.exited, told.promise]);
        if (exit === undefined) {
          return;
        }
        if (exit.signal !== 'SIGKILL') {
          throw new Error(`the bot ended by itself, with status ${exit.status}`);
        }
        await startAgain();
      }
    };

    await bot.arm(nextPlan());
    const alive = keepAlive();
    try {
      const result = await Promise.race([
        story(),
        alive.then((): never => {
          throw new Error('the bot was let go before the story ended');
        }),
        wait(timeoutMs, undefined, { ref: false }).then((): never => {
          throw new Error(`the story did not end within ${timeoutMs / 1000} s`);
        }),
      ]);
      told.resolve();
      await alive;
      // It may still die while it does what nobody waits for.
      do {
        await Promise.race([atRest(database), bot.exited]);
      } while (!(await bot.arm({})) && (await startAgain()) === undefined);
      await seen();
      return { result, died, points: points() };
    } catch (error) {
      told.resolve();
      await alive.catch(() => undefined);
      const where = died.length === 0 ? 'nowhere' : died.join(', then ');
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`the bot died ${where}: ${reason}`, { cause: error });
    }
  }

  /** What the bot said is in the room; who sees what was said after it has seen it. */
  async function seen(): Promise<void> {
    const mark = await ana.say('That was that.');
    await ana.until('the end', () => ana.events.find((event) => event.event_id === mark));
  }

  return {
    id,
    botUserId: account.userId,
    ana,
    ben,
    gate,
    database,
    tell,
    kill: async () => bot.kill(),
    async close() {
      await bot.stop();
      await ana.lookAway();
      await gate[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').trimEnd().split('\n');
  } catch {
    return [];
  }
}

/** A database, and what a power cut does to it. */
interface PoweredDatabase {
  readonly database: TestDatabase;
  /** What the kill switch is told, so that the power can be cut at the end of this life. */
  readonly beforeLife: () => Pick<KillPlan, 'onDisk'>;
  readonly cut: () => Promise<void>;
}

async function fileOrShared(folder: string): Promise<PoweredDatabase> {
  const database = await createTestDatabase();
  const onDisk = path.join(folder, 'on-disk');
  return {
    database,
    beforeLife() {
      // What was written before this life is on the disk.
      writeFileSync(onDisk, JSON.stringify(readWal(database.place)));
      return { onDisk };
    },
    async cut() {
      cutPower(database.place, onDisk);
    },
  };
}

/** A PostgreSQL of its own: a power cut takes from everybody who uses it. */
async function onOwnPostgres(): Promise<PoweredDatabase> {
  const postgres = await startPostgres();
  const database = databaseAt(postgres.url('postgres'));
  return {
    database: { ...database, [Symbol.asyncDispose]: postgres.stop },
    beforeLife: () => ({}),
    cut: postgres.cutPower,
  };
}

/** What the database holds that is begun and not ended, by table. */
export async function countPending(database: TestDatabase): Promise<Record<string, number>> {
  const [counts = {}] = await database.read<Record<string, number>>(`
    SELECT
      (SELECT count(*) FROM inbox WHERE handled_at IS NULL) AS inbox,
      (SELECT count(*) FROM outbox WHERE closed_at IS NULL) AS outbox,
      (SELECT count(*) FROM operations WHERE state = 'running') AS running,
      (SELECT count(*) FROM operations WHERE state = 'awaiting') AS awaiting`);
  return counts;
}

/** Resolves when nothing is open, or after a time: whoever checks says what is. */
async function atRest(database: TestDatabase): Promise<void> {
  const deadline = Date.now() + restTimeoutMs;
  const isOpen = async () => Object.values(await countPending(database)).some((open) => open > 0);
  // A database tells nobody that it has changed.
  while ((await isOpen()) && Date.now() < deadline) {
    await wait(10);
  }
}
