import { dayMs } from '../duration.ts';

/** Does one kind of work whenever it is woken, never twice at the same time. */
export interface Worker {
  /** Works now. If the worker is busy, it works again as soon as it has finished. */
  wake(): void;
  /** Works in `delayMs` milliseconds, or earlier if something else wakes the worker. */
  wakeIn(delayMs: number): void;
  /** Works at this time (milliseconds since 1970), or earlier if something else wakes the worker. */
  wakeAt(at: number): void;
  /** Starts no more work. Resolves when the work in progress has ended. */
  stop(): Promise<void>;
}

/**
 * @param options.work the signal tells it that the worker is stopped
 * @param options.onError is given what `work` throws. The worker goes on; call `wakeIn` to try again
 * @param options.now the clock of `wakeAt`
 */
export function createWorker(options: {
  readonly work: (signal: AbortSignal) => Promise<void>;
  readonly onError: (error: unknown) => void;
  readonly now?: (() => number) | undefined;
}): Worker {
  const { work, onError, now = Date.now } = options;
  const stopping = new AbortController();
  const { signal } = stopping;
  let timer: NodeJS.Timeout | undefined;
  /** On the clock of `performance.now()`, which can't be set back. */
  let dueAtMs = Number.POSITIVE_INFINITY;
  let isWanted = false;
  let working: Promise<void> | undefined;

  async function workWhileWanted(): Promise<void> {
    while (isWanted && !signal.aborted) {
      isWanted = false;
      clearTimeout(timer);
      dueAtMs = Number.POSITIVE_INFINITY;
      try {
        await work(signal);
      } catch (error) {
        onError(error);
      }
    }
    working = undefined;
  }

  function wake(): void {
    if (!signal.aborted) {
      isWanted = true;
      working ??= workWhileWanted();
    }
  }

  function setTimer(): void {
    const delayMs = Math.max(0, dueAtMs - performance.now());
    // Longer timers overflow: Node would fire them at once.
    timer = delayMs > dayMs ? setTimeout(setTimer, dayMs) : setTimeout(wake, delayMs);
    timer.unref();
  }

  function wakeIn(delayMs: number): void {
    const atMs = performance.now() + delayMs;
    if (atMs < dueAtMs && !signal.aborted) {
      dueAtMs = atMs;
      clearTimeout(timer);
      setTimer();
    }
  }

  return {
    wake,
    wakeIn,
    wakeAt: (at) => wakeIn(at - now()),
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await working;
    },
  };
}
