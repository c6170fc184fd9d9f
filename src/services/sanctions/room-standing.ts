import { orUndefined } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { readPowerLevels } from '../../homeserver/power-levels.ts';
import type { PowerLevels } from '../../homeserver/power-levels.ts';
import { roomState } from '../../homeserver/room-state.ts';

/** What the bot's account does in rooms, and what it sees there. */
export interface SanctionClients {
  readonly api: Pick<AdminApi, 'events' | 'rooms' | 'users'>;
  readonly client: { readonly rooms: Pick<ClientApi['rooms'], 'findStateAt' | 'sendState'> };
  readonly botUser: UserId;
}

/** A user in a room, and what the bot may do there. */
export interface RoomStanding {
  /** `join`, `invite`, `knock`, `ban` or `leave`; undefined if they were never there, or nobody knows. */
  readonly membership: string | undefined;
  readonly levels: PowerLevels;
  readonly isBotIn: boolean;
}

/**
 * Looks up a user in a room, and the room's power levels.
 * GET /_synapse/admin/v1/rooms/{room_id}/state,
 * GET /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}
 *
 * @throws HomeserverError 404 this server does not know the room
 */
export async function standingIn(
  clients: SanctionClients,
  room: RoomId,
  user: UserId,
): Promise<RoomStanding> {
  const { client, botUser } = clients;
  const [levels, member, bot] = await Promise.all([
    levelsOf(clients, room),
    orUndefined(client.rooms.findStateAt(room, 'm.room.member', user)),
    orUndefined(client.rooms.findStateAt(room, 'm.room.member', botUser)),
  ]);
  return {
    membership: membershipIn(member),
    levels,
    isBotIn: membershipIn(bot) === 'join',
  };
}

/** @throws HomeserverError 404 this server does not know the room */
export async function levelsOf(
  { api }: Pick<SanctionClients, 'api'>,
  room: RoomId,
): Promise<PowerLevels> {
  const [power, create] = await Promise.all([
    roomState(api.events, room, 'm.room.power_levels'),
    roomState(api.events, room, 'm.room.create'),
  ]);
  return readPowerLevels(power, create);
}

export function membershipIn(
  content: Readonly<Record<string, unknown>> | undefined,
): string | undefined {
  const membership = content?.['membership'];
  return typeof membership === 'string' ? membership : undefined;
}

/** What is done to a user in a room. */
export type SanctionKind = 'ban' | 'kick' | 'mute' | 'unban' | 'unmute';

/** Why the bot can't do it in a room, and whether more power would help. */
export interface Powerless {
  /** Begins in the middle of a sentence. */
  readonly why: string;
  readonly needsPower: boolean;
}

/** Why the bot can't do it in a room; undefined if it can. */
export function whyPowerless(
  { levels, isBotIn }: Pick<RoomStanding, 'isBotIn' | 'levels'>,
  {
    kind,
    user,
    botUser,
  }: { readonly kind: SanctionKind; readonly user: UserId; readonly botUser: UserId },
): Powerless | undefined {
  if (!isBotIn) {
    return { why: 'I am not in that room', needsPower: true };
  }
  const own = levels.of(botUser);
  const needed = neededFor(levels, kind);
  if (own < needed) {
    return { why: `my power level is ${own}, and it takes ${needed}`, needsPower: true };
  }
  const theirs = levels.of(user);
  if (kind !== 'unban' && theirs >= own) {
    return Number.isFinite(theirs)
      ? {
          why: `their power level, ${theirs}, is not below mine, ${own}`,
          needsPower: own < highestGiven,
        }
      : {
          why: 'they created the room, and stand above every power level',
          needsPower: false,
        };
  }
  return undefined;
}

/** Whether a room gives a user less than everybody has, and too little to send anything. */
export function isMuted(levels: PowerLevels, user: UserId): boolean {
  const named = levels.named(user);
  return named !== undefined && named < levels.usersDefault && named < levels.toSpeak;
}

/** The highest level that rooms usually give. */
export const highestGiven = 100;

/** The power level that it takes. A ban is lifted by whoever may both kick and ban. */
function neededFor(levels: PowerLevels, kind: SanctionKind): number {
  switch (kind) {
    case 'ban':
      return levels.toBan;
    case 'kick':
      return levels.toKick;
    case 'unban':
      return Math.max(levels.toBan, levels.toKick);
    case 'mute':
    case 'unmute':
      return levels.toChangePower;
  }
}
