import PQueue from 'p-queue';

import type { UserId } from '../../core/ids.ts';

/** Pages that are made at the same time: each can hold some megabytes, and all wait for one database. */
const maxAtOnce = 2;
/** Pages that one person can wait for: some browser tabs. */
const maxOfOne = 5;

/** Lets only a few pages be made at once, and nobody take all the time. */
export interface Turns {
  /**
   * Does this when it is its turn.
   *
   * @returns false if the person waits for too many pages already
   */
  take(user: UserId, act: () => Promise<void>): Promise<boolean>;
}

export function createTurns(): Turns {
  const queue = new PQueue({ concurrency: maxAtOnce });
  const waiting = new Map<UserId, number>();
  return {
    async take(user, act) {
      const own = waiting.get(user) ?? 0;
      if (own >= maxOfOne) {
        return false;
      }
      waiting.set(user, own + 1);
      try {
        await queue.add(act);
        return true;
      } finally {
        const left = (waiting.get(user) ?? 1) - 1;
        if (left === 0) {
          waiting.delete(user);
        } else {
          waiting.set(user, left);
        }
      }
    },
  };
}
