import { HomeserverError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';

/** The rooms where the bot sends secrets to one person. */
export interface DirectRooms {
  /**
   * Whether a room is a direct room. False for a room that this server doesn't know.
   *
   * @throws HomeserverError, UnreachableError nobody knows, so treat the room as a direct room
   */
  has(room: RoomId): Promise<boolean>;
  /** Which of the given rooms are direct rooms that the bot is in. Lists leave them out. */
  among(rooms: readonly RoomId[]): Promise<ReadonlySet<RoomId>>;
  /** As `among`, plus the management room: nothing changes in these unless somebody names them. */
  reservedAmong(rooms: readonly RoomId[]): Promise<ReadonlySet<RoomId>>;
}

/** The number of rooms that are requested at the same time. */
const concurrency = 5;
/** How many rooms created by others are remembered. */
const maxRemembered = 20_000;

/**
 * Recognizes direct rooms by what the homeserver says: the bot's account created the room, and the
 * room is not public. Nobody can forge that to keep a room out of the moderators' reach, and it is
 * still true after the database is lost or restored.
 *
 * GET /_synapse/admin/v1/rooms/{room_id}/state, GET /_synapse/admin/v1/users/{user_id}/joined_rooms
 */
export function createDirectRooms(
  api: Pick<AdminApi, 'events' | 'users'>,
  { botUser, managementRoom }: { readonly botUser: UserId; readonly managementRoom: RoomId },
): DirectRooms {
  // The creator of a room never changes.
  const createdByOthers = new Set<RoomId>();

  async function isCreatedByBot(room: RoomId): Promise<boolean> {
    if (createdByOthers.has(room)) {
      return false;
    }
    const [create] = await api.events.state(room, 'm.room.create');
    const isOurs = create?.sender === botUser;
    if (create !== undefined && !isOurs) {
      if (createdByOthers.size >= maxRemembered) {
        createdByOthers.clear();
      }
      createdByOthers.add(room);
    }
    return isOurs;
  }

  async function has(room: RoomId): Promise<boolean> {
    if (room === managementRoom) {
      return false;
    }
    try {
      if (!(await isCreatedByBot(room))) {
        return false;
      }
      const [rules] = await api.events.state(room, 'm.room.join_rules');
      return rules?.content['join_rule'] !== 'public';
    } catch (error) {
      if (error instanceof HomeserverError && error.isNotFound) {
        return false;
      }
      throw error;
    }
  }

  async function among(rooms: readonly RoomId[]): Promise<ReadonlySet<RoomId>> {
    if (rooms.length === 0) {
      return new Set();
    }
    const { joinedRooms } = await api.users.joinedRooms(botUser);
    const shared = new Set(joinedRooms);
    const candidates = rooms.filter((room) => shared.has(room));
    const found = new Set<RoomId>();
    for (let start = 0; start < candidates.length; start += concurrency) {
      const batch = candidates.slice(start, start + concurrency);
      const answers = await Promise.all(batch.map(has));
      batch.filter((_, at) => answers[at]).forEach((room) => found.add(room));
    }
    return found;
  }

  return {
    has,
    among,
    reservedAmong: async (rooms) =>
      new Set([...rooms.filter((room) => room === managementRoom), ...(await among(rooms))]),
  };
}
