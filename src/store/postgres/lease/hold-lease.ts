import { setTimeout as wait } from 'node:timers/promises';

import { StoreError } from '../../../core/errors.ts';
import type { DatabaseLock, Lease } from '../../files/lock.ts';
import { type Answers, type LeaseConnection, releasedChannel } from './connection.ts';
import { endLease, fenceOf, renewLease } from './lease-row.ts';
import { forgetGoneProcesses, forgetProcess, noteProcess, processesNow } from './processes.ts';

/** Times of a lease, in milliseconds. */
export interface LeaseTimes {
  /** Others may take over when it was not renewed for this long. */
  readonly endsAfter: number;
  /** How often it is renewed, and how often those who stand by look. */
  readonly renewEvery: number;
}

/** If PostgreSQL is away, a bot that stops does not wait for it. */
const releaseTimeoutMs = 2000;

/** Keeps the lease until it is released, or another process has taken over. */
export function holdLease(
  connection: LeaseConnection,
  held: {
    readonly id: string;
    readonly epoch: number;
    readonly times: LeaseTimes;
    readonly answers: Answers;
    /** Before it was asked for; by `performance.now()`. */
    readonly renewedAt: number;
  },
): DatabaseLock {
  const { id, times, answers } = held;
  const { endsAfter, renewEvery } = times;
  const stopped = new AbortController();
  const lost = Promise.withResolvers<never>();
  lost.promise.catch(() => undefined);
  let { renewedAt } = held;
  /** By the clock of the machine, which keeps running while the machine sleeps. */
  let renewedAtTime = Date.now() - (performance.now() - renewedAt);
  let why: StoreError | undefined;

  /** Returns why the lease is lost; undefined if it is not. */
  async function renewNow(): Promise<StoreError | undefined> {
    const asked = performance.now();
    const askedAtTime = Date.now();
    const lostWhy = await connection.use(async (client) => {
      const whyNot = await renewLease(client, held, endsAfter);
      await noteProcess(client, id);
      await forgetGoneProcesses(client);
      return whyNot;
    });
    if (lostWhy !== undefined) {
      return lostWhy;
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
    fence: fenceOf(held),
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
    processes: async () => connection.use(async (client) => processesNow(client, id, endsAfter)),
  };
  return {
    lease,
    async release() {
      stopped.abort();
      const released = renewing.then(async () =>
        connection.use(async (client) => {
          await endLease(client, held);
          await forgetProcess(client, id);
          await client.query(`NOTIFY ${releasedChannel}`);
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
