import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import { createBackoff } from '../../core/async/backoff.ts';
import {
  HomeserverError,
  LawspeakerError,
  SetupError,
  StoreError,
  codeOf,
} from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import type { SyncAnswer } from '../../homeserver/client/sync.ts';
import { retryDelay } from '../../homeserver/http-retries.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { createDecryptor } from './decrypt.ts';
import { readUpdate } from './room-update.ts';
import type { RoomUpdate } from './room-update.ts';

/** Where the sync token is kept. */
interface SyncStore {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}

export interface SyncOptions {
  readonly client: Pick<ClientApi, 'sync' | 'events' | 'rooms'>;
  readonly room: RoomId;
  readonly botUser: UserId;
  readonly crypto: RoomCrypto;
  readonly store: SyncStore;
  readonly log: Log;
  /** How long the homeserver may hold a sync if there is nothing new; 30 s by default. */
  readonly longPollMs?: number | undefined;
  /**
   * Takes events of the room, oldest first. `first` are those from before the bot's first start. The sync
   * token moves on after the promise has resolved; if it rejects, syncing ends.
   */
  readonly take: (events: readonly unknown[], how: 'first' | 'new') => Promise<void>;
  /** Resolves when the next sync may be sent, after events were taken in. */
  readonly beforeNext?: () => Promise<void>;
  /** Takes events whose keys did not arrive in time; otherwise as `take`. */
  readonly giveUp: (events: readonly object[]) => Promise<void>;
  /** Other rooms to listen to, as long as `rooms` lists them. */
  readonly watched?: {
    rooms(): readonly RoomId[];
    /** Something has happened there. */
    changed(room: RoomId): void;
  };
  /** So many events were missed that the oldest were not read. Otherwise as `take`. */
  readonly onCut: () => Promise<void>;
  /** The homeserver answers again after an outage. */
  readonly onOnline: () => void;
  /** The homeserver refused the stored sync token; the next sync starts at the newest events. */
  readonly placeRefused: (token: string) => Promise<void>;
  /** Syncing has ended and can't go on. */
  readonly onFatal: (error: unknown) => void;
}

export interface SyncHealth {
  readonly online: boolean;
  readonly lastSyncAt: number | undefined;
  readonly failures: number;
}

/** Syncs the management room. */
export interface RoomSync {
  readonly health: SyncHealth;
  /**
   * Milliseconds since the homeserver's last answer was taken in, by a clock that nobody sets back;
   * undefined before the first answer.
   */
  readonly ageMs: number | undefined;
  /**
   * Starts syncing. Resolves after the first sync: events from then on count as new, even at the very
   * first start.
   */
  start(): Promise<void>;
  stop(): void;
}

/** How long the homeserver may hold a sync by default. */
export const usualLongPollMs = 30_000;
/** Used while an event waits for its key, because somebody is waiting for an answer. */
const shortPollMs = 5000;
const firstRetryMs = 1000;
const maxRetryMs = 30_000;
/** The longest timeline that Synapse gives. */
const timelineLimit = 100;

/** Asks only for these rooms: the cost must not grow with the number of rooms that the bot is in. */
function filterFor(rooms: readonly RoomId[]): object {
  return {
    presence: { types: [] },
    account_data: { types: [] },
    room: {
      rooms,
      timeline: { limit: timelineLimit },
      ephemeral: { types: [] },
      account_data: { types: [] },
    },
  };
}

/**
 * Syncs the management room: stores the token only after the events have been taken in, fills gaps, and
 * skips nothing if taking in fails.
 */
export function createSync(options: SyncOptions): RoomSync {
  const { client, room, botUser, crypto, store, log, watched } = options;
  const { longPollMs = usualLongPollMs } = options;
  const decryptor = createDecryptor({ crypto, room, botUser, store });
  const stopping = new AbortController();
  const firstSync = Promise.withResolvers<void>();
  let health: SyncHealth = { online: false, lastSyncAt: undefined, failures: 0 };
  let answeredAtMs: number | undefined;

  async function ask(since: string | undefined, holdMs: number): Promise<SyncAnswer | 'refused'> {
    try {
      const filter = filterFor([room, ...(watched?.rooms() ?? [])]);
      return await client.sync({ since, holdMs, filter });
    } catch (error) {
      // Only the homeserver itself can refuse a token; a proxy's 400 says nothing about it.
      if (since !== undefined && error instanceof HomeserverError && error.status === 400) {
        log.error({ reason: error.message }, 'the homeserver does not accept the sync token');
        return 'refused';
      }
      throw error;
    }
  }

  async function nextUpdate(
    since: string | undefined,
    holdMs: number,
  ): Promise<(RoomUpdate & { readonly token: string }) | 'refused'> {
    const answer = await ask(since, holdMs);
    if (answer === 'refused') {
      return answer;
    }
    // Keys come before the events that they open. If this process dies before the token is stored, or the
    // next request fails, the same keys come again: the homeserver keeps them until then.
    await crypto.receive(answer);
    const { join, leave } = answer.rooms;
    if (leave[room] !== undefined) {
      throw new SetupError(
        'The bot was removed from the management room.',
        'Invite it again and start it.',
      );
    }
    for (const other of watched?.rooms() ?? []) {
      if (join[other] !== undefined || leave[other] !== undefined) {
        watched?.changed(other);
      }
    }
    const update = await readUpdate(client, room, since, answer);
    await crypto.follow(room, update.events);
    return { ...update, token: answer.nextBatch };
  }

  async function take(events: readonly unknown[], how: 'first' | 'new'): Promise<void> {
    const decrypted = await decryptor.decrypt(events, how);
    if (decrypted.late.length > 0) {
      await options.take(decrypted.late, 'new');
    }
    if (decrypted.events.length > 0) {
      await options.take(decrypted.events, how);
    }
    if (decrypted.unreadable.length > 0) {
      await options.giveUp(decrypted.unreadable);
    }
    await decrypted.done();
  }

  /**
   * If a token can't be stored, the same events come again after a restart, and are known by then. The
   * next event that can't be taken in ends the bot and is reported where it belongs.
   */
  async function storeToken(token: string, before: string | undefined): Promise<void> {
    try {
      await store.set('token', token);
    } catch (error) {
      // Without any token, the next start would skip what comes until then.
      if (!(error instanceof StoreError) || before === undefined) {
        throw error;
      }
      log.warn({ reason: error.message }, 'the sync token could not be stored');
    }
  }

  /** Before its events are taken in: a command among them may ask how syncing goes. */
  function noteAnswer(): void {
    health = { ...health, online: true, lastSyncAt: Date.now() };
    answeredAtMs = performance.now();
  }

  async function run(): Promise<void> {
    let since = await store.get('token');
    const backoff = createBackoff({ firstMs: firstRetryMs, maxMs: maxRetryMs });
    // If the bot was stopped during a sync, Synapse may still cache the answer to it. A sync with another
    // timeout is answered anew, and events come together with their redactions.
    let holdMs = since === undefined ? uncachedHoldMs() : 0;
    while (!stopping.signal.aborted) {
      let update: Awaited<ReturnType<typeof nextUpdate>>;
      try {
        update = await nextUpdate(since, holdMs);
      } catch (error) {
        assertMayPass(error);
        health = { ...health, online: false, failures: health.failures + 1 };
        const delayMs = retryDelay(error, backoff.next());
        if (!stopping.signal.aborted) {
          const reason = error instanceof LawspeakerError ? error.message : codeOf(error);
          log.warn({ reason, delayMs }, 'syncing failed, trying again');
        }
        await wait(delayMs, undefined, { signal: stopping.signal });
        holdMs = since === undefined ? uncachedHoldMs() : 0;
        continue;
      }
      if (update === 'refused') {
        await options.placeRefused(since ?? '');
        since = undefined;
        holdMs = uncachedHoldMs();
        continue;
      }
      const wasAway = !health.online;
      noteAnswer();
      await take(update.events, since === undefined ? 'first' : 'new');
      if (!update.isWhole) {
        await options.onCut();
      }
      await storeToken(update.token, since);
      since = update.token;
      backoff.reset();
      holdMs = decryptor.isWaiting ? Math.min(shortPollMs, longPollMs) : longPollMs;
      firstSync.resolve();
      if (wasAway) {
        options.onOnline();
      }
      await options.beforeNext?.();
    }
  }

  return {
    get health() {
      return health;
    },
    get ageMs() {
      return answeredAtMs === undefined ? undefined : performance.now() - answeredAtMs;
    },
    async start() {
      const running = run().catch((error: unknown) => {
        if (!stopping.signal.aborted) {
          options.onFatal(error);
        }
      });
      await Promise.race([firstSync.promise, running]);
    },
    stop: () => stopping.abort(),
  };
}

/**
 * How long a first sync may be held, though it never is. Synapse caches the answer to a first sync for
 * minutes: with a timeout that nobody has used before, events since then don't count as new.
 */
function uncachedHoldMs(): number {
  return randomInt(1, 1_000_000);
}

/** Throws errors that waiting can't fix. */
function assertMayPass(error: unknown): void {
  if (error instanceof SetupError) {
    throw error;
  }
  if (error instanceof HomeserverError && error.status === 401) {
    throw new SetupError(
      `The homeserver no longer accepts the bot’s access token (${error.errcode}).`,
      'Log in again and set homeserver.accessToken.',
    );
  }
}
