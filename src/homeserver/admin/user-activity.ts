import { z } from 'zod';

import { parseRoomId } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { apiObject, maybe, roomId } from '../decode.ts';
import type { SendRequest } from '../request.ts';

const connection = apiObject({
  ip: maybe(z.string()),
  last_seen: maybe(z.number()),
  user_agent: maybe(z.string()),
});

/** An address and program that an account was seen with; `lastSeen` in milliseconds since 1970. */
export type Connection = z.output<typeof connection>;

const whois = z
  .object({
    devices: z.record(
      z.string(),
      z.object({
        sessions: z.array(z.object({ connections: z.array(connection) })).default([]),
      }),
    ),
  })
  // Synapse has one pseudo-device with one session: what matters are the connections.
  .transform(({ devices }) =>
    Object.values(devices).flatMap(({ sessions }) =>
      sessions.flatMap(({ connections }) => connections),
    ),
  );

/** How a user stands in a room: `join`, `leave`, `invite`, `ban` or `knock`. */
export interface Membership {
  readonly roomId: RoomId;
  readonly membership: string;
}

const contentByType = z.record(z.string(), z.unknown());

const accountData = z
  .object({
    account_data: z.object({
      global: contentByType.default({}),
      rooms: z.record(z.string(), contentByType).default({}),
    }),
  })
  .transform((answer) => answer.account_data);

/** What an account keeps on the server: contents by type, for all rooms and for single ones. */
export type AccountData = z.output<typeof accountData>;

const pusher = apiObject({
  app_id: z.string(),
  kind: maybe(z.string()),
  app_display_name: maybe(z.string()),
  device_display_name: maybe(z.string()),
  device_id: maybe(z.string()),
  lang: maybe(z.string()),
  profile_tag: maybe(z.string()),
  pushkey: maybe(z.string()),
  data: z.record(z.string(), z.unknown()).nullish(),
  enabled: maybe(z.boolean()),
});

export type Pusher = z.output<typeof pusher>;

/** Where an account is, what it was seen with, what it keeps. */
export function userActivityApi(send: SendRequest) {
  return {
    /**
     * Addresses and programs that an account was lately seen with; empty for an unknown account.
     * GET /_synapse/admin/v1/whois/{user_id}
     *
     * @throws HomeserverError 400 of another server
     */
    async whois(user: UserId): Promise<Connection[]> {
      return send('GET', '/_synapse/admin/v1/whois/{user_id}', {
        path: { user_id: user },
        answer: whois,
      });
    },

    /**
     * Rooms that an account is in, without order; empty for an unknown account. Of a remote user:
     * those shared with this server. GET /_synapse/admin/v1/users/{user_id}/joined_rooms
     */
    async joinedRooms(user: UserId) {
      return send('GET', '/_synapse/admin/v1/users/{user_id}/joined_rooms', {
        path: { user_id: user },
        answer: apiObject({ joined_rooms: z.array(roomId), total: z.number() }),
      });
    },

    /**
     * Rooms that a user is or was in, or was asked into, with how it stands there; empty for an unknown
     * user. Rooms that were left stay among them. GET /_synapse/admin/v1/users/{user_id}/memberships
     */
    async memberships(user: UserId): Promise<Membership[]> {
      const answer = await send('GET', '/_synapse/admin/v1/users/{user_id}/memberships', {
        path: { user_id: user },
        answer: apiObject({ memberships: z.record(z.string(), z.string()) }),
      });
      return Object.entries(answer.memberships).flatMap(([room, membership]) => {
        const roomId = parseRoomId(room);
        return roomId === undefined ? [] : { roomId, membership };
      });
    },

    /**
     * An account's account data. GET /_synapse/admin/v1/users/{user_id}/accountdata
     *
     * @throws HomeserverError 404 unknown, 400 of another server
     */
    async accountData(user: UserId): Promise<AccountData> {
      return send('GET', '/_synapse/admin/v1/users/{user_id}/accountdata', {
        path: { user_id: user },
        answer: accountData,
      });
    },

    /**
     * Where an account's notifications go. GET /_synapse/admin/v1/users/{user_id}/pushers
     *
     * @throws HomeserverError 404 unknown, 400 of another server
     */
    async pushers(user: UserId): Promise<Pusher[]> {
      const answer = await send('GET', '/_synapse/admin/v1/users/{user_id}/pushers', {
        path: { user_id: user },
        answer: apiObject({ pushers: z.array(pusher) }),
      });
      return answer.pushers;
    },
  };
}
