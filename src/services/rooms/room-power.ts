import { z } from 'zod';

import { HomeserverError, TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { creatorsAbovePower } from '../../homeserver/room-creators.ts';

type Api = Pick<AdminApi, 'events' | 'rooms'>;

const levels = z.object({
  users: z.record(z.string(), z.unknown()).catch({}).default({}),
  users_default: z.unknown(),
});

/** Old rooms contain some levels as text. Anything that isn't a number counts as missing. */
function levelOf(value: unknown): number | undefined {
  const level = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof level === 'number' && Number.isSafeInteger(level) ? level : undefined;
}

/** How Synapse would make somebody an admin of a room. */
export interface RoomAdminPlan {
  /** The local member with the highest power: Synapse acts in their name. */
  readonly giver: UserId;
  /** The power level that the user gets, and the one they have. */
  readonly level: number;
  readonly levelNow: number;
  readonly isMember: boolean;
  /** Whether anybody can join. To a room that is not public, Synapse invites the user. */
  readonly isPublic: boolean;
}

/**
 * Finds in whose name Synapse would make a user an admin of a room, and to what power level.
 * GET /_synapse/admin/v1/rooms/{room_id}/state, GET /_synapse/admin/v1/rooms/{room_id}/members
 *
 * @param serverName the name of this server
 * @throws TargetError it can't, or the user has that power already
 * @throws HomeserverError 404 unknown room
 */
export async function planRoomAdmin(
  api: Api,
  room: RoomId,
  user: UserId,
  serverName: string,
): Promise<RoomAdminPlan> {
  const [[power], [create], [rules], { members }] = await Promise.all([
    api.events.state(room, 'm.room.power_levels'),
    api.events.state(room, 'm.room.create'),
    api.events.state(room, 'm.room.join_rules'),
    api.rooms.members(room),
  ]);
  const creators = creatorsAbovePower(create);
  if (creators.has(user)) {
    throw new TargetError(
      'state',
      `${user} created \`${room}\`, and so stands above every power level there`,
      'Nothing was changed.',
    );
  }
  const { users, users_default: usersDefault } = levels.parse(power?.content ?? {});
  const byPower = Object.keys(users).sort(
    (one, other) => (levelOf(users[one]) ?? 0) - (levelOf(users[other]) ?? 0),
  );
  const candidates = power === undefined ? [create?.sender] : [...byPower, ...creators];
  const joined = new Set(members);
  const giver = candidates.findLast(
    (one): one is UserId =>
      one !== undefined && joined.has(one as UserId) && serverNameOf(one as UserId) === serverName,
  );
  if (giver === undefined) {
    throw noGiver(room);
  }
  const level = levelOf(users[giver]) ?? 100;
  const levelNow = levelOf(users[user]) ?? levelOf(usersDefault) ?? 0;
  const isMember = joined.has(user);
  if (giver === user || (isMember && levelNow >= level)) {
    throw new TargetError(
      'state',
      `${user} already has the highest power that anybody of this server has in \`${room}\``,
      'Nothing was changed.',
    );
  }
  const isPublic = rules?.content['join_rule'] === 'public';
  return { giver, level, levelNow, isMember, isPublic };
}

/**
 * Makes a user an admin of a room.
 *
 * @throws TargetError as `planRoomAdmin`, or the local member's power is not enough for it
 */
export async function makeRoomAdmin(
  api: Api,
  room: RoomId,
  user: UserId,
  serverName: string,
): Promise<RoomAdminPlan> {
  const plan = await planRoomAdmin(api, room, user, serverName);
  try {
    await api.rooms.makeAdmin(room, user);
  } catch (error) {
    throw error instanceof HomeserverError && error.status === 400 ? noGiver(room) : error;
  }
  return plan;
}

/** Whether a user has the power now that `makeRoomAdmin` was to give. */
export async function reconcileRoomAdmin(
  { events }: Pick<AdminApi, 'events'>,
  room: RoomId,
  user: UserId,
  serverName: string,
): Promise<'done' | 'not_done'> {
  const [power] = await events.state(room, 'm.room.power_levels');
  const { users } = levels.parse(power?.content ?? {});
  const local = Object.entries(users).filter(
    ([one]) => serverNameOf(one as UserId) === serverName && one !== user,
  );
  const highest = Math.max(1, ...local.map(([, level]) => levelOf(level) ?? 0));
  return (levelOf(users[user]) ?? 0) >= highest ? 'done' : 'not_done';
}

function noGiver(room: RoomId): TargetError {
  return new TargetError(
    'state',
    `no member from this server may change the power levels of \`${room}\``,
    'Nothing was changed. Only an admin of the room, on another server, can give power there.',
  );
}
