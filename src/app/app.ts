import { once } from 'node:events';

import type { Config } from '../config/schema.ts';
import { isLate } from '../core/async/patience.ts';
import { StoreError } from '../core/errors.ts';
import type { Logger } from '../observability/log.ts';
import { openFoundation } from './foundation.ts';
import type { Foundation } from './foundation.ts';
import { startParts, stopParts } from './lifecycle.ts';
import { buildParts } from './parts.ts';
import type { Parts } from './parts.ts';
import { keepRunning, watchForEnd } from './restart.ts';
import type { Timing } from './timing.ts';

/** A running bot. */
export interface App {
  /** Finishes the work in progress and closes the database. */
  stop(): Promise<void>;
  /** Resolves or rejects when the bot can't continue. */
  readonly ended: Promise<never>;
}

/** How long to wait for a database that went away while the bot ran. */
const restartPatienceMs = 60_000;

/**
 * Starts the bot; resolves when the first sync is in flight. If another room replaces the management room,
 * the bot starts again there; also if its database was away, or another process has taken over.
 *
 * @throws SetupError it can't work like this, and what to do
 */
export async function startApp(config: Config, log: Logger, timing: Timing = {}): Promise<App> {
  let patienceMs = 0;
  return keepRunning(async (signal) => {
    const app = await startOnce(config, log, timing, { patienceMs, signal });
    patienceMs = restartPatienceMs;
    return app;
  });
}

/** How long the start may take to notice that it is ended. */
const endStartMs = 20_000;

async function startOnce(
  config: Config,
  log: Logger,
  timing: Timing,
  patience: { readonly patienceMs: number; readonly signal: AbortSignal },
): Promise<App> {
  const foundation = await openFoundation(config, log, timing, patience);
  try {
    const end = watchForEnd(foundation);
    const parts = await buildParts(foundation, end);
    const started = startParts(foundation, parts);
    started.catch(() => undefined);
    // Another process can take over while this one starts, or somebody stops it. What the start waits for then never
    // comes.
    await Promise.race([started, end.ended.catch(() => undefined), aborted(foundation.signal)]);
    return {
      ended: end.ended,
      async stop() {
        await endStart(foundation, parts, started);
        await stopParts(foundation, parts);
      },
    };
  } catch (error) {
    foundation.endRequests();
    await foundation.close();
    throw error;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) {
    await once(signal, 'abort');
  }
}

/** Waits until nothing more is started. */
async function endStart(
  foundation: Foundation,
  { sync }: Parts,
  started: Promise<void>,
): Promise<void> {
  const over = started.catch(() => undefined);
  if (!(await isLate(over, 0))) {
    return;
  }
  sync.stop();
  foundation.endRequests();
  if (await isLate(over, endStartMs)) {
    throw new StoreError('the start could not be ended', 'The process ends, to be started again.');
  }
}
