import { setTimeout as wait } from 'node:timers/promises';

import { createBackoff } from './backoff.ts';

/** How often to look, and for how long, in milliseconds. */
export interface PollTimes {
  /** The first pause. Each pause is twice as long as the one before, up to `maxIntervalMs`. */
  readonly firstIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly limitMs: number;
}

/**
 * Calls `look` until it finds something: at once, then after growing pauses, for the last time when the
 * limit is reached.
 *
 * @returns what `look` found, or undefined if it found nothing in time
 * @throws what `look` throws
 */
export async function poll<Found>(
  look: () => Promise<Found | undefined>,
  { firstIntervalMs, maxIntervalMs, limitMs }: PollTimes,
): Promise<Found | undefined> {
  const intervals = createBackoff({ firstMs: firstIntervalMs, maxMs: maxIntervalMs });
  const endsAtMs = performance.now() + limitMs;
  for (;;) {
    const found = await look();
    const leftMs = endsAtMs - performance.now();
    if (found !== undefined || leftMs <= 0) {
      return found;
    }
    await wait(Math.min(intervals.next(), leftMs));
  }
}
