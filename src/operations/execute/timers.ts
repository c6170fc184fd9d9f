import type { Store } from '../../store/store.ts';
import type { Job } from '../../store/tables/jobs.ts';

/** How a job's run ended; `later` where the homeserver was away. */
export type JobRun = 'done' | 'failed' | 'later';

export interface Timers {
  /** Looks for what is due, and when the next is. Call it after a job was added, and at the start. */
  wake(): void;
  stop(): void;
}

const retryMs = 30_000;
/** Longer timers overflow; the next round asks again. */
const maxTimerMs = 86_400_000;

/** Runs jobs at their time, one after the other, and again after a restart. */
export function createTimers(options: {
  store: Pick<Store, 'jobs'>;
  run: (job: Job) => Promise<JobRun>;
  now: () => number;
  onError: (error: unknown) => void;
}): Timers {
  const { store, run, now, onError } = options;
  let timer: NodeJS.Timeout | undefined;
  let isRunning = false;
  let isStopped = false;

  async function runDue(): Promise<number> {
    for (const job of await store.jobs.waiting()) {
      if (isStopped) {
        return maxTimerMs;
      }
      if (job.runAt > now()) {
        return job.runAt - now();
      }
      const ended = await run(job);
      if (ended === 'later') {
        return retryMs;
      }
      await store.jobs.end(job.id, ended, now());
    }
    return maxTimerMs;
  }

  function wake(): void {
    if (isRunning || isStopped) {
      return;
    }
    isRunning = true;
    clearTimeout(timer);
    runDue()
      .catch((error: unknown) => {
        onError(error);
        return retryMs;
      })
      .then((delayMs) => {
        isRunning = false;
        if (!isStopped) {
          timer = setTimeout(wake, Math.min(Math.max(delayMs, 0), maxTimerMs));
        }
      })
      .catch(onError);
  }

  return {
    wake,
    stop() {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
