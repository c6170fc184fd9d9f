import { setTimeout as wait } from 'node:timers/promises';

import { HomeserverError, codeOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { SendPermission } from '../../operations/send-permission.ts';

const usualFirstRetryMs = 1000;
const usualMaxRetryMs = 60_000;
const failuresUntilTold = 2;

/** The sendPermission of the bot as its transport sees it. */
export interface WatchedSendPermission extends SendPermission {
  /** A message was refused, and why; tells what can be told, and tries until it can speak again. */
  lost(why: string): void;
  /** The room has changed: looks whether the bot may still speak there, or may again. */
  look(): void;
  /** Whoever waits to act hears that it is over. */
  stop(): void;
}

/**
 * Whether the bot can speak in the management room. Nobody can be answered while it can't, so nothing is
 * begun then: no command, no rule, no timer.
 *
 * @param options.fault why it can't speak, as far as the room's state tells
 * @param options.regain tries to be heard again; gives why it can't, throws what kept it from it
 * @param options.tell tells people in other ways, each reason once, after two tries have failed: somebody
 * may be at work on it just now
 * @param options.onRegained it can speak again
 */
export function createSendPermission(options: {
  readonly fault: () => string | undefined;
  readonly regain: (why: string) => Promise<string | undefined>;
  readonly tell: (why: string) => Promise<void>;
  readonly onRegained: () => void;
  readonly log: Log;
  readonly firstRetryMs?: number | undefined;
}): WatchedSendPermission {
  const { fault, regain, tell, onRegained, log, firstRetryMs = usualFirstRetryMs } = options;
  let why: string | undefined;
  let lastFault: string | undefined;
  let regained = Promise.withResolvers<void>();
  let hurried = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();

  async function tryOnce(before: string): Promise<string | undefined> {
    try {
      return await regain(before);
    } catch (error) {
      // What keeps it from trying, such as a homeserver that is away, is no reason of its own.
      return error instanceof HomeserverError && error.status === 403 ? error.message : before;
    }
  }

  async function tryUntilHeard(): Promise<void> {
    let told: string | undefined;
    let failures = 0;
    for (let delayMs = firstRetryMs; why !== undefined; delayMs *= 2) {
      const pause = Math.min(delayMs, usualMaxRetryMs);
      const timer = new AbortController();
      await Promise.race([
        wait(pause, undefined, { signal: timer.signal, ref: false }).catch(() => undefined),
        hurried.promise,
        stopped.promise,
      ]);
      timer.abort();
      hurried = Promise.withResolvers();
      if (stopping.signal.aborted) {
        return;
      }
      const found = await tryOnce(why);
      if (stopping.signal.aborted) {
        return;
      }
      if (found === undefined) {
        why = undefined;
        regained.resolve();
        log.info({}, 'I can speak in the management room again');
        onRegained();
        return;
      }
      why = found;
      failures += 1;
      if (failures >= failuresUntilTold && why !== told) {
        told = why;
        await tell(why).catch((error: unknown) => {
          log.warn({ code: codeOf(error) }, 'nobody could be told that I can’t speak');
        });
      }
    }
  }

  function lost(reason: string): void {
    if (why !== undefined || stopping.signal.aborted) {
      return;
    }
    why = reason;
    regained = Promise.withResolvers();
    log.error({ reason }, 'I can’t speak in the management room: nothing is begun until I can');
    void tryUntilHeard();
  }

  return {
    silence: () => why,
    async mayAct() {
      if (why !== undefined) {
        await Promise.race([regained.promise, stopped.promise]);
      }
      return !stopping.signal.aborted;
    },
    lost,
    look() {
      const found = fault();
      const hasChanged = found !== lastFault;
      lastFault = found;
      if (why === undefined && found !== undefined) {
        lost(found);
      } else if (hasChanged) {
        hurried.resolve();
      }
    },
    stop() {
      stopping.abort();
      stopped.resolve();
    },
  };
}
