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
  const named: NamedRoom[] = [];
  for (let start = 0; start < rooms.length; start += concurrency) {
    const batch = rooms.slice(start, start + concurrency);
    const found = await Promise.all(batch.map(async (room) => api.rooms.find(room)));
    named.push(...batch.map((room, at) => found[at] ?? namelessRoom(room)));
  }
  return named;
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
