import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { StateEvent } from '../../homeserver/admin/events.ts';
import { readPowerLevels } from '../../homeserver/power-levels.ts';
import { roomState } from '../../homeserver/room-state.ts';

/**
 * What a room's power levels let a member redact: everything, or only what they have sent themselves.
 * GET /_synapse/admin/v1/rooms/{room_id}/state,
 * https://spec.matrix.org/latest/client-server-api/#mroompower_levels
 *
 * @throws HomeserverError 404 unknown room
 */
export async function redactionPower(
  api: Pick<AdminApi, 'events'>,
  room: RoomId,
  user: UserId,
): Promise<'all' | 'own' | 'none'> {
  const [powerLevels, create] = await Promise.all([
    roomState(api.events, room, 'm.room.power_levels'),
    roomState(api.events, room, 'm.room.create'),
  ]);
  return powerUnder(powerLevels, create, user);
}

/** The same, from the room's `m.room.power_levels` and `m.room.create`. */
export function powerUnder(
  powerLevels: Pick<StateEvent, 'content'> | undefined,
  create: Pick<StateEvent, 'sender' | 'content'> | undefined,
  user: UserId,
): 'all' | 'own' | 'none' {
  const levels = readPowerLevels(powerLevels, create);
  const own = levels.of(user);
  if (own < levels.toSend('m.room.redaction')) {
    return 'none';
  }
  return own >= levels.toRedact ? 'all' : 'own';
}
