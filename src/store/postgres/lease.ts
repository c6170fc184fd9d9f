import { randomUUID } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as wait } from 'node:timers/promises';

import type { Client } from 'pg';

import { SetupError, StoreError } from '../../core/errors.ts';
import { version } from '../../core/version.ts';
import type { BotProcess, DatabaseLock, Lease } from '../files/lock.ts';
import { newClient } from './connect.ts';
import {
  cannotBeOpened,
  commitsLost,
  failedError,
  mayPass,
  takenOver,
  withoutPassword,
} from './errors.ts';
import { beginWriting, writeLock } from './locks.ts';

/*
 * Which of several processes leads: it alone syncs, speaks and acts. The others stand by. A lease has an end, and a
 * number (an epoch) that grows with each new leader. Every transaction of a leader checks the number, so that one that
 * was frozen and wakes up later writes nothing more. By its own clock, it also knows when it may not act any more.
 */

/** Times of a lease, in milliseconds. */
interface LeaseTimes {
  /** Others may take over when it was not renewed for this long. */
  readonly endsAfter: number;
  /** How often it is renewed, and how often those who stand by look. */
  readonly renewEvery: number;
}

/** A crashed leader is replaced within ten seconds. */
const usualTimes: LeaseTimes = { endsAfter: 8000, renewEvery: 1000 };

/** A process that was not seen for this long is gone. */
const goneAfter = `interval '1 minute'`;
/** If PostgreSQL is away, a bot that stops does not wait for it. */
const releaseTimeoutMs = 2000;
/** Longer than a frozen leader can hold up the others. */
const queryTimeoutMs = 10_000;
const channel = 'lawspeaker_lease';

/** Not part of the migrations: those are the leader's work, and one has to lead first. */
const tables = `
  ${beginWriting};
  ${writeLock};
  CREATE TABLE IF NOT EXISTS lawspeaker_lease (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    epoch bigint NOT NULL,
    holder text NOT NULL,
    ends_at timestamptz NOT NULL
  );
  CREATE TABLE IF NOT EXISTS lawspeaker_processes (
    id text PRIMARY KEY,
    host text NOT NULL,
    pid bigint NOT NULL,
    version text NOT NULL,
    started_at bigint NOT NULL,
    seen_at timestamptz NOT NULL
  );
  CREATE UNLOGGED TABLE IF NOT EXISTS lawspeaker_intact (holder text PRIMARY KEY);
  COMMIT`;

/**
 * PostgreSQL empties an unlogged table after a crash, and a replica that takes its place never had its rows. In both
 * cases the newest commits may be gone, and what the leader keeps in memory about them is wrong: its lease ends then.
 */
const noteIntact = `
  WITH others AS (DELETE FROM lawspeaker_intact WHERE holder <> $1)
  INSERT INTO lawspeaker_intact VALUES ($1) ON CONFLICT DO NOTHING`;

/**
 * Its transaction waits for one that still writes. $3 is a holder that is gone, although its lease is not over; $4 is
 * the end of that lease.
 */
const take = `
  INSERT INTO lawspeaker_lease AS lease (epoch, holder, ends_at)
  VALUES (1, $1, clock_timestamp() + $2::bigint * interval '1 millisecond')
  ON CONFLICT (only_row) DO UPDATE
  SET epoch = lease.epoch + 1, holder = excluded.holder, ends_at = excluded.ends_at
  WHERE lease.ends_at <= clock_timestamp() OR (lease.holder = $3 AND lease.ends_at::text = $4)
  RETURNING epoch`;

/** After a failover, an epoch can occur a second time, so the holder counts, too. */
const renew = `
  UPDATE lawspeaker_lease SET ends_at = clock_timestamp() + $3::bigint * interval '1 millisecond'
  WHERE epoch = $1 AND holder = $2
  RETURNING EXISTS (SELECT FROM lawspeaker_intact WHERE holder = $2) AS is_intact`;

const holderNow = `
  SELECT holder, ends_at <= clock_timestamp() AS is_over, ends_at::text AS ends, host, pid, started_at
  FROM lawspeaker_lease LEFT JOIN lawspeaker_processes ON id = holder`;

const noteProcess = `
  INSERT INTO lawspeaker_processes VALUES ($1, $2, $3, $4, $5, clock_timestamp())
  ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`;

interface Holder {
  readonly holder: string;
  readonly is_over: boolean;
  readonly ends: string;
  readonly host: string | null;
  readonly pid: number | null;
  readonly started_at: number | null;
}

export interface LeaseOptions {
  /** Called once if another process leads. If it is missing, that is an error. */
  readonly onStandby?: ((leader: string) => Promise<void>) | undefined;
  /** How long to wait for PostgreSQL if it is away: it may restart. */
  readonly patienceMs?: number | undefined;
  /** Ends the waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Called when PostgreSQL stops to answer, with the reason, and without one when it answers again. */
  readonly onAnswering?: ((whyNot: string | undefined) => void) | undefined;
  readonly times?: LeaseTimes | undefined;
  /**
   * Called before this process stands by, and before it takes over.
   *
   * @throws SetupError it must not lead
   */
  readonly assertMayLead?: ((client: Client) => Promise<void>) | undefined;
}

/**
 * Becomes the leader, as soon as no other process is.
 *
 * @throws SetupError another process leads and `onStandby` is missing, or the database can't be opened
 */
export async function takeLease(
  url: string,
  {
    onStandby,
    patienceMs = 0,
    signal,
    onAnswering,
    times = usualTimes,
    assertMayLead,
  }: LeaseOptions = {},
): Promise<DatabaseLock> {
  const connection = createConnection(url);
  const scope = processScope();
  const id = `${scope ?? ''}/${randomUUID()}`;
  const me = [id, hostname(), process.pid, version, Math.round(performance.timeOrigin)];
  const startedAt = performance.now();
  let isPrepared = false;
  /** The leader that was there first. */
  let first: Holder | undefined;
  const watch = watchRenewals(times);
  const answers = watchAnswers(onAnswering);

  /** Takes the lease if nobody has it. */
  async function look() {
    const asked = performance.now();
    return connection.use(async (client) => {
      if (!isPrepared) {
        await assertMayLead?.(client);
        await makeTables(client);
        isPrepared = true;
      }
      await client.query(noteProcess, me);
      const {
        rows: [holder],
      } = await client.query<Holder>(holderNow);
      const isGone = holder !== undefined && (isDead(holder) || watch.isSilent(holder, asked));
      if (holder !== undefined && !holder.is_over && !isGone) {
        return { holder, held: undefined };
      }
      // The process that led may have been of a newer version.
      await assertMayLead?.(client);
      const epoch = await takeOver(client, id, isGone ? holder : undefined, times);
      return { holder, held: epoch === undefined ? undefined : { epoch, renewedAt: asked } };
    });
  }

  /** The same while PostgreSQL restarts. One that stands by waits for as long as it takes. */
  async function lookIfThere() {
    try {
      const found = await look();
      answers.come();
      return found;
    } catch (error) {
      if (mayPass(error) && (first !== undefined || performance.now() - startedAt < patienceMs)) {
        answers.fail(error);
        return { holder: undefined, held: undefined };
      }
      throw error;
    }
  }

  try {
    for (;;) {
      const { holder, held } = await lookIfThere();
      if (held !== undefined) {
        return hold(connection, { id, me, times, answers, ...held });
      }
      if (holder !== undefined && first === undefined) {
        await onStandby?.(nameOf(holder));
      }
      first ??= holder;
      // One that has just crashed still has its lease, and doesn't renew it.
      if (onStandby === undefined && holder !== undefined && holder.ends !== first?.ends) {
        throw new SetupError(
          `Another Lawspeaker already uses the database ${withoutPassword(url)}: ${nameOf(holder)}.`,
          'Stop it first.',
        );
      }
      await connection.notified(times.renewEvery, signal);
      signal?.throwIfAborted();
    }
  } catch (error) {
    await connection.use(async (client) => forgetProcess(client, id)).catch(() => undefined);
    connection.close();
    throw error instanceof SetupError || signal?.aborted === true
      ? error
      : cannotBeOpened(url, error);
  }
}

/**
 * Watches whether a leader renews its lease. If the clock of PostgreSQL is set back, or a replica with another clock
 * takes its place, the end of the last lease of a crashed leader can be far away.
 */
function watchRenewals({ endsAfter }: LeaseTimes) {
  let last: { readonly ends: string; readonly seenAt: number } | undefined;
  return {
    /**
     * Whether it was not renewed for as long as it is valid, by the clock of this process.
     *
     * @param asked before the database was asked; by `performance.now()`
     */
    isSilent({ ends }: Holder, asked: number): boolean {
      if (last?.ends !== ends) {
        last = { ends, seenAt: performance.now() };
        return false;
      }
      return asked - last.seenAt > endsAfter;
    },
  };
}

interface Answers {
  come(): void;
  fail(error: unknown): void;
}

/** Tells once that PostgreSQL does not answer, and once that it answers again. */
function watchAnswers(tell: (whyNot: string | undefined) => void = () => undefined): Answers {
  let isAway = false;
  return {
    come() {
      if (isAway) {
        isAway = false;
        tell(undefined);
      }
    },
    fail(error) {
      if (!isAway) {
        isAway = true;
        tell(failedError(error).message);
      }
    },
  };
}

/** Whether its process has ended on this host. */
function isDead({
  holder,
  pid,
  started_at: startedAt,
}: Pick<Holder, 'holder' | 'pid' | 'started_at'>): boolean {
  const scope = processScope();
  if (pid === null || scope === undefined || holder.split('/')[0] !== scope) {
    return false;
  }
  if (pid === process.pid) {
    return startedAt !== Math.round(performance.timeOrigin);
  }
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ESRCH';
  }
}

/**
 * Where numbers of processes mean the same: since one start of a machine, in one container. Undefined if that is not
 * known. Host names don't tell: several containers and copies of a machine can have the same.
 */
function processScope(): string | undefined {
  try {
    const started = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${started} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

function nameOf(holder: Holder | undefined): string {
  const { host = null, pid = null } = holder ?? {};
  return host === null ? 'another process' : `process ${pid} on ${host}`;
}

/** Only at the very first start: it waits for those who write. */
async function makeTables(client: Client): Promise<void> {
  const { rows } = await client.query<{ is_there: boolean }>(
    `SELECT to_regclass('lawspeaker_intact') IS NOT NULL AS is_there`,
  );
  if (rows[0]?.is_there !== true) {
    await client.query(tables);
  }
}

/** @param gone a leader that is gone, although its lease is not over */
async function takeOver(
  client: Client,
  id: string,
  gone: Holder | undefined,
  { endsAfter }: LeaseTimes,
): Promise<number | undefined> {
  await client.query(`${beginWriting}; ${writeLock}`);
  try {
    const { rows } = await client.query<{ epoch: number }>(take, [
      id,
      endsAfter,
      gone?.holder ?? null,
      gone?.ends ?? null,
    ]);
    if (rows.length > 0) {
      await client.query(noteIntact, [id]);
    }
    await client.query('COMMIT');
    return rows[0]?.epoch;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

async function forgetProcess(client: Client, id: string): Promise<void> {
  await client.query('DELETE FROM lawspeaker_processes WHERE id = $1', [id]);
}

/** Keeps the lease until it is released, or another process has taken over. */
function hold(
  connection: Connection,
  held: {
    readonly id: string;
    readonly me: readonly unknown[];
    readonly epoch: number;
    readonly times: LeaseTimes;
    readonly answers: Answers;
    /** Before it was asked for; by `performance.now()`. */
    readonly renewedAt: number;
  },
): DatabaseLock {
  const { id, me, epoch, times, answers } = held;
  const { endsAfter, renewEvery } = times;
  const stopped = new AbortController();
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined);
  let { renewedAt } = held;
  /** By the clock of the machine, which goes on while it sleeps. */
  let renewedAtTime = Date.now() - (performance.now() - renewedAt);
  let why: StoreError | undefined;

  /** Returns why the lease is lost; undefined if it is not. */
  async function renewNow(): Promise<StoreError | undefined> {
    const asked = performance.now();
    const askedAtTime = Date.now();
    const renewed = await connection.use(async (client) => {
      const { rows } = await client.query<{ is_intact: boolean }>(renew, [epoch, id, endsAfter]);
      await client.query(noteProcess, [...me]);
      await client.query(
        `DELETE FROM lawspeaker_processes WHERE seen_at < clock_timestamp() - ${goneAfter}`,
      );
      return rows[0];
    });
    if (renewed?.is_intact !== true) {
      return renewed === undefined ? takenOver() : commitsLost();
    }
    renewedAt = asked;
    renewedAtTime = askedAtTime;
    answers.come();
    return undefined;
  }

  async function renewOften(): Promise<void> {
    for (;;) {
      await wait(renewEvery, undefined, { signal: stopped.signal }).catch(() => undefined);
      if (stopped.signal.aborted) {
        return;
      }
      // If PostgreSQL is away, nothing can be written until it is back, and soon nothing may be done.
      why = await renewNow().catch((error: unknown) => {
        answers.fail(error);
        return undefined;
      });
      if (why !== undefined) {
        lost.reject(why);
        return;
      }
    }
  }
  const renewing = renewOften();

  const lease: Lease = {
    fence: `, EXISTS (SELECT FROM lawspeaker_intact WHERE holder = '${id}') AS is_intact
      FROM lawspeaker_lease WHERE epoch = ${Math.trunc(epoch)} AND holder = '${id}'`,
    assertHeld() {
      // A margin, because clocks run at different speeds, and a call takes time to leave.
      const ageMs = Math.max(performance.now() - renewedAt, Date.now() - renewedAtTime);
      if (why !== undefined) {
        throw why;
      }
      if (ageMs > endsAfter - renewEvery) {
        throw new StoreError(
          'the database does not answer',
          'The bot does nothing while it can’t record its actions. Check that PostgreSQL runs and can be reached.',
        );
      }
    },
    lost: lost.promise,
    processes: async () =>
      connection.use(async (client) => {
        const { rows } = await client.query<{
          readonly holder: string;
          readonly found: BotProcess;
        }>(
          `SELECT id AS holder, json_build_object('host', host, 'pid', pid, 'version', version,
             'startedAt', started_at, 'leads', id = $1) AS found
           FROM lawspeaker_processes WHERE seen_at > clock_timestamp() - $2::bigint * interval '1 millisecond'
           ORDER BY id = $1 DESC, started_at, id`,
          [id, endsAfter],
        );
        // One that was killed a moment ago does not stand by.
        return rows
          .filter(
            ({ found, holder }) => !isDead({ holder, pid: found.pid, started_at: found.startedAt }),
          )
          .map(({ found }) => found);
      }),
  };
  return {
    lease,
    async release() {
      stopped.abort();
      const released = renewing.then(async () =>
        connection.use(async (client) => {
          await client.query(
            'UPDATE lawspeaker_lease SET ends_at = clock_timestamp() WHERE epoch = $1 AND holder = $2',
            [epoch, id],
          );
          await forgetProcess(client, id);
          await client.query(`NOTIFY ${channel}`);
        }),
      );
      await Promise.race([
        released.catch(() => undefined),
        wait(releaseTimeoutMs, undefined, { ref: false }),
      ]);
      connection.close();
    },
  };
}

/** One connection, made anew when it was lost. */
interface Connection {
  /** One after the other. */
  use<Result>(work: (client: Client) => Promise<Result>): Promise<Result>;
  /** Waits until a leader has released its lease, or this long. */
  notified(ms: number, signal: AbortSignal | undefined): Promise<void>;
  close(): void;
}

function createConnection(url: string): Connection {
  let client: Client | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let wake: () => void = () => undefined;

  async function connected(): Promise<Client> {
    if (client !== undefined) {
      return client;
    }
    const next = await newClient(url, { name: 'lawspeaker lease', timeoutMs: queryTimeoutMs });
    next.once('end', () => {
      client = client === next ? undefined : client;
    });
    next.on('notification', () => wake());
    try {
      await next.connect();
      await next.query(`LISTEN ${channel}`);
    } catch (error) {
      next.end().catch(() => undefined);
      throw error;
    }
    client = next;
    return next;
  }

  /** Makes a new connection the next time: this one may hang, or be in a transaction that has failed. */
  function drop(): void {
    client?.end().catch(() => undefined);
    client = undefined;
  }

  return {
    async use(work) {
      const result = last.then(async () => work(await connected()));
      last = result.catch(drop);
      return result;
    },
    async notified(ms, signal) {
      const woken = Promise.withResolvers<void>();
      wake = woken.resolve;
      const timeout = new AbortController();
      const ended = AbortSignal.any([timeout.signal, ...(signal === undefined ? [] : [signal])]);
      await Promise.race([
        woken.promise,
        wait(ms, undefined, { signal: ended }).catch(() => undefined),
      ]);
      timeout.abort();
    },
    close: drop,
  };
}
