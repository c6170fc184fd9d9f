import { createBackoff } from '../../core/async/backoff.ts';
import type { Backoff } from '../../core/async/backoff.ts';
import { minuteMs } from '../../core/duration.ts';

export const firstRetryMs = 2000;
const maxRetryMs = minuteMs;

interface FailedItem {
  readonly tries: number;
  readonly retryAt: number;
  readonly backoff: Backoff;
}

/** The items of the report queue that failed, and when to try each again. */
export function createRetries(now: () => number) {
  const failed = new Map<number, FailedItem>();
  const tries = (id: number): number => failed.get(id)?.tries ?? 0;
  return {
    /** How many times in a row an item has failed. */
    tries,

    isDue: (id: number): boolean => (failed.get(id)?.retryAt ?? 0) <= now(),

    /** Call it when an item has failed. Returns how many times it has failed by now. */
    postpone(id: number): number {
      const backoff =
        failed.get(id)?.backoff ?? createBackoff({ firstMs: firstRetryMs, maxMs: maxRetryMs });
      failed.set(id, { tries: tries(id) + 1, backoff, retryAt: now() + backoff.next() });
      return tries(id);
    },

    /** Call it when an item has succeeded. */
    forget(id: number): void {
      failed.delete(id);
    },
  };
}
