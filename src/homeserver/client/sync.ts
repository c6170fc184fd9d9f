import { z } from 'zod';

import { apiObject } from '../decode.ts';
import type { SendRequest } from '../http.ts';

const events = z.array(z.unknown()).default([]);
const userIds = z.array(z.string()).default([]);

const joinedRoom = z.object({
  timeline: apiObject({
    /** True if events before these were left out. */
    limited: z.boolean().default(false),
    /** Where the timeline begins, for `events.page`. */
    prev_batch: z.string().optional(),
    events,
  }).prefault({}),
  state: z.object({ events }).prefault({}),
});

const syncAnswer = apiObject({
  next_batch: z.string(),
  rooms: z
    .object({
      join: z.record(z.string(), joinedRoom).default({}),
      leave: z.record(z.string(), z.unknown()).default({}),
    })
    .prefault({}),
  to_device: z.object({ events }).prefault({}),
  device_lists: z.object({ changed: userIds, left: userIds }).prefault({}),
  device_one_time_keys_count: z.record(z.string(), z.number()).default({}),
  device_unused_fallback_key_types: z.array(z.string()).default([]),
});

/** What is new since the last sync. Events are raw. */
export type SyncAnswer = z.output<typeof syncAnswer>;

/** The part of a sync that is for this device: keys, and whose devices have changed. */
export type DeviceUpdate = Pick<
  SyncAnswer,
  'toDevice' | 'deviceLists' | 'deviceOneTimeKeysCount' | 'deviceUnusedFallbackKeyTypes'
>;

interface SyncQuery {
  /** The last answer's `nextBatch`; undefined to start at the newest. */
  readonly since: string | undefined;
  /** How long the server may hold the request if there is nothing new: up to 30 s. */
  readonly holdMs: number;
  /** https://spec.matrix.org/latest/client-server-api/#filtering */
  readonly filter: object;
}

/** A first sync of a large account takes minutes. */
const firstTimeoutMs = 600_000;
/** Longer than the server may hold a sync. */
const timeoutMs = 40_000;

/**
 * Asks what is new. Not retried: a repeated sync needs another `holdMs`, since Synapse caches
 * answers. GET /_matrix/client/v3/sync
 */
export function syncApi(send: SendRequest) {
  return async ({ since, holdMs, filter }: SyncQuery): Promise<SyncAnswer> =>
    send('GET', '/_matrix/client/v3/sync', {
      query: { since, timeout: holdMs, filter: JSON.stringify(filter) },
      answer: syncAnswer,
      timeoutMs: since === undefined ? firstTimeoutMs : timeoutMs,
      retry: 'never',
    });
}
