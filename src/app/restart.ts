import { reasonOf } from '../core/system-error.ts';
import type { Foundation } from './foundation.ts';

/** Ends the run of an app that must start again at once, for example in another room. */
class RestartNeeded extends Error {}

/** How a run of an app ends when nobody stops it. */
export interface End {
  readonly ended: Promise<never>;
  /** It can't go on. */
  fail(error: unknown): void;
  /** It must start again. */
  restart(): void;
}

/** Watches for what ends a run: the database was away, or another process leads now. Others may end it too. */
export function watchForEnd({
  log,
  probes,
  lock,
  interrupted,
}: Pick<Foundation, 'interrupted' | 'lock' | 'log' | 'probes'>): End {
  const { promise: ended, reject: fail } = Promise.withResolvers<never>();
  ended.catch((error: unknown) => {
    if (!(error instanceof RestartNeeded)) {
      probes.over('can’t go on');
    }
  });
  const restart = () => fail(new RestartNeeded());
  const onInterrupted = () => {
    log.warn({}, 'the database was away, or another process has taken over: starting again');
    restart();
  };
  if (interrupted.aborted) {
    onInterrupted();
  }
  interrupted.addEventListener('abort', onInterrupted, { once: true });
  lock.lease?.lost.catch((error: unknown) => {
    log.warn({ reason: reasonOf(error) }, 'this process may not lead any more: starting again');
    restart();
  });
  return { ended, fail, restart };
}

interface Running {
  stop(): Promise<void>;
  readonly ended: Promise<never>;
}

/**
 * Starts an app, and starts it again whenever it ends with `RestartNeeded`.
 *
 * @param start its signal is aborted if the app is stopped while it starts again
 */
export async function keepRunning(
  start: (signal: AbortSignal) => Promise<Running>,
): Promise<Running> {
  const starting = new AbortController();
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  let current: Running | undefined = await start(starting.signal);
  let isStopping = false;
  let restarting: Promise<void> = Promise.resolve();

  async function restart(before: Running): Promise<void> {
    current = undefined;
    await before.stop();
    if (!isStopping) {
      current = await start(starting.signal);
      watch(current);
    }
  }

  function watch(running: Running): void {
    running.ended.catch((error: unknown) => {
      if (error instanceof RestartNeeded && !isStopping) {
        restarting = restart(running).catch(ended.reject);
      } else {
        ended.reject(error);
      }
    });
  }

  watch(current);
  return {
    ended: ended.promise,
    async stop() {
      isStopping = true;
      if (current === undefined) {
        starting.abort();
      }
      await restarting;
      await current?.stop();
    },
  };
}
