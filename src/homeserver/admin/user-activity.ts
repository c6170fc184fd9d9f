import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import { apiObject, maybe, readable, roomId } from '../decode.ts';
import type { SendRequest } from '../http.ts';

const connection = apiObject({
  ip: maybe(z.string()),
  last_seen: maybe(z.number()),
  user_agent: maybe(z.string()),
});

/** An IP address and client that an account used; `lastSeen` in milliseconds since 1970. */
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
  // Synapse sends one pseudo-device with one session; only the connections matter.
  .transform(({ devices }) =>
    Object.values(devices).flatMap(({ sessions }) =>
      sessions.flatMap(({ connections }) => connections),
    ),
  );

const memberships = z
  .object({ memberships: z.record(z.string(), z.unknown()) })
  .transform((answer): unknown[] =>
    Object.entries(answer.memberships).map(([room, membership]) => ({ roomId: room, membership })),
  )
  .pipe(readable(z.object({ roomId, membership: z.string() })));

/** A user's membership in a room: `join`, `leave`, `invite`, `ban` or `knock`. */
type Membership = z.output<typeof memberships>[number];

const contentByType = z.record(z.string(), z.unknown());

const accountData = z
  .object({
    account_data: z.object({
      global: contentByType.default({}),
      rooms: z.record(z.string(), contentByType).default({}),
    }),
  })
  .transform((answer) => answer.account_data);

/** Account data: contents by type, global and by room. */
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

/** An account's rooms, connections, account data and pushers. */
export function userActivityApi(send: SendRequest) {
  return {
    /**
     * IP addresses and clients that an account used recently; empty for an unknown account.
     * GET /_synapse/admin/v1/whois/{user_id}
     *
     * @throws HomeserverError 400 account of another server
     */
    async whois(user: UserId): Promise<Connection[]> {
      return send('GET', '/_synapse/admin/v1/whois/{user_id}', {
        path: { user_id: user },
        answer: whois,
      });
    },

    /**
     * Rooms that an account is in, in no particular order; empty for an unknown account. For a remote
     * user, the rooms shared with this server. GET /_synapse/admin/v1/users/{user_id}/joined_rooms
     */
    async joinedRooms(user: UserId) {
      return send('GET', '/_synapse/admin/v1/users/{user_id}/joined_rooms', {
        path: { user_id: user },
        answer: apiObject({ joined_rooms: z.array(roomId), total: z.number() }),
      });
    },

    /**
     * Rooms that an account is or was in, is invited to, is banned from or has knocked on, with its
     * membership. After a kick or a declined invite, that is `leave` too. Empty for an unknown
     * account and for one of another server. GET /_synapse/admin/v1/users/{user_id}/memberships
     */
    async memberships(user: UserId): Promise<Membership[]> {
      return send('GET', '/_synapse/admin/v1/users/{user_id}/memberships', {
        path: { user_id: user },
        answer: memberships,
      });
    },

    /**
     * How many invites an account has sent since a time; 0 for an unknown account.
     * GET /_synapse/admin/v1/users/{user_id}/sent_invite_count
     *
     * @param since milliseconds since 1970
     */
    async invitesSince(user: UserId, since: number): Promise<number> {
      const answer = await send('GET', '/_synapse/admin/v1/users/{user_id}/sent_invite_count', {
        path: { user_id: user },
        query: { from_ts: since },
        answer: apiObject({ invite_count: z.number() }),
      });
      return answer.inviteCount;
    },

    /**
     * How many rooms an account has joined since a time, also those that it has left; 0 for an unknown account.
     * GET /_synapse/admin/v1/users/{user_id}/cumulative_joined_room_count
     *
     * @param since milliseconds since 1970
     */
    async joinsSince(user: UserId, since: number): Promise<number> {
      const answer = await send(
        'GET',
        '/_synapse/admin/v1/users/{user_id}/cumulative_joined_room_count',
        {
          path: { user_id: user },
          query: { from_ts: since },
          answer: apiObject({ cumulative_joined_room_count: z.number() }),
        },
      );
      return answer.cumulativeJoinedRoomCount;
    },

    /**
     * An account's account data. GET /_synapse/admin/v1/users/{user_id}/accountdata
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
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
     * @throws HomeserverError 404 unknown account, 400 account of another server
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
