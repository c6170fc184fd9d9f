/** Runs tasks of one key in order, and tasks of different keys side by side. */
export function createKeyedQueue() {
  const tails = new Map<string, Promise<void>>();
  return {
    /** `task` must not throw. */
    add(key: string, task: () => Promise<void>): void {
      const tail = (tails.get(key) ?? Promise.resolve()).then(task);
      tails.set(key, tail);
      void tail.then(() => {
        if (tails.get(key) === tail) {
          tails.delete(key);
        }
      });
    },

    /** Resolves when all that was added has ended. */
    async idle(): Promise<void> {
      while (tails.size > 0) {
        await Promise.all(tails.values());
      }
    },
  };
}
