import type { RoomId } from '../core/ids.ts';
import type { AdminApi } from './admin/admin-api.ts';
import type { StateEvent } from './admin/events.ts';

/**
 * The room's own state event of a type. Anybody with some power can set others of that type, with a state key,
 * which mean nothing. GET /_synapse/admin/v1/rooms/{room_id}/state
 *
 * @returns undefined if the room has none
 * @throws HomeserverError 404 unknown room
 */
export async function roomState(
  { state }: Pick<AdminApi['events'], 'state'>,
  room: RoomId,
  type: string,
): Promise<StateEvent | undefined> {
  const found = await state(room, type);
  return found.find(({ stateKey }) => stateKey === '');
}
