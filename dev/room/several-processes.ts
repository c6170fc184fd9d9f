import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import { poll } from '../../src/core/async/poll.ts';
import { openLine } from '../postgres/line.ts';
import type { Line } from '../postgres/line.ts';
import type { Postgres } from '../postgres/postgres.ts';
import { launchBotProcess } from './bot-process.ts';
import type { BotProcess, Exit } from './bot-process.ts';

/** One of several processes of a bot. Whenever it ends, it is started again, as a service manager does it. */
export interface Member {
  readonly name: string;
  /** Its way to PostgreSQL. */
  readonly line: Line;
  /** The process as it is now, or the last one. */
  current(): BotProcess;
}

/** Several processes of one bot on one PostgreSQL. */
export interface SeveralProcesses extends AsyncDisposable {
  readonly members: readonly Member[];
  /** How processes ended by themselves. */
  readonly ends: readonly Exit[];
  /** The one that leads, by the database; undefined if none does, or the database is away. */
  leader(): Promise<Member | undefined>;
  /** Waits until one leads that is none of these. */
  nextLeader(...others: readonly (Member | number | undefined)[]): Promise<Member>;
}

/** As `RestartSec` of the systemd unit, but shorter. */
const restartAfterMs = 200;
const leaderLimits = { firstIntervalMs: 20, maxIntervalMs: 50, limitMs: 60_000 };

/**
 * Starts the processes one after the other; resolves when the first leads.
 *
 * @param config what all of them have; the database is added
 */
export async function startSeveralProcesses(
  count: number,
  folder: string,
  postgres: Postgres,
  config: object,
): Promise<SeveralProcesses> {
  const ends: Exit[] = [];
  let isClosing = false;

  async function startMember(name: string): Promise<Member & { readonly over: Promise<void> }> {
    const own = path.join(folder, name);
    await mkdir(own);
    const line = await openLine(postgres.socket);
    const launch = async () =>
      launchBotProcess(own, { ...config, database: { url: line.url('postgres') } });
    let current = await launch();
    async function keepRunning(): Promise<void> {
      for (;;) {
        const exit = await current.exited;
        if (isClosing) {
          return;
        }
        if (exit.signal === null && exit.status !== 0) {
          ends.push(exit);
        }
        await wait(restartAfterMs);
        current = await launch();
      }
    }
    return { name, line, current: () => current, over: keepRunning() };
  }

  const members: Awaited<ReturnType<typeof startMember>>[] = [];
  for (let at = 1; at <= count; at += 1) {
    members.push(await startMember(`process-${at}`));
    await members[0]?.current().started;
  }

  async function leader(): Promise<Member | undefined> {
    const pid = await leadingProcess(postgres.url('postgres'));
    return members.find((member) => member.current().process.pid === pid);
  }
  return {
    members,
    ends,
    leader,
    async nextLeader(...others) {
      const found = await poll(async () => {
        const now = await leader();
        const isOther =
          now === undefined || others.includes(now) || others.includes(now.current().process.pid);
        return isOther ? undefined : now;
      }, leaderLimits);
      if (found === undefined) {
        throw new Error(`no process leads; ${await whoWaits(postgres.url('postgres'))}`);
      }
      return found;
    },
    async [Symbol.asyncDispose]() {
      isClosing = true;
      for (const { current, line } of members) {
        await current().kill();
        await line[Symbol.asyncDispose]();
      }
      await Promise.all(members.map(async ({ over }) => over));
      // One that was just being started again.
      await Promise.all(members.map(async ({ current }) => current().kill()));
    },
  };
}

/** What PostgreSQL is doing, for an error. */
async function whoWaits(url: string): Promise<string> {
  const { Client } = (await import('pg')).default;
  const client = new Client({ connectionString: url, query_timeout: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query(
      `SELECT application_name, state, wait_event, now() - state_change AS since, left(query, 80) AS query
       FROM pg_stat_activity WHERE application_name LIKE 'lawspeaker%'`,
    );
    return JSON.stringify(rows);
  } catch (error) {
    return String(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The number of the process that leads, by the database. */
async function leadingProcess(url: string): Promise<number | undefined> {
  const { Client } = (await import('pg')).default;
  const client = new Client({ connectionString: url, query_timeout: 2000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ pid: string }>(
      `SELECT pid FROM lawspeaker_lease JOIN lawspeaker_processes ON id = holder
       WHERE ends_at > clock_timestamp()`,
    );
    return rows[0] && Number(rows[0].pid);
  } catch {
    return undefined;
  } finally {
    await client.end().catch(() => undefined);
  }
}
