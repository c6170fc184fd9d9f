import { minuteMs } from '../../core/duration.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { Operation } from '../../store/tables/operations/operations.ts';
import type { Timer } from '../../store/tables/operations/timers.ts';

/*
 * An operation on many targets with `--for` sets a timer for each of them, because each can be changed again. They end
 * in one operation, so that the room gets one message at night, and not a thousand.
 */

/** At most this many timers of one operation end one by one. */
const maxApart = 10;
/** How long the first waits for the others: the operation has set them one after another. */
const maxWaitMs = 5 * minuteMs;

/** Timers that end in one operation. */
export interface Together {
  /** The operation that has set them. */
  readonly operation: number;
  /** All of them, the one that was due first, too. */
  readonly timers: readonly Timer[];
  /** When the last of them is due, in milliseconds since 1970. */
  readonly dueAt: number;
}

/**
 * The timers that end together with one that is due.
 *
 * @param due the first of them
 * @returns undefined if it ends by itself
 */
export async function togetherWith(
  { operations, timers }: Pick<Store, 'operations' | 'timers'>,
  due: Pick<Operation, 'id' | 'line'>,
): Promise<Together | undefined> {
  const first = due.line === null ? undefined : await timers.get(due.id);
  // A line that takes back a whole operation stands for all of its targets.
  if (first === undefined || first.line.startsWith('undo ')) {
    return undefined;
  }
  const setBy = await operations.byEvent(first.eventId);
  if (setBy === undefined || setBy.state === 'running') {
    return undefined;
  }
  const found = (await timers.ofEvent(first.eventId)).filter(
    ({ runAt }) => runAt <= first.runAt + maxWaitMs,
  );
  return found.length <= maxApart
    ? undefined
    : {
        operation: setBy.id,
        timers: found,
        dueAt: Math.max(...found.map(({ runAt }) => runAt)),
      };
}

/** The line that takes back what these timers end. */
export function lineOf({ operation }: Together): string {
  return `undo --operation ${operation}`;
}

/**
 * Ends the others, in the transaction that starts or refuses the one that stands for all of them.
 *
 * @returns false if one of them was stopped meanwhile: then nothing has changed
 */
export async function endOthers(
  { timers }: Pick<StoreTables, 'timers'>,
  { timers: all }: Together,
  how: { readonly except: number; readonly as: 'done' | 'failed'; readonly at: number },
): Promise<boolean> {
  const [first] = all;
  const scheduled = new Set((await timers.ofEvent(first?.eventId ?? '')).map(({ id }) => id));
  if (!all.every(({ id }) => id === how.except || scheduled.has(id))) {
    return false;
  }
  const others = all.map(({ id }) => id).filter((id) => id !== how.except);
  await timers.endAll(others, how.as, how.at);
  return true;
}
