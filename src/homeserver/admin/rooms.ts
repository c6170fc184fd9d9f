import { z } from 'zod';

import type { RoomAlias, RoomId, UserId } from '../../core/ids.ts';
import { apiObject, eventId, flag, maybe, nothing, readable, roomId, userId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { pageSize, paginate } from '../paginate.ts';

const summary = {
  room_id: roomId,
  name: maybe(z.string()),
  canonical_alias: maybe(z.string()),
  /** Null, like the names, if the server has no statistics of the room (yet): see `stats.enabled`. */
  joined_members: maybe(z.number()),
  joined_local_members: maybe(z.number()),
  version: maybe(z.string()),
  creator: maybe(z.string()),
  /** The algorithm; null if the room is not encrypted. */
  encryption: maybe(z.string()),
  federatable: flag,
  /** Whether it is in the room directory, which says nothing about who may join. */
  public: flag,
  join_rules: maybe(z.string()),
  guest_access: maybe(z.string()),
  history_visibility: maybe(z.string()),
  state_events: maybe(z.number()),
  /** For example `m.space`. */
  room_type: maybe(z.string()),
};

const roomSummary = apiObject(summary);

export type RoomSummary = z.output<typeof roomSummary>;

const roomDetail = apiObject({
  ...summary,
  avatar: maybe(z.string()),
  topic: maybe(z.string()),
  joined_local_devices: maybe(z.number()),
  /** Whether all local members have left and forgotten it. */
  forgotten: flag,
  tombstoned: flag,
  replacement_room: maybe(z.string()),
});

export type RoomDetail = z.output<typeof roomDetail>;

const roomPage = apiObject({
  rooms: z.array(roomSummary),
  offset: maybe(z.number()),
  total_rooms: z.number(),
  next_batch: maybe(z.number()),
  prev_batch: maybe(z.number()),
});

type RoomPage = z.output<typeof roomPage>;

export const roomOrders = [
  'name',
  'canonical_alias',
  'joined_members',
  'joined_local_members',
  'version',
  'creator',
  'encryption',
  'federatable',
  'public',
  'join_rules',
  'guest_access',
  'history_visibility',
  'state_events',
] as const;

export interface RoomQuery {
  /**
   * Part of the name or of the canonical alias's localpart, or the whole ID; not empty. For matches by
   * name or alias, the server ignores `publicRooms` and `emptyRooms` (seen on 1.163.2).
   */
  readonly searchTerm?: string | undefined;
  /** Only rooms in the directory, or only the others. */
  readonly publicRooms?: boolean | undefined;
  /** Only rooms without joined members, or only the others. */
  readonly emptyRooms?: boolean | undefined;
  readonly orderBy?: (typeof roomOrders)[number] | undefined;
  /** For counts, `f` starts with the largest. */
  readonly dir?: 'f' | 'b' | undefined;
  /** Rooms per page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: number | undefined;
}

const roomMembers = apiObject({ members: z.array(userId), total: z.number() });

type RoomMembers = z.output<typeof roomMembers>;

export interface RoomDeletion {
  /** Whether to prevent local users from joining the room again. */
  readonly block: boolean;
  /** Whether to remove all traces from the database; true by default. */
  readonly purge?: boolean | undefined;
  /** Purge even if local users could not be removed. */
  readonly forcePurge?: boolean | undefined;
  /** A local account that creates a replacement room, which local members are joined to. */
  readonly newRoomUserId?: UserId | undefined;
  /** The replacement room's name. */
  readonly roomName?: string | undefined;
  /** The replacement room's first message. */
  readonly message?: string | undefined;
}

const deletionStatus = apiObject({
  delete_id: maybe(z.string()),
  room_id: maybe(roomId),
  status: z.enum(['scheduled', 'active', 'complete', 'failed', 'cancelled']),
  /** Null until the first step is done, and if it failed. */
  shutdown_room: maybe(
    apiObject({
      kicked_users: z.array(userId).default([]),
      failed_to_kick_users: z.array(userId).default([]),
      local_aliases: z.array(z.string()).default([]),
      new_room_id: maybe(roomId),
    }),
  ),
});

/** The progress of a deletion. The endpoint does not say why a deletion failed. */
export type RoomDeletionStatus = z.output<typeof deletionStatus>;

const blocked = apiObject({ block: z.boolean() });

const spaceRoom = apiObject({
  room_id: roomId,
  name: maybe(z.string()),
  canonical_alias: maybe(z.string()),
  num_joined_members: z.number(),
  join_rule: maybe(z.string()),
  encryption: maybe(z.string()),
  /** `m.space` for a space. */
  room_type: maybe(z.string()),
  /** The `m.space.child` events of a space; a child may be unknown to this server. */
  children_state: readable(apiObject({ state_key: roomId })),
});

/** A room of a space, and the rooms that it names as its own. */
export type SpaceRoom = z.output<typeof spaceRoom>;

const spacePage = apiObject({ rooms: z.array(spaceRoom), next_batch: maybe(z.string()) });

const extremities = apiObject({
  count: z.number(),
  results: z.array(
    apiObject({
      event_id: eventId,
      state_group: maybe(z.number()),
      depth: maybe(z.number()),
      /** When this server received it, in milliseconds since 1970. */
      received_ts: maybe(z.number()),
    }),
  ),
});

/** The events of a room that no other event follows yet. */
type ForwardExtremities = z.output<typeof extremities>;

/** Rooms, by `/_synapse/admin/v1/rooms` and `/v2/rooms`. */
export function roomsApi(send: SendRequest) {
  const listPath = '/_synapse/admin/v1/rooms';
  const blockPath = '/_synapse/admin/v1/rooms/{room_id}/block';

  async function list(query: RoomQuery = {}): Promise<RoomPage> {
    return send('GET', listPath, {
      query: {
        search_term: query.searchTerm,
        public_rooms: query.publicRooms,
        empty_rooms: query.emptyRooms,
        order_by: query.orderBy,
        dir: query.dir,
        limit: pageSize(query.limit),
        from: query.from,
      },
      answer: roomPage,
    });
  }

  async function get(room: RoomId): Promise<RoomDetail> {
    return send('GET', '/_synapse/admin/v1/rooms/{room_id}', {
      path: { room_id: room },
      answer: roomDetail,
    });
  }

  return {
    /**
     * One page of the rooms that the server knows. Names and counts, here and in `get`, come from the
     * server's statistics, which follow the events with a short delay. GET /_synapse/admin/v1/rooms
     */
    list,

    /** All rooms on all pages of `list`, one by one. */
    all(query: RoomQuery = {}): AsyncGenerator<RoomSummary, void, undefined> {
      return paginate(`GET ${listPath}`, query.from, async (from) => {
        const page = await list({ ...query, from });
        return { items: page.rooms, next: page.nextBatch };
      });
    },

    /**
     * One room. GET /_synapse/admin/v1/rooms/{room_id}
     *
     * @throws HomeserverError 404 unknown
     */
    get,

    /** Like `get`, but undefined for an unknown room. */
    async find(room: RoomId): Promise<RoomDetail | undefined> {
      return ifFound(async () => get(room));
    },

    /**
     * Joined users of this and other servers. GET /_synapse/admin/v1/rooms/{room_id}/members
     *
     * @throws HomeserverError 404 unknown
     */
    async members(room: RoomId): Promise<RoomMembers> {
      return send('GET', '/_synapse/admin/v1/rooms/{room_id}/members', {
        path: { room_id: room },
        answer: roomMembers,
      });
    },

    /**
     * Starts to remove a room from this server: local users are removed, then the history. Members on
     * other servers keep theirs. Accepts unknown rooms: call `get` first.
     * DELETE /_synapse/admin/v2/rooms/{room_id}
     *
     * @returns the ID for `deletionStatus`
     * @throws HomeserverError 400 a deletion of this room is running already
     */
    async delete(room: RoomId, options: RoomDeletion): Promise<string> {
      const answer = await send('DELETE', '/_synapse/admin/v2/rooms/{room_id}', {
        path: { room_id: room },
        body: {
          block: options.block,
          purge: options.purge,
          force_purge: options.forcePurge,
          new_room_user_id: options.newRoomUserId,
          room_name: options.roomName,
          message: options.message,
        },
        answer: apiObject({ delete_id: z.string() }),
      });
      return answer.deleteId;
    },

    /**
     * The progress of a deletion; undefined if the server does not know it. It forgets deletions after
     * 7 days. GET /_synapse/admin/v2/rooms/delete_status/{delete_id}
     */
    async deletionStatus(deleteId: string): Promise<RoomDeletionStatus | undefined> {
      return ifFound(async () =>
        send('GET', '/_synapse/admin/v2/rooms/delete_status/{delete_id}', {
          path: { delete_id: deleteId },
          answer: deletionStatus,
        }),
      );
    },

    /**
     * Whether users of this server are prevented from joining a room. The room may be unknown here.
     * GET /_synapse/admin/v1/rooms/{room_id}/block
     */
    async isBlocked(room: RoomId): Promise<boolean> {
      const { block } = await send('GET', blockPath, { path: { room_id: room }, answer: blocked });
      return block;
    },

    /**
     * Prevents users of this server from joining a room, or allows it again. The room may be unknown
     * here; its members stay. Idempotent. PUT /_synapse/admin/v1/rooms/{room_id}/block
     */
    async setBlocked(room: RoomId, block: boolean): Promise<void> {
      await send('PUT', blockPath, { path: { room_id: room }, body: { block }, answer: blocked });
    },

    /**
     * The rooms of a space, the space first, each before its own children. Of 50 rooms on a page, Synapse
     * gives 5 pages a second. It leaves out rooms that no user of this server is in, and may repeat the room
     * before in their place (seen on 1.163.2). A room that is not a
     * space is its only room; an unknown one is an internal error: call `get` first.
     * GET /_synapse/admin/v1/rooms/{room_id}/hierarchy
     *
     * @param options.maxDepth 0 for the space alone, 1 for its own rooms too; by default there is no limit
     */
    hierarchy(
      room: RoomId,
      options: { readonly maxDepth?: number | undefined; readonly limit?: number } = {},
    ): AsyncGenerator<SpaceRoom, void, undefined> {
      const request = ['GET', '/_synapse/admin/v1/rooms/{room_id}/hierarchy'] as const;
      return paginate<SpaceRoom, string>(request.join(' '), undefined, async (from) => {
        const page = await send(...request, {
          path: { room_id: room },
          query: { from, limit: pageSize(options.limit), max_depth: options.maxDepth },
          answer: spacePage,
        });
        return { items: page.rooms, next: page.nextBatch };
      });
    },

    /**
     * The events that no other event of the room follows yet; none for an unknown room.
     * GET /_synapse/admin/v1/rooms/{room_id}/forward_extremities
     */
    async forwardExtremities(room: RoomId): Promise<ForwardExtremities> {
      return send('GET', '/_synapse/admin/v1/rooms/{room_id}/forward_extremities', {
        path: { room_id: room },
        answer: extremities,
      });
    },

    /**
     * Gives a user the highest power level that a joined local user has, in that user's name, and invites
     * them if the room is not public. They need not exist. It counts against the message limit of the
     * local user. POST /_synapse/admin/v1/rooms/{room_id}/make_room_admin
     *
     * @throws HomeserverError 400 no joined local user has the power, or the user is a creator of a room
     * of version 12; 429 the local user has sent too much
     */
    async makeAdmin(room: RoomId, user: UserId): Promise<void> {
      return send('POST', '/_synapse/admin/v1/rooms/{room_id}/make_room_admin', {
        path: { room_id: room },
        body: { user_id: user },
        answer: nothing,
      });
    },

    /**
     * Joins a local account to a room. If the room is not public, the caller must be in it and have the
     * power to invite. Idempotent. POST /_synapse/admin/v1/join/{room_id_or_alias}
     *
     * @param options.via servers that know the room, if this server does not
     * @throws HomeserverError 403 the caller can't invite, the account is banned (`M_BAD_STATE`) or
     * the room is blocked; 404 unknown account, alias or room; 502 its servers are down
     */
    async join(
      room: RoomId | RoomAlias,
      user: UserId,
      options: { via?: readonly string[] } = {},
    ): Promise<RoomId> {
      const answer = await send('POST', '/_synapse/admin/v1/join/{room_id_or_alias}', {
        path: { room_id_or_alias: room },
        query: { server_name: options.via },
        body: { user_id: user },
        answer: apiObject({ room_id: roomId }),
      });
      return answer.roomId;
    },
  };
}
