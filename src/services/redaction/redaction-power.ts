import { z } from 'zod';

import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { StateEvent } from '../../homeserver/admin/events.ts';
import { creatorsAbovePower } from '../../homeserver/room-creators.ts';

/** Old rooms contain some levels as text. Anything that isn't a number counts as missing. */
const level = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\s*[+-]?\d+\s*$/u)
      .transform(Number),
  ])
  .optional()
  .catch(undefined);

const levels = z.object({
  users: z.record(z.string(), level).catch({}).default({}),
  users_default: level,
  events: z.record(z.string(), level).catch({}).default({}),
  events_default: level,
  redact: level,
});

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
    api.events.state(room, 'm.room.power_levels'),
    api.events.state(room, 'm.room.create'),
  ]);
  return powerUnder(powerLevels[0], create[0], user);
}

/** The same, from the room's `m.room.power_levels` and `m.room.create`. */
export function powerUnder(
  powerLevels: Pick<StateEvent, 'content'> | undefined,
  create: Pick<StateEvent, 'sender' | 'content'> | undefined,
  user: UserId,
): 'all' | 'own' | 'none' {
  if (creatorsAbovePower(create).has(user)) {
    return 'all';
  }
  if (powerLevels === undefined) {
    return create?.sender === user ? 'all' : 'own';
  }
  const { users, users_default, events, events_default, redact } = levels.parse(
    powerLevels.content,
  );
  const own = users[user] ?? users_default ?? 0;
  if (own < (events['m.room.redaction'] ?? events_default ?? 0)) {
    return 'none';
  }
  return own >= (redact ?? 50) ? 'all' : 'own';
}
