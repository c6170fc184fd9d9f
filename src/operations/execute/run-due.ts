import type { Store } from '../../store/store.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import type { ScheduledRun } from './run-scheduled.ts';
import { togetherWith } from './timers-together.ts';
import type { Together } from './timers-together.ts';

/** How soon what could not be started is tried again. */
const retryMs = 30_000;

/** Starts what is due, one operation after another. */
export async function runDue(
  options: {
    readonly store: Pick<Store, 'operations' | 'timers'>;
    readonly run: (
      operation: Operation,
      waiting: ReadonlySet<string>,
      together: Together | undefined,
    ) => Promise<ScheduledRun>;
    readonly now: () => number;
  },
  signal: AbortSignal,
): Promise<{ readonly nextAt: number | undefined }> {
  const { store, run, now } = options;
  const waiting = new Set<string>();
  /** Timers that have run, or wait, with an earlier one. */
  const joined = new Set<number>();
  let againAt: number | undefined;
  const lookAgainAt = (at: number) => {
    againAt = Math.min(at, againAt ?? at);
  };
  let last: Operation | undefined;
  for (;;) {
    const page = await store.operations.scheduled(last);
    if (page.length === 0) {
      return { nextAt: againAt };
    }
    for (const operation of page) {
      const { id, notBefore } = operation;
      if (signal.aborted || notBefore === null) {
        return { nextAt: againAt };
      }
      if (joined.has(id)) {
        continue;
      }
      if (notBefore > now()) {
        lookAgainAt(notBefore);
        return { nextAt: againAt };
      }
      const together = await togetherWith(store, operation);
      together?.timers.forEach((timer) => joined.add(timer.id));
      if (together !== undefined && together.dueAt > now()) {
        lookAgainAt(together.dueAt);
        continue;
      }
      const result = await run(operation, waiting, together);
      if (result === 'later') {
        return { nextAt: now() + retryMs };
      }
      if (typeof result !== 'string') {
        // What needs only other homeservers is not held up.
        result.forEach((one) => waiting.add(one));
        lookAgainAt(now() + retryMs);
      } else if (result === 'ended' && together !== undefined) {
        // If one of them was stopped, the others are still to be done.
        lookAgainAt(now());
      }
    }
    last = page.at(-1);
  }
}
