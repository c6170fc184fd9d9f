/** Runs tasks of one key in order, and tasks of different keys side by side. */
export function createKeyedQueue() {
  const tails = new Map<string, Promise<void>>();
  let isStopped = false;
  return {
    /** `task` must not throw. */
    add(key: string, task: () => Promise<void>): void {
      const tail = (tails.get(key) ?? Promise.resolve()).then(async () =>
        isStopped ? undefined : task(),
      );
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) {
          tails.delete(key);
        }
      });
    },

    /** Begins nothing more. */
    stop(): void {
      isStopped = true;
    },

    /** Resolves when all that was begun has ended. */
    async idle(): Promise<void> {
      while (tails.size > 0) {
        await Promise.all(tails.values());
      }
    },
  };
}
