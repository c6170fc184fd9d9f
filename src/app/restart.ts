/** Ends the run of an app that must start again at once, for example in another room. */
export class RestartNeeded extends Error {}

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
