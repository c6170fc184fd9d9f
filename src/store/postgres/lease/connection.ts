import { setTimeout as wait } from 'node:timers/promises';

import type { Client } from 'pg';

import { newClient } from '../connect.ts';
import { failedError } from '../errors.ts';

/** Longer than a frozen leader can hold up the others. */
const queryTimeoutMs = 10_000;
/** On it, a leader that has released its lease says so. */
export const releasedChannel = 'lawspeaker_lease';

/** One connection, made anew when it was lost. */
export interface LeaseConnection {
  /** One after the other. */
  use<Result>(work: (client: Client) => Promise<Result>): Promise<Result>;
  /** Waits until a leader has released its lease, or this long. */
  notified(ms: number, signal: AbortSignal | undefined): Promise<void>;
  close(): void;
}

export function createConnection(url: string): LeaseConnection {
  let client: Client | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let wake: () => void = () => undefined;

  async function connected(): Promise<Client> {
    if (client !== undefined) {
      return client;
    }
    const next = await newClient(url, { name: 'lawspeaker lease', timeoutMs: queryTimeoutMs });
    next.once('end', () => {
      client = client === next ? undefined : client;
    });
    next.on('notification', () => wake());
    try {
      await next.connect();
      await next.query(`LISTEN ${releasedChannel}`);
    } catch (error) {
      next.end().catch(() => undefined);
      throw error;
    }
    client = next;
    return next;
  }

  /** Makes a new connection the next time: this one may hang, or be in a transaction that has failed. */
  function drop(): void {
    client?.end().catch(() => undefined);
    client = undefined;
  }

  return {
    async use(work) {
      const result = last.then(async () => work(await connected()));
      last = result.catch(drop);
      return result;
    },
    async notified(ms, signal) {
      const woken = Promise.withResolvers<void>();
      wake = woken.resolve;
      const timeout = new AbortController();
      const ended = AbortSignal.any([timeout.signal, ...(signal === undefined ? [] : [signal])]);
      await Promise.race([
        woken.promise,
        wait(ms, undefined, { signal: ended }).catch(() => undefined),
      ]);
      timeout.abort();
    },
    close: drop,
  };
}

/** Whether PostgreSQL answers. */
export interface Answers {
  come(): void;
  fail(error: unknown): void;
}

/** Tells once that PostgreSQL does not answer, and once that it answers again. */
export function watchAnswers(
  tell: (whyNot: string | undefined) => void = () => undefined,
): Answers {
  let isAway = false;
  return {
    come() {
      if (isAway) {
        isAway = false;
        tell(undefined);
      }
    },
    fail(error) {
      if (!isAway) {
        isAway = true;
        tell(failedError(error).message);
      }
    },
  };
}
