import type { RoomId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { RoomDetail } from '../../homeserver/admin/rooms.ts';

export type NamedRoom = Pick<
  RoomDetail,
  | 'roomId'
  | 'name'
  | 'canonicalAlias'
  | 'joinedLocalMembers'
  | 'joinRules'
  | 'encryption'
  | 'roomType'
> & { readonly joinedMembers: number | null };

/** The number of rooms that are requested at the same time. */
const concurrency = 5;

/** The names of rooms, in the order given; nulls for rooms that don't exist any more. */
export async function nameRooms(
  api: Pick<AdminApi, 'rooms'>,
  rooms: readonly RoomId[],
): Promise<NamedRoom[]> {
  const found = await findRooms(api, rooms);
  return rooms.map((room) => found.get(room) ?? namelessRoom(room));
}

/** The rooms that this server knows, in the order given. */
export async function findRooms(
  api: Pick<AdminApi, 'rooms'>,
  rooms: readonly RoomId[],
): Promise<Map<RoomId, RoomDetail>> {
  const known = new Map<RoomId, RoomDetail>();
  for (let start = 0; start < rooms.length; start += concurrency) {
    const batch = rooms.slice(start, start + concurrency);
    const found = await Promise.all(batch.map(async (room) => api.rooms.find(room)));
    for (const [at, room] of batch.entries()) {
      const detail = found[at];
      if (detail !== undefined) {
        known.set(room, detail);
      }
    }
  }
  return known;
}

/** A room of which only the ID is known. */
export function namelessRoom(roomId: RoomId): NamedRoom {
  return {
    roomId,
    name: null,
    canonicalAlias: null,
    joinedMembers: null,
    joinedLocalMembers: null,
    joinRules: null,
    encryption: null,
    roomType: null,
  };
}
