/** Runs tasks one after another, in the order in which they were added. */
export interface SerialQueue {
  /** Resolves or rejects as the task does. A task that fails does not hold up the next one. */
  run<Result>(task: () => Promise<Result>): Promise<Result>;
}

export function createSerialQueue(): SerialQueue {
  let last: Promise<unknown> = Promise.resolve();
  return {
    async run(task) {
      const result = last.then(task, task);
      last = result;
      return result;
    },
  };
}
