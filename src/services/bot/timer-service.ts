import type { Store } from '../../store/store.ts';

/** Timers: commands that the bot runs later, to undo what was done for a limited time. */
export function createTimerService({ jobs }: Pick<Store, 'jobs'>) {
  return {
    pending: async () => jobs.waiting(),
    get: jobs.get,

    /** @returns false if the timer has already ended */
    stop: async (id: number, at: number): Promise<boolean> => jobs.end(id, 'stopped', at),

    async reconcileStop(id: number): Promise<'done' | 'not_done'> {
      const timer = await jobs.get(id);
      return timer?.state === 'stopped' ? 'done' : 'not_done';
    },
  };
}

export type TimerService = ReturnType<typeof createTimerService>;
