import type { PollTimes } from '../../core/async/poll.ts';
import { HomeserverError, TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { RoomEvent, StateEvent } from '../../homeserver/admin/events.ts';
import type {
  RoomDeletion,
  RoomDetail,
  RoomQuery,
  RoomSummary,
} from '../../homeserver/admin/rooms.ts';
import type { RoomSize } from '../../homeserver/admin/statistics.ts';
import { rowsPerRequest } from '../pages.ts';
import type { Pages } from '../pages.ts';
import { noSuchMessage, readConversation } from './conversation.ts';
import {
  assertNotBeingDeleted,
  deleteRoom,
  lastDeletion,
  reconcileDeletion,
  roomsBeingDeleted,
} from './room-deletion.ts';
import { findRooms, nameRooms } from './room-names.ts';
import { makeRoomAdmin, planRoomAdmin, reconcileRoomAdmin } from './room-power.ts';
import { assertCanPurge, purgeHistory, reconcilePurge } from './room-purge.ts';
import { readSpace } from './space.ts';

/**
 * Rooms that this server knows.
 *
 * @param serverName the name of this server
 * @param deletionTimes how often to look whether Synapse has deleted or purged a room, and for how long
 */
export function createRoomService(
  api: Pick<AdminApi, 'events' | 'historyPurges' | 'rooms' | 'server' | 'statistics' | 'users'>,
  serverName: string,
  deletionTimes?: PollTimes,
) {
  async function hasMember(room: RoomId, user: UserId): Promise<boolean> {
    const { joinedRooms } = await api.users.joinedRooms(user);
    return joinedRooms.includes(room);
  }

  return {
    /** GET /_synapse/admin/v1/rooms */
    list: (query: RoomQuery): Pages<RoomSummary> => ({
      async page() {
        const page = await api.rooms.list(query);
        return {
          rows: page.rooms,
          total: page.totalRooms,
          nextFrom: page.nextBatch?.toString(),
        };
      },
      all: () => api.rooms.all({ ...query, limit: rowsPerRequest }),
    }),

    /** Undefined if this server doesn't know the room. */
    find: api.rooms.find,

    /** Those of the rooms that this server knows, in the order given. */
    findAll: async (rooms: readonly RoomId[]) => findRooms(api, rooms),

    /** The names of rooms, in the order given. */
    names: async (rooms: readonly RoomId[]) => nameRooms(api, rooms),

    /** Who is joined now, of this server and of others. */
    members: api.rooms.members,

    /** The rooms of a space, and of the spaces in it. */
    space: async (room: RoomId, maxDepth?: number) => readSpace(api, room, maxDepth),

    /** The events of a room that no other event follows yet; none for an unknown room. */
    forwardExtremities: api.rooms.forwardExtremities,

    /**
     * The rooms that take most of the database, the largest first.
     *
     * @throws TargetError this homeserver can't tell
     */
    async largest(): Promise<RoomSize[]> {
      try {
        return await api.statistics.largestRooms();
      } catch (error) {
        if (error instanceof HomeserverError && error.status === 400) {
          throw new TargetError(
            'state',
            'this homeserver can’t tell how large its rooms are: it uses SQLite',
            'Synapse measures rooms only in PostgreSQL.',
          );
        }
        throw error;
      }
    },

    /**
     * The current state of a room, of one type or of all: members come last, and otherwise by type and
     * state key.
     *
     * @throws HomeserverError 404 unknown room
     */
    async state(room: RoomId, type?: string): Promise<StateEvent[]> {
      const state = await api.events.state(room, type);
      const rank = ({ type: one }: StateEvent) => (one === 'm.room.member' ? 1 : 0);
      return state.toSorted(
        (one, other) =>
          rank(one) - rank(other) ||
          one.type.localeCompare(other.type) ||
          one.stateKey.localeCompare(other.stateKey),
      );
    },

    /** In whose name a user would become an admin of a room, and with what power. */
    planAdmin: async (room: RoomId, user: UserId) => planRoomAdmin(api, room, user, serverName),
    makeAdmin: async (room: RoomId, user: UserId) => makeRoomAdmin(api, room, user, serverName),
    reconcileAdmin: async (room: RoomId, user: UserId) =>
      reconcileRoomAdmin(api, room, user, serverName),

    /** One event of a room, with the token of its place; undefined if it isn't there. */
    findEvent: api.events.find,

    /**
     * One event of a room as its members see it.
     *
     * @throws TargetError it isn't there
     */
    async event(room: RoomId, event: EventId): Promise<RoomEvent> {
      const placed = await api.events.find(room, event);
      if (placed === undefined) {
        throw noSuchMessage(room);
      }
      return placed.event;
    },

    /** Part of a conversation as the members of the room see it. */
    conversation: async (room: RoomId, excerpt: Parameters<typeof readConversation>[2]) =>
      readConversation(api, room, excerpt),

    /**
     * Deletes the history of a room that this server received before a time, in milliseconds since 1970.
     *
     * @param keepId receives Synapse's ID of the purge before anything waits for its end
     */
    purgeHistory: async (
      room: RoomId,
      purge: { readonly before: number; readonly deleteLocal: boolean },
      keepId?: (purgeId: string) => Promise<void>,
    ) => purgeHistory(api, room, purge, deletionTimes, keepId),
    assertCanPurge: async (room: RoomId) => assertCanPurge(api, room),
    reconcilePurge: async (room: RoomId, purgeId: string | undefined) =>
      reconcilePurge(api, room, purgeId),

    /** Whether users of this server are kept from joining a room, known here or not. */
    isBlocked: api.rooms.isBlocked,

    /**
     * Keeps users of this server from joining a room, or lets them join again.
     *
     * @returns the room; undefined if this server doesn't know it, which prevents nothing
     * @throws TargetError there is nothing to change
     */
    async setBlocked(room: RoomId, block: boolean): Promise<RoomDetail | undefined> {
      const [isBlocked, known] = await Promise.all([
        api.rooms.isBlocked(room),
        api.rooms.find(room),
      ]);
      if (isBlocked === block) {
        throw new TargetError(
          'state',
          `\`${room}\` is ${block ? 'already blocked' : 'not blocked'}`,
          'Nothing was changed.',
        );
      }
      await api.rooms.setBlocked(room, block);
      return known;
    },

    reconcileBlocking: async (room: RoomId, block: boolean): Promise<'done' | 'not_done'> =>
      (await api.rooms.isBlocked(room)) === block ? 'done' : 'not_done',

    /**
     * Joins an account of this server to a room.
     *
     * @returns whether it was a member before, and the room, if this server knows it
     * @throws HomeserverError as `rooms.join` of the admin API
     */
    async join(
      room: RoomId,
      user: UserId,
    ): Promise<{ readonly wasIn: boolean; readonly known: RoomDetail | undefined }> {
      const [wasIn, known] = await Promise.all([hasMember(room, user), api.rooms.find(room)]);
      if (wasIn) {
        return { wasIn, known };
      }
      const server = serverNameOf(room);
      // The server in the room ID may know a room that this one doesn't. IDs of room version 12 have none.
      const via = known === undefined && server !== undefined ? { via: [server] } : {};
      await api.rooms.join(room, user, via);
      return { wasIn, known: known ?? (await api.rooms.find(room)) };
    },

    reconcileJoin: async (room: RoomId, user: UserId): Promise<'done' | 'not_done'> =>
      (await hasMember(room, user)) ? 'done' : 'not_done',

    /**
     * Checks that an account can create a replacement room. Synapse would accept an account that
     * doesn't exist, or that can't act.
     *
     * @throws TargetError it can't
     */
    async assertCanCreateRoom(user: UserId): Promise<void> {
      if (serverNameOf(user) !== serverName) {
        throw new TargetError(
          'remote_user',
          `${user} is on another server`,
          `Only an account of ${serverName} can create the replacement room.`,
        );
      }
      const account = await api.users.find(user);
      if (account === undefined) {
        throw new TargetError('unknown_user', `there is no account ${user} to create the new room`);
      }
      const state = account.deactivated
        ? 'deactivated'
        : account.suspended
          ? 'suspended'
          : account.locked
            ? 'locked'
            : undefined;
      if (state !== undefined) {
        throw new TargetError('state', `${user} is ${state}, so they can’t create the new room`);
      }
    },

    assertNotBeingDeleted: async (room: RoomId) => assertNotBeingDeleted(api, room),
    /** @param keepId receives Synapse's ID of the deletion before anything waits for its end */
    delete: async (
      room: RoomId,
      options: RoomDeletion,
      keepId?: (deleteId: string) => Promise<void>,
    ) => deleteRoom(api, room, options, deletionTimes, keepId),
    /** The rooms that Synapse is deleting now. */
    beingDeleted: async () => roomsBeingDeleted(api),
    lastDeletion: async (room: RoomId) => lastDeletion(api, room),
    /**
     * @param options.block whether users of this server were to be prevented from joining the room again
     * @param options.purge whether the room was to be removed from the database
     */
    reconcileDeletion: async (
      room: RoomId,
      options: {
        readonly block: boolean;
        readonly purge: boolean;
        readonly deleteId: string | undefined;
      },
    ) => reconcileDeletion(api, room, { ...options, serverName }),
  };
}

export type RoomService = ReturnType<typeof createRoomService>;
