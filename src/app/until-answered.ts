import { setTimeout as wait } from 'node:timers/promises';

import { createBackoff } from '../core/async/backoff.ts';
import { HomeserverError, LawspeakerError, UnreachableError } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { present } from '../core/present.ts';

/**
 * Asks the homeserver until it answers: one that starts together with the bot may take its time.
 *
 * @param signal ends the waiting
 * @param isPassing which other errors may pass
 * @throws what `ask` throws, unless waiting may help
 */
export async function untilAnswered<Answer>(
  log: Pick<Log, 'warn'>,
  signal: AbortSignal,
  ask: () => Promise<Answer>,
  isPassing: (error: LawspeakerError) => boolean = () => false,
): Promise<Answer> {
  const delays = createBackoff({ firstMs: 1000, maxMs: 30_000 });
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof LawspeakerError && (isUsuallyPassing(error) || isPassing(error)))) {
        throw error;
      }
      const delayMs = delays.next();
      const { message: reason, advice } = error;
      log.warn({ reason, ...present({ advice }), delayMs }, 'waiting for the homeserver');
      await wait(delayMs, undefined, { signal });
    }
  }
}

function isUsuallyPassing(error: LawspeakerError): boolean {
  return (
    error instanceof UnreachableError || (error instanceof HomeserverError && error.isTemporary)
  );
}
