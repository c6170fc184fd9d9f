import { startApp } from '../app/app.ts';
import { keepHeapSmall } from '../app/small-heap.ts';
import { openSecretFiles } from '../config/open-files.ts';
import type { Config } from '../config/schema.ts';
import { dayMs } from '../core/duration.ts';
import { createLog } from '../observability/log.ts';

/** Runs until a signal, or until an error that waiting doesn't fix. */
export async function start(config: Config): Promise<void> {
  keepHeapSmall();
  const log = await createLog(config.log);
  for (const { message, advice } of openSecretFiles(config)) {
    log.warn({ advice }, message);
  }
  const stopped = Promise.withResolvers<'signal'>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      stopped.resolve('signal');
    });
  }
  // While the bot only waits, nothing else may keep the process alive: Node would end it with status 0.
  const keepAlive = setInterval(() => undefined, dayMs);
  try {
    const app = await Promise.race([startApp(config, log), stopped.promise]);
    if (app === 'signal') {
      return;
    }
    try {
      await Promise.race([app.ended, stopped.promise]);
    } finally {
      await app.stop();
    }
  } finally {
    clearInterval(keepAlive);
  }
}
