/** Runs tasks of the same key one after another, and tasks of different keys side by side. */
export interface KeyedQueue {
  /** `task` must not throw. */
  add(key: string, task: () => Promise<void>): void;
  /** Starts no more tasks. */
  stop(): void;
  /** Resolves when the tasks of this key, or of all keys, have ended. */
  idle(key?: string): Promise<void>;
}

export function createKeyedQueue(): KeyedQueue {
  const tails = new Map<string, Promise<void>>();
  let isStopped = false;
  return {
    add(key, task) {
      const tail = (tails.get(key) ?? Promise.resolve())
        .then(async () => (isStopped ? undefined : task()))
        .finally(() => {
          if (tails.get(key) === tail) {
            tails.delete(key);
          }
        });
      tails.set(key, tail);
    },

    stop() {
      isStopped = true;
    },

    async idle(key) {
      const pending = () =>
        [...tails].flatMap(([of, tail]) => (key === undefined || of === key ? [tail] : []));
      for (let tasks = pending(); tasks.length > 0; tasks = pending()) {
        await Promise.all(tasks);
      }
    },
  };
}
