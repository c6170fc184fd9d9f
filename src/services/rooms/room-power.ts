import { HomeserverError, TargetError, orUndefined } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { readPowerLevels } from '../../homeserver/power-levels.ts';
import { roomState } from '../../homeserver/room-state.ts';

type Api = Pick<AdminApi, 'events' | 'rooms' | 'users'>;

/** How Synapse would make somebody an admin of a room. */
export interface RoomAdminPlan {
  /** The local member with the highest power: Synapse acts in their name. */
  readonly giver: UserId;
  /** The power level of that member, which the user gets, and the one that the user has. */
  readonly level: number;
  readonly levelNow: number;
  readonly isMember: boolean;
  /** Whether anybody can join. To a room that is not public, Synapse invites the user. */
  readonly isPublic: boolean;
}

/** As `RoomAdminPlan`, in a room where it may be impossible. */
interface PowerNow extends Omit<RoomAdminPlan, 'giver'> {
  /** Users who stand above every power level. */
  readonly creators: ReadonlySet<string>;
  readonly giver: UserId | undefined;
}

/** What became of making somebody an admin of a room. */
interface RoomAdminOutcome {
  readonly plan: RoomAdminPlan;
  /** Why Synapse gave the power, and then did not invite the user. */
  readonly notInvited: HomeserverError | undefined;
}

/**
 * Finds in whose name Synapse would make a user an admin of a room, and to what power level.
 * GET /_synapse/admin/v1/rooms/{room_id}/state, GET /_synapse/admin/v1/rooms/{room_id}/members,
 * GET /_synapse/admin/v1/users/{user_id}/memberships
 *
 * @param serverName the name of this server
 * @throws TargetError it can't, the user has that power already, or they are banned
 * @throws HomeserverError 404 unknown room
 */
export async function planRoomAdmin(
  api: Api,
  room: RoomId,
  user: UserId,
  serverName: string,
): Promise<RoomAdminPlan> {
  const { creators, giver, level, levelNow, isMember, isPublic } = await readPower(
    api,
    room,
    user,
    serverName,
  );
  if (creators.has(user)) {
    throw new TargetError(
      'state',
      `${user} created \`${room}\`, and so stands above every power level there`,
      'Nothing was changed.',
    );
  }
  if (giver === undefined) {
    throw noGiver(room);
  }
  if (giver === user || (isMember && levelNow >= level)) {
    throw new TargetError(
      'state',
      `${user} already has the highest power that anybody of this server has in \`${room}\``,
      'Nothing was changed.',
    );
  }
  if (!isMember && (await membershipOf(api, room, user)) === 'ban') {
    throw new TargetError(
      'state',
      `${user} is banned from \`${room}\``,
      'Nothing was changed. Somebody in the room must unban them first.',
    );
  }
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
): Promise<RoomAdminOutcome> {
  const plan = await planRoomAdmin(api, room, user, serverName);
  try {
    await api.rooms.makeAdmin(room, user);
    return { plan, notInvited: undefined };
  } catch (error) {
    if (!(error instanceof HomeserverError) || error.mayHaveHappened) {
      throw error;
    }
    if (error.status === 400) {
      throw noGiver(room);
    }
    // Synapse gives the power first, and then invites.
    if (plan.levelNow < plan.level) {
      const now = await orUndefined(readPower(api, room, user, serverName));
      if (now === undefined) {
        throw new TargetError(
          'state',
          error.message,
          'The user may have the power all the same. Check before you retry.',
        );
      }
      if (now.levelNow >= plan.level) {
        return { plan, notInvited: error };
      }
    }
    throw error;
  }
}

/**
 * Whether a user has the power now that `makeRoomAdmin` was to give, and is invited. `unknowable` if they
 * have the power and are neither a member nor invited: Synapse may have done a part, or they have declined.
 */
export async function reconcileRoomAdmin(
  api: Api,
  room: RoomId,
  user: UserId,
  serverName: string,
): Promise<'done' | 'not_done' | 'unknowable'> {
  const { giver, level, levelNow, isMember, isPublic } = await readPower(
    api,
    room,
    user,
    serverName,
  );
  if (giver === undefined) {
    return 'unknowable';
  }
  if (levelNow < level) {
    return 'not_done';
  }
  return isMember || isPublic || (await membershipOf(api, room, user)) === 'invite'
    ? 'done'
    : 'unknowable';
}

/**
 * Who has power in a room.
 *
 * @throws HomeserverError 404 unknown room
 */
async function readPower(
  api: Api,
  room: RoomId,
  user: UserId,
  serverName: string,
): Promise<PowerNow> {
  const [power, create, rules, { members }] = await Promise.all([
    roomState(api.events, room, 'm.room.power_levels'),
    roomState(api.events, room, 'm.room.create'),
    roomState(api.events, room, 'm.room.join_rules'),
    api.rooms.members(room),
  ]);
  const { users, usersDefault, creators } = readPowerLevels(power, create);
  const joined = new Set(members);
  const byPower = Object.keys(users).sort((one, other) => (users[one] ?? 0) - (users[other] ?? 0));
  const candidates = power === undefined ? [create?.sender] : [...byPower, ...creators];
  const giver = candidates.findLast(
    (one): one is UserId =>
      one !== undefined && joined.has(one as UserId) && serverNameOf(one as UserId) === serverName,
  );
  return {
    creators,
    giver,
    level: users[giver ?? ''] ?? 100,
    levelNow: users[user] ?? usersDefault,
    isMember: joined.has(user),
    isPublic: rules?.content['join_rule'] === 'public',
  };
}

/** The membership of a user of this server in a room; undefined if they never had one. */
async function membershipOf(
  { users }: Pick<Api, 'users'>,
  room: RoomId,
  user: UserId,
): Promise<string | undefined> {
  const memberships = await users.memberships(user);
  return memberships.find(({ roomId }) => roomId === room)?.membership;
}

function noGiver(room: RoomId): TargetError {
  return new TargetError(
    'state',
    `no member from this server may change the power levels of \`${room}\``,
    'Nothing was changed. Only an admin of the room, on another server, can give power there.',
  );
}
