/** Ends the run of an app that must start again at once, for example in another room. */
export class RestartNeeded extends Error {}

interface Running {
  stop(): Promise<void>;
  readonly ended: Promise<never>;
}

/** Starts an app, and starts it again whenever it ends with `RestartNeeded`. */
export async function keepRunning(start: () => Promise<Running>): Promise<Running> {
  const ended = Promise.withResolvers<never>();
  ended.promise.catch(() => undefined);
  let current: Running | undefined = await start();
  let isStopping = false;
  let restarting: Promise<void> = Promise.resolve();

  async function restart(before: Running): Promise<void> {
    current = undefined;
    await before.stop();
    if (!isStopping) {
      current = await start();
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
      await restarting;
      await current?.stop();
    },
  };
}
