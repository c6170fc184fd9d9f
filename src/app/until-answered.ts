import { setTimeout as wait } from 'node:timers/promises';

import { createBackoff } from '../core/async/backoff.ts';
import { HomeserverError, UnreachableError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';

/**
 * Asks the homeserver until it answers: one that starts together with the bot may take its time.
 *
 * @param signal ends the waiting
 * @throws what `ask` throws, unless waiting may help
 */
export async function untilAnswered<Answer>(
  log: Pick<Log, 'warn'>,
  signal: AbortSignal,
  ask: () => Promise<Answer>,
): Promise<Answer> {
  const delays = createBackoff({ firstMs: 1000, maxMs: 30_000 });
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isPassing(error)) {
        throw error;
      }
      const delayMs = delays.next();
      log.warn({ reason: error.message, delayMs }, 'waiting for the homeserver');
      await wait(delayMs, undefined, { signal });
    }
  }
}

function isPassing(error: unknown): error is HomeserverError | UnreachableError {
  return (
    error instanceof UnreachableError ||
    (error instanceof HomeserverError && (error.status >= 500 || error.status === 429))
  );
}
