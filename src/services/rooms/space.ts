import type { RoomId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { SpaceRoom } from '../../homeserver/admin/rooms.ts';

/** Synapse gives 50 rooms a request, and 5 such answers a second. */
const maxRooms = 1000;

/** A room of a space, and where it stands in it. */
interface PlacedRoom extends SpaceRoom {
  /** 0 for the space itself, 1 for its own rooms. */
  readonly depth: number;
  /** The space that it was found in; null for the space itself. */
  readonly parent: RoomId | null;
}

export interface Space {
  /** The space itself first, and each space before its own rooms. Each room is there once. */
  readonly rooms: readonly PlacedRoom[];
  /** Whether it has more rooms than are read. */
  readonly isCut: boolean;
  /** Rooms that the space names and in which no user of this server is; empty if it is cut. */
  readonly elsewhere: readonly RoomId[];
}

/**
 * The rooms of a space and of the spaces in it, at most 1,000.
 * GET /_synapse/admin/v1/rooms/{room_id}/hierarchy
 *
 * @param maxDepth 1 for its own rooms only; by default there is no limit
 */
export async function readSpace(
  { rooms: api }: Pick<AdminApi, 'rooms'>,
  space: RoomId,
  maxDepth?: number,
): Promise<Space> {
  const places = new Map<RoomId, Pick<PlacedRoom, 'depth' | 'parent'>>();
  const rooms: PlacedRoom[] = [];
  const known = new Set<RoomId>();
  for await (const room of api.hierarchy(space, { maxDepth })) {
    if (known.has(room.roomId)) {
      continue;
    }
    known.add(room.roomId);
    if (rooms.length === maxRooms) {
      return { rooms, isCut: true, elsewhere: [] };
    }
    const place = places.get(room.roomId) ?? { depth: 0, parent: null };
    places.set(room.roomId, place);
    for (const { stateKey } of room.childrenState) {
      if (!places.has(stateKey)) {
        places.set(stateKey, { depth: place.depth + 1, parent: room.roomId });
      }
    }
    rooms.push({ ...room, ...place });
  }
  const elsewhere = [...places]
    .filter(([id, { depth }]) => !known.has(id) && depth <= (maxDepth ?? depth))
    .map(([id]) => id);
  return { rooms, isCut: false, elsewhere };
}
