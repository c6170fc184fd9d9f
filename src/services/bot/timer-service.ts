import type { Store } from '../../store/store.ts';

/** Timers: commands that the bot runs later, to undo what was done for a limited time. */
export function createTimerService({ timers }: Pick<Store, 'timers'>) {
  return {
    pending: async () => timers.waiting(),
    get: timers.get,

    /** @returns false if the timer has already ended */
    stop: async (id: number, at: number): Promise<boolean> => timers.end(id, 'stopped', at),

    async reconcileStop(id: number): Promise<'done' | 'not_done'> {
      const timer = await timers.get(id);
      return timer?.state === 'stopped' ? 'done' : 'not_done';
    },
  };
}

export type TimerService = ReturnType<typeof createTimerService>;
