import type { Client } from 'pg';

import { SetupError } from '../../../core/errors.ts';
import type { DatabaseLock } from '../../files/lock.ts';
import { cannotBeOpened, mayPass, withoutPassword } from '../errors.ts';
import { createConnection, watchAnswers } from './connection.ts';
import { holdLease, type LeaseTimes } from './hold-lease.ts';
import { type Holder, holderNow, takeOver } from './lease-row.ts';
import { forgetProcess, isDead, newProcessId, noteProcess } from './processes.ts';
import { makeTables } from './tables.ts';

/*
 * Which of several processes leads: it alone syncs, speaks and acts. The others stand by. A lease has an end, and a
 * number (an epoch) that grows with each new leader. Every transaction of a leader checks the number, so that one that
 * was frozen and wakes up later writes nothing more. By its own clock, it also knows when it may not act any more.
 */

/** A crashed leader is replaced within ten seconds. */
const usualTimes: LeaseTimes = { endsAfter: 8000, renewEvery: 1000 };

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
  const id = newProcessId();
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
      await noteProcess(client, id);
      const holder = await holderNow(client);
      const isGone = holder !== undefined && (isDead(holder) || watch.isSilent(holder, asked));
      if (holder !== undefined && !holder.is_over && !isGone) {
        return { holder, held: undefined };
      }
      // The process that led may have been of a newer version.
      await assertMayLead?.(client);
      const epoch = await takeOver(client, id, isGone ? holder : undefined, times.endsAfter);
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
        return holdLease(connection, { id, times, answers, ...held });
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

function nameOf(holder: Holder | undefined): string {
  const { host = null, pid = null } = holder ?? {};
  return host === null ? 'another process' : `process ${pid} on ${host}`;
}
