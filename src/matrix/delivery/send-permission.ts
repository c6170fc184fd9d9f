import { setTimeout as wait } from 'node:timers/promises';

import { createBackoff } from '../../core/async/backoff.ts';
import { HomeserverError, codeOf } from '../../core/errors.ts';
import type { Log } from '../../core/log.ts';
import type { SendPermission } from '../../operations/management-room.ts';

const usualFirstRetryMs = 1000;
const maxRetryMs = 60_000;
/** Somebody may be changing the room at this very moment. */
const failuresUntilTold = 2;

/** The permission as delivery and sync see it. */
export interface WatchedSendPermission extends SendPermission {
  /** The homeserver refused a message, and why. Tells the admins, and tries until sending works again. */
  lost(why: string): void;
  /** The room's state may have changed: checks whether the permission was lost or is back. */
  check(): void;
  /** Ends all waiting: `granted` resolves to false. */
  stop(): void;
}

/**
 * Watches whether the bot can send messages to the management room. While it can't, nobody can be answered,
 * so the bot starts nothing: no command, no rule, no timer.
 *
 * @param options.whyMissing why the bot can't send, according to the room's state
 * @param options.regain tries to send again; gives why it can't, or throws what prevented the attempt
 * @param options.tell tells the admins in another way, once for each reason, after two failed attempts
 * @param options.onRegained the bot can send again
 */
export function createSendPermission(options: {
  readonly whyMissing: () => string | undefined;
  readonly regain: (why: string) => Promise<string | undefined>;
  readonly tell: (why: string) => Promise<void>;
  readonly onRegained: () => void;
  readonly log: Log;
  readonly firstRetryMs?: number | undefined;
}): WatchedSendPermission {
  const { regain, tell, onRegained, log, firstRetryMs = usualFirstRetryMs } = options;
  let why: string | undefined;
  let lastChecked: string | undefined;
  let regained = Promise.withResolvers<void>();
  let hurried = Promise.withResolvers<void>();
  const stopping = new AbortController();
  const stopped = Promise.withResolvers<void>();

  async function tryOnce(before: string): Promise<string | undefined> {
    try {
      return await regain(before);
    } catch (error) {
      // Other errors, such as a homeserver that is down, are not the reason.
      return error instanceof HomeserverError && error.status === 403 ? error.message : before;
    }
  }

  async function waitForNextTry(delayMs: number): Promise<void> {
    const timer = new AbortController();
    await Promise.race([
      wait(delayMs, undefined, { signal: timer.signal }).catch(() => undefined),
      hurried.promise,
      stopped.promise,
    ]);
    timer.abort();
    hurried = Promise.withResolvers();
  }

  async function tryUntilRegained(): Promise<void> {
    const backoff = createBackoff({ firstMs: firstRetryMs, maxMs: maxRetryMs });
    let told: string | undefined;
    for (let failures = 1; why !== undefined; failures += 1) {
      await waitForNextTry(backoff.next());
      if (stopping.signal.aborted) {
        return;
      }
      const found = await tryOnce(why);
      if (stopping.signal.aborted) {
        return;
      }
      why = found;
      if (why === undefined) {
        regained.resolve();
        log.info({}, 'sending to the management room works again');
        onRegained();
        return;
      }
      if (failures >= failuresUntilTold && why !== told) {
        told = why;
        await tell(why).catch((error: unknown) => {
          log.warn({ code: codeOf(error) }, 'the admins could not be told that sending fails');
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
    log.error({ reason }, 'can’t send to the management room: starting nothing until that works');
    void tryUntilRegained();
  }

  return {
    whyMissing: () => why,
    async granted() {
      if (why !== undefined) {
        await Promise.race([regained.promise, stopped.promise]);
      }
      return !stopping.signal.aborted;
    },
    lost,
    check() {
      const found = options.whyMissing();
      const hasChanged = found !== lastChecked;
      lastChecked = found;
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
