import { setTimeout as wait } from 'node:timers/promises';

import type { Client } from 'pg';

import { SetupError, StoreError } from '../../core/errors.ts';
import type { Lock } from '../files/lock.ts';
import { newClient } from './connect.ts';
import { cannotBeOpened, failedError, isAway, withoutPassword } from './errors.ts';

/** Locks of a database and schema, by a name. */
const keyOf = (name: string) => `hashtextextended('lawspeaker ${name} ' || current_schema(), 0)`;

/** Waits until no other transaction writes. The end of the transaction releases it. */
export const writeLock = `SELECT pg_advisory_xact_lock(${keyOf('write')})`;

const takeLock = `SELECT pg_try_advisory_lock(${keyOf('bot')}) AS taken`;

/** What PostgreSQL lists the connection with the lock as. */
export const lockName = 'lawspeaker lock';

/** The session of a bot that has just ended may still be there. */
const patienceMs = 3000;
const retryAfterMs = 100;
/** How long to try to take the lock again after the connection was lost. */
const lostPatienceMs = 30_000;

/**
 * Keeps other bots from using the database.
 *
 * @throws SetupError another bot uses it, or it can't be opened
 */
export async function lockPostgres(url: string, awayPatienceMs = 0): Promise<Lock> {
  let client: Client | undefined;
  let isReleased = false;
  let held: Promise<void>;

  async function take(): Promise<boolean> {
    const next = await newClient(url, lockName);
    try {
      await next.connect();
      for (const deadline = Date.now() + patienceMs; ; await wait(retryAfterMs)) {
        const { rows } = await next.query<{ taken: boolean }>(takeLock);
        if (rows[0]?.taken === true) {
          break;
        }
        if (Date.now() > deadline) {
          await next.end();
          return false;
        }
      }
    } catch (error) {
      await next.end().catch(() => undefined);
      throw error;
    }
    if (isReleased) {
      await next.end();
      return true;
    }
    client = next;
    next.once('end', () => {
      if (!isReleased) {
        held = takeAgain();
        // Whoever writes next hears of it.
        held.catch(() => undefined);
      }
    });
    return true;
  }

  async function takePatiently(forMs: number): Promise<boolean> {
    for (const deadline = Date.now() + forMs; ; await wait(retryAfterMs)) {
      try {
        return await take();
      } catch (error) {
        if (!isAway(error) || Date.now() > deadline) {
          throw error;
        }
      }
    }
  }

  async function takeAgain(): Promise<void> {
    const isTaken = await takePatiently(lostPatienceMs).catch((error: unknown) => {
      throw failedError(error);
    });
    if (!isTaken) {
      throw new StoreError(
        'another bot has taken over the database',
        'Two bots would act on the same commands. Stop one of them.',
      );
    }
  }

  const isTaken = await takePatiently(awayPatienceMs).catch((error: unknown) => {
    throw cannotBeOpened(url, error);
  });
  if (!isTaken) {
    throw new SetupError(
      `Another Lawspeaker already uses the database ${withoutPassword(url)}.`,
      'Two bots would act on the same commands. Stop the other one, or set database.url to another database.',
    );
  }
  held = Promise.resolve();
  return {
    assertHeld: async () => held,
    release() {
      isReleased = true;
      client?.end().catch(() => undefined);
    },
  };
}
