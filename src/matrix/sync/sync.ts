import { randomInt } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

import { z } from 'zod';

import { HomeserverError, SetupError, StoreError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { createMatrixCall, roomState, translateSdkError, waitAfter } from '../client.ts';
import type { MatrixCall } from '../client.ts';
import type { RoomCrypto } from '../crypto/room-crypto.ts';
import { MatrixClient, MatrixError } from '../crypto/sdk.ts';
import { createReader } from './missing-keys.ts';
import type { Reader } from './missing-keys.ts';
import { readGap } from './sync-gap.ts';

/** Where the transport keeps its place. */
export interface SyncStore {
  get(name: string): Promise<string | undefined>;
  set(name: string, value: string | undefined): Promise<void>;
}

export interface SyncOptions {
  readonly url: string;
  readonly accessToken: string;
  readonly room: RoomId;
  readonly botUser: UserId;
  readonly crypto: RoomCrypto;
  readonly store: SyncStore;
  readonly log: Log;
  /** How long the homeserver may hold a sync when there is nothing new; 30 s by default. */
  readonly longPollMs?: number | undefined;
  /**
   * New events of the room, oldest first, and how they were come by: `first` is what stood there
   * before the bot's first start. The sync token moves on after the promise has resolved; when it
   * rejects, syncing ends.
   */
  readonly take: (events: readonly unknown[], how: 'first' | 'new') => Promise<void>;
  /** Events whose keys did not come in time; as with `take`. */
  readonly giveUp: (events: readonly object[]) => Promise<void>;
  /** Other rooms in which something may happen that matters, for as long as `rooms` lists them. */
  readonly watched?: {
    rooms(): readonly RoomId[];
    /** Something has happened there. */
    changed(room: RoomId): void;
  };
  /** So much was said during an absence that the oldest of it was not read. As with `take`. */
  readonly onCut: () => Promise<void>;
  /** The homeserver answers again after it did not. */
  readonly onOnline: () => void;
  /** The homeserver does not know the stored place; the next sync begins at the newest. */
  readonly placeRefused: (token: string) => Promise<void>;
  /** Syncing has ended and can't go on. */
  readonly onFatal: (error: unknown) => void;
}

export interface SyncHealth {
  readonly online: boolean;
  readonly lastSyncAt: number | undefined;
  readonly failures: number;
}

const roomUpdate = z.object({
  timeline: z
    .object({
      limited: z.boolean().optional(),
      prev_batch: z.string().optional(),
      events: z.array(z.unknown()).default([]),
    })
    .prefault({}),
  state: z.object({ events: z.array(z.unknown()).default([]) }).prefault({}),
});

const syncResponse = z.object({
  next_batch: z.string(),
  rooms: z
    .object({
      join: z.record(z.string(), z.unknown()).default({}),
      leave: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
});

interface Update {
  readonly token: string;
  readonly events: unknown[];
  /** So much was missed that not all of it was read. */
  readonly isCut: boolean;
}

/** How long the homeserver may hold a sync, unless it is told otherwise. */
export const usualLongPollMs = 30_000;
/** While an event waits for its key: somebody sits before it. */
const shortPollMs = 5000;
/** As the SDK has it. */
const firstSyncTimeoutMs = 600_000;
const syncTimeoutMs = 40_000;
const firstRetryMs = 1000;
const maxRetryMs = 30_000;
/** Synapse gives no more of a timeline at once. */
const timelineLimit = 100;

/**
 * Asks for the management room, and for others only as long as they are watched: the cost doesn't grow
 * with the rooms of the bot's account.
 */
export function syncFilter(room: RoomId, watched: readonly RoomId[] = []): object {
  return {
    presence: { types: [] },
    account_data: { types: [] },
    room: {
      rooms: [room, ...watched],
      timeline: { limit: timelineLimit },
      ephemeral: { types: [] },
      account_data: { types: [] },
    },
  };
}

/**
 * matrix-bot-sdk's client with a sync loop of ours: the token is stored after the events have been
 * taken in, gaps are filled, and nothing is skipped when taking in fails.
 */
export class RoomSync extends MatrixClient {
  readonly #options: SyncOptions;
  readonly #call: MatrixCall;
  readonly #reader: Reader;
  readonly #stop = new AbortController();
  readonly #firstSync = Promise.withResolvers<void>();
  #health: SyncHealth = { online: false, lastSyncAt: undefined, failures: 0 };
  #answeredAtMs: number | undefined;

  constructor(options: SyncOptions) {
    super(options.url, options.accessToken, storageOn(options.store));
    this.#options = options;
    this.#call = createMatrixCall(this);
    const { crypto, room, botUser: own, store } = options;
    this.#reader = createReader({ crypto, room, own, store });
  }

  get health(): SyncHealth {
    return this.#health;
  }

  /**
   * Milliseconds since what the homeserver last answered was taken in, by a clock that nobody sets back;
   * undefined before the first answer.
   */
  get ageMs(): number | undefined {
    return this.#answeredAtMs === undefined ? undefined : performance.now() - this.#answeredAtMs;
  }

  /**
   * The loop that `start()` of the SDK ends in. Resolves after the first sync: what is said from then on
   * is new, also at the very first start.
   */
  override async startSync(): Promise<void> {
    const loop = this.#loop().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) {
        this.#options.onFatal(error);
      }
    });
    await Promise.race([this.#firstSync.promise, loop]);
  }

  override stop(): void {
    super.stop();
    this.#stop.abort();
  }

  /** With a filter of its own as long as other rooms are watched: the stored one stays as it is. */
  override async doSync(token: string): Promise<unknown> {
    const { room, watched } = this.#options;
    const others = watched?.rooms() ?? [];
    if (others.length === 0) {
      return super.doSync(token);
    }
    return this.doRequest(
      'GET',
      '/_matrix/client/v3/sync',
      {
        ...(token === '' ? {} : { since: token }),
        timeout: Math.max(0, this.syncingTimeout),
        filter: JSON.stringify(syncFilter(room, others)),
      },
      null,
      token === '' ? firstSyncTimeoutMs : syncTimeoutMs,
    );
  }

  async #loop(): Promise<void> {
    const { store, log, onOnline, longPollMs = usualLongPollMs } = this.#options;
    let since = (await store.get('token')) ?? '';
    let delayMs = firstRetryMs;
    // Synapse may still hold the answer to a request like this one, cut off when the bot stopped: with
    // another timeout it is asked anew, and events come together with their redactions.
    this.syncingTimeout = since === '' ? newTimeout() : 0;
    while (!this.#stop.signal.aborted) {
      let update: Update;
      try {
        update = await this.#nextUpdate(since);
      } catch (thrown) {
        const error = translateSdkError(thrown, 'GET /_matrix/client/v3/sync');
        assertCanGoOn(error);
        if (since !== '' && isRefusedPlace(thrown)) {
          log.error({ reason: error.message }, 'the homeserver does not take the sync token');
          await this.#options.placeRefused(since);
          since = '';
          this.syncingTimeout = newTimeout();
          continue;
        }
        this.#health = { ...this.#health, online: false, failures: this.#health.failures + 1 };
        const waitMs = waitAfter(error, delayMs);
        if (!this.#stop.signal.aborted) {
          log.warn({ reason: error.message, delayMs: waitMs }, 'syncing failed, trying again');
        }
        await wait(waitMs, undefined, { signal: this.#stop.signal });
        delayMs = Math.min(delayMs * 2, maxRetryMs);
        this.syncingTimeout = since === '' ? newTimeout() : 0;
        continue;
      }
      await this.#take(update.events, since === '' ? 'first' : 'new');
      if (update.isCut) {
        await this.#options.onCut();
      }
      await this.#keepToken(update.token, since);
      since = update.token;
      delayMs = firstRetryMs;
      this.syncingTimeout = this.#reader.isWaiting ? Math.min(shortPollMs, longPollMs) : longPollMs;
      const wasAway = !this.#health.online;
      this.#health = { ...this.#health, online: true, lastSyncAt: Date.now() };
      this.#answeredAtMs = performance.now();
      this.#firstSync.resolve();
      if (wasAway) {
        onOnline();
      }
    }
  }

  /**
   * A token that can't be stored costs nothing but that the same events come again after a restart,
   * and are known then. What fails next to be taken in ends the bot, and is told to whom it concerns.
   */
  async #keepToken(token: string, before: string): Promise<void> {
    const { store, log } = this.#options;
    try {
      await store.set('token', token);
    } catch (error) {
      // Without any, the next start would pass over what comes until then.
      if (!(error instanceof StoreError) || before === '') {
        throw error;
      }
      log.warn({ reason: error.message }, 'the sync token could not be stored');
    }
  }

  async #take(events: readonly unknown[], how: 'first' | 'new'): Promise<void> {
    const { take, giveUp } = this.#options;
    const reading = await this.#reader.read(events, how);
    if (reading.late.length > 0) {
      await take(reading.late, 'new');
    }
    if (reading.events.length > 0) {
      await take(reading.events, how);
    }
    if (reading.unreadable.length > 0) {
      await giveUp(reading.unreadable);
    }
    await reading.done();
  }

  async #nextUpdate(since: string): Promise<Update> {
    const { room, crypto } = this.#options;
    const raw: unknown = await this.doSync(since);
    const { next_batch: token, rooms } = syncResponse.parse(raw);
    // Keys come before what they open. Should this process die before the token is stored, or the next
    // request fail, the same keys come again: the homeserver keeps them until then.
    await crypto.receive(raw);
    if (rooms.leave[room] !== undefined) {
      throw new SetupError(
        'The bot was removed from the management room.',
        'Invite it again and start it.',
      );
    }
    for (const other of this.#options.watched?.rooms() ?? []) {
      if (rooms.join[other] !== undefined || rooms.leave[other] !== undefined) {
        this.#options.watched?.changed(other);
      }
    }
    const { timeline, state } = roomUpdate.parse(rooms.join[room] ?? {});
    const missed =
      timeline.limited === true && since !== '' && timeline.prev_batch !== undefined
        ? await readGap(this.#call, room, { since, before: timeline.prev_batch })
        : { events: [], isWhole: true };
    // Where the room's history has branched, Synapse's `state` can be that of a branch: roles that were
    // taken away would come back. What is so now, the room itself says.
    const stated =
      since === '' || (state.events.length === 0 && missed.isWhole)
        ? []
        : await roomState(this.#call, room);
    const events =
      since === ''
        ? [...state.events, ...timeline.events]
        : [...missed.events, ...timeline.events, ...stated];
    await crypto.follow(room, events);
    return { token, events, isCut: !missed.isWhole };
  }
}

/**
 * Synapse keeps the answer to a first sync for minutes, with a place from then. With a timeout that nobody
 * has asked with before, what was said since does not come as new. Such a sync never waits.
 */
function newTimeout(): number {
  return randomInt(1, 1_000_000);
}

/** Only in the homeserver's own words: a proxy's are no reason to give up a place. */
function isRefusedPlace(thrown: unknown): boolean {
  return thrown instanceof MatrixError && thrown.statusCode === 400;
}

/** Throws what waiting can't mend. */
function assertCanGoOn(error: Error): void {
  if (error instanceof SetupError) {
    throw error;
  }
  if (error instanceof HomeserverError && error.status === 401) {
    throw new SetupError(
      `The homeserver no longer accepts the bot’s access token (${error.errcode}).`,
      'Log in anew and set homeserver.accessToken.',
    );
  }
}

/** The SDK's storage on our table: its filter and token, and nothing else. */
function storageOn(store: SyncStore) {
  return {
    setSyncToken: async (token: string | null) => store.set('token', token ?? undefined),
    getSyncToken: async () => (await store.get('token')) ?? null,
    setFilter: async (filter: unknown) => store.set('filter', JSON.stringify(filter)),
    getFilter: async () => JSON.parse((await store.get('filter')) ?? 'null') as never,
    readValue: async (key: string) => store.get(`sdk.${key}`),
    storeValue: async (key: string, value: string) => store.set(`sdk.${key}`, value),
  };
}
