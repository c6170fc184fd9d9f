import type { RoomId } from '../../../core/ids.ts';
import { namelessRoom } from '../../../services/rooms/room-names.ts';
import type { NamedRoom } from '../../../services/rooms/room-names.ts';
import type { Services } from '../../../services/services.ts';

/**
 * The most rooms whose names are looked up. A page has no more; a file may have thousands, and each name
 * takes a request.
 */
export const namedRooms = 100;

/** Adds the names of rooms to the rows of a list, unless there are more than `namedRooms`. */
export async function withNames<Row extends { readonly roomId: RoomId }>(
  rooms: Pick<Services['rooms'], 'names'>,
  rows: readonly Row[],
): Promise<(NamedRoom & Row)[]> {
  const named =
    rows.length <= namedRooms ? await rooms.names(rows.map(({ roomId }) => roomId)) : [];
  return rows.map((row, at) => ({ ...(named[at] ?? namelessRoom(row.roomId)), ...row }));
}
