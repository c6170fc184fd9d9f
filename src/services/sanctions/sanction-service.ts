import PQueue from 'p-queue';

import { HomeserverError, TargetError, orUndefined } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { RoomDetail } from '../../homeserver/admin/rooms.ts';
import type { DirectRooms } from '../rooms/direct-rooms.ts';
import { levelsOf, membershipIn, standingIn, whyPowerless } from './room-standing.ts';
import type { RoomStanding, SanctionClients, SanctionKind } from './room-standing.ts';

/** The content of a membership that the bot has set says which command set it. */
const markKey = 'dev.lawspeaker.transaction';
/** And until when, if it has an end. */
const untilKey = 'dev.lawspeaker.until';

/** Rooms that are looked at side by side. */
const concurrency = 6;

/** One user in one room, and who asks. */
export interface SanctionRequest {
  readonly room: RoomId;
  readonly user: UserId;
  readonly reason?: string | undefined;
  /** The same after a restart: by it, what this command did is told from what others did. */
  readonly transactionId: string;
  /** When it is to end, if it is, in milliseconds since 1970. */
  readonly until?: number | undefined;
}

/** What became of a sanction. */
export interface Sanctioned {
  /** Nothing was changed, because it was so already. */
  readonly wasSo: boolean;
  /** It was so already, and was to end by itself, or may have been. */
  readonly hadEnd: boolean;
}

/** What a sanction would meet in a room. */
export interface Prospect {
  readonly room: Pick<RoomDetail, 'canonicalAlias' | 'name' | 'roomId'>;
  readonly membership: string | undefined;
  /** Why the bot can't do it there; undefined if it can. */
  readonly why: string | undefined;
}

/** A room in which the bot may not do what it was asked for. */
export class PowerlessError extends TargetError {
  constructor(why: string) {
    super('state', why);
  }
}

/**
 * Kicks, bans and mutes users in rooms, and takes that back, with the power that the bot's own account has in
 * each room.
 *
 * Each change is one state event, sent once. Power levels are one event for all users of a room: the bot changes
 * them one after another, because Synapse takes the last one.
 */
export function createSanctionService(
  clients: SanctionClients & {
    readonly directRooms: Pick<DirectRooms, 'reservedAmong'>;
    readonly serverName: string;
  },
) {
  const { api, client, botUser, directRooms, serverName } = clients;
  const powerQueues = new Map<RoomId, PQueue>();

  async function setMembership(
    kind: 'ban' | 'kick' | 'unban',
    { room, user, reason, transactionId, until }: SanctionRequest,
    isSo: (membership: string | undefined) => boolean,
  ): Promise<Sanctioned> {
    const now = await memberIn(room, user);
    if (isSo(membershipIn(now))) {
      return { wasSo: now?.[markKey] !== transactionId, hadEnd: now?.[untilKey] !== undefined };
    }
    await asBot(kind, room, user, async () =>
      client.rooms.sendState(room, 'm.room.member', user, {
        membership: kind === 'ban' ? 'ban' : 'leave',
        ...present({ reason, [untilKey]: until }),
        [markKey]: transactionId,
      }),
    );
    return { wasSo: false, hadEnd: false };
  }

  /** @throws PowerlessError the bot is not in the room, so it can do nothing there */
  async function memberIn(room: RoomId, user: UserId) {
    try {
      return await client.rooms.findStateAt(room, 'm.room.member', user);
    } catch (error) {
      throw isForbidden(error) ? new PowerlessError('I am not in that room') : error;
    }
  }

  /** @throws PowerlessError the room does not let the bot do that, and why */
  async function asBot(
    kind: SanctionKind,
    room: RoomId,
    user: UserId,
    change: () => Promise<void>,
  ): Promise<void> {
    try {
      await change();
    } catch (error) {
      if (!isForbidden(error)) {
        throw error;
      }
      const standing = await orUndefined(standingIn(clients, room, user));
      const why = standing && whyPowerless(standing, { kind, user, botUser });
      throw why === undefined ? error : new PowerlessError(why);
    }
  }

  /** Changes the power levels of a room, one change after another. Undefined leaves them as they are. */
  async function changeLevels(
    room: RoomId,
    user: UserId,
    kind: SanctionKind,
    change: (users: Readonly<Record<string, unknown>>) => Record<string, unknown> | undefined,
  ): Promise<boolean> {
    const queue = powerQueues.get(room) ?? new PQueue({ concurrency: 1 });
    powerQueues.set(room, queue);
    try {
      return await queue.add(async () => {
        const [event] = await api.events.state(room, 'm.room.power_levels');
        const content = event?.content ?? {};
        const given = content['users'];
        const users = change(
          typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {},
        );
        if (users === undefined) {
          return false;
        }
        await asBot(kind, room, user, async () =>
          client.rooms.sendState(room, 'm.room.power_levels', '', { ...content, users }),
        );
        return true;
      });
    } finally {
      if (queue.size === 0 && queue.pending === 0) {
        powerQueues.delete(room);
      }
    }
  }

  /** @throws PowerlessError the bot may not, which would otherwise show only after something is sent */
  async function assertPower(
    room: RoomId,
    user: UserId,
    kind: SanctionKind,
  ): Promise<RoomStanding> {
    const standing = await standingIn(clients, room, user);
    const why = whyPowerless(standing, { kind, user, botUser });
    if (why !== undefined) {
      throw new PowerlessError(why);
    }
    return standing;
  }

  async function setLevel(
    kind: 'mute' | 'unmute',
    room: RoomId,
    user: UserId,
    level: number | undefined,
  ): Promise<void> {
    await changeLevels(room, user, kind, (users) => {
      const { [user]: _, ...others } = users;
      return level === undefined ? others : { ...others, [user]: level };
    });
  }

  /** A user's membership by room. Of users of other servers, only the rooms that they are in are known. */
  async function membershipsOf(user: UserId): Promise<ReadonlyMap<RoomId, string>> {
    if (serverNameOf(user) !== serverName) {
      const { joinedRooms } = await api.users.joinedRooms(user);
      return new Map(joinedRooms.map((room) => [room, 'join']));
    }
    const memberships = await api.users.memberships(user);
    return new Map(memberships.map(({ roomId, membership }) => [roomId, membership]));
  }

  /** The rooms that a user is in, or about to be. */
  async function roomsOf(user: UserId): Promise<RoomId[]> {
    const memberships = await membershipsOf(user);
    return [...memberships].flatMap(([room, membership]) =>
      ['invite', 'join', 'knock'].includes(membership) ? [room] : [],
    );
  }

  /** The rooms, of those that the bot is in, in which this holds for one of the users. */
  async function ownRoomsWhere(
    users: readonly UserId[],
    holds: (room: RoomId, user: UserId) => Promise<boolean>,
  ): Promise<RoomId[]> {
    const { joinedRooms } = await api.users.joinedRooms(botUser);
    const found = await sideBySide(joinedRooms, async (room) => {
      for (const user of users) {
        if (await holds(room, user)) {
          return true;
        }
      }
      return false;
    });
    return joinedRooms.filter((_, at) => found[at]);
  }

  return {
    /**
     * The rooms that `--all-rooms` stands for, without the management room and direct rooms: for `kick` and
     * `mute`, where one of the users is; for `ban`, also where the bot is, so that they can't come back
     * elsewhere; for `unban` and `unmute`, where the bot is and one of them is banned or mute.
     */
    async findRooms(kind: SanctionKind, users: readonly UserId[]): Promise<RoomId[]> {
      const rooms = new Set<RoomId>();
      if (kind === 'ban' || kind === 'kick' || kind === 'mute') {
        for (const found of await sideBySide(users, roomsOf)) {
          found.forEach((room) => rooms.add(room));
        }
      }
      if (kind === 'ban') {
        (await ownRoomsWhere(users, async () => true)).forEach((room) => rooms.add(room));
      }
      if (kind === 'unban') {
        const banned = await ownRoomsWhere(
          users,
          async (room, user) =>
            membershipIn(
              await orUndefined(client.rooms.findStateAt(room, 'm.room.member', user)),
            ) === 'ban',
        );
        banned.forEach((room) => rooms.add(room));
      }
      if (kind === 'unmute') {
        const muted = await ownRoomsWhere(users, async (room, user) => {
          const levels = await levelsOf(clients, room);
          return (levels.named(user) ?? levels.toSpeak) < levels.toSpeak;
        });
        muted.forEach((room) => rooms.add(room));
      }
      const reserved = await directRooms.reservedAmong([...rooms]);
      return [...rooms].filter((room) => !reserved.has(room));
    },

    /** What a sanction would meet in each room, in the order given. */
    async prospects(
      kind: SanctionKind,
      rooms: readonly RoomId[],
      user: UserId,
    ): Promise<Prospect[]> {
      const [memberships, { joinedRooms }] = await Promise.all([
        membershipsOf(user),
        api.users.joinedRooms(botUser),
      ]);
      const own = new Set(joinedRooms);
      return sideBySide(rooms, async (roomId) => {
        const room = await api.rooms.find(roomId);
        if (room === undefined) {
          return {
            room: { roomId, name: null, canonicalAlias: null },
            membership: undefined,
            why: 'this server does not know the room',
          };
        }
        const standing = { levels: await levelsOf(clients, roomId), isBotIn: own.has(roomId) };
        return {
          room,
          membership: memberships.get(roomId),
          why: whyPowerless(standing, { kind, user, botUser }),
        };
      });
    },

    /**
     * Bans a user from a room. PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}
     *
     * @throws PowerlessError
     */
    ban: async (request: SanctionRequest) =>
      setMembership('ban', request, (membership) => membership === 'ban'),

    /** Lifts a ban. @throws PowerlessError */
    unban: async (request: SanctionRequest) =>
      setMembership('unban', request, (membership) => membership !== 'ban'),

    /** Removes a user from a room; they can come back. @throws PowerlessError */
    kick: async (request: SanctionRequest) =>
      setMembership(
        'kick',
        request,
        (membership) => !['invite', 'join', 'knock'].includes(membership ?? ''),
      ),

    /** Whether a user's membership is what this command has set. */
    async isSetBy(
      { room, user, transactionId }: SanctionRequest,
      membership: 'ban' | 'leave',
    ): Promise<boolean> {
      const now = await memberIn(room, user);
      return membershipIn(now) === membership && now?.[markKey] === transactionId;
    },

    /**
     * Takes from a user the power to send anything to a room's conversation.
     *
     * @throws PowerlessError
     * @throws TargetError the room gives them power, which could not be given back
     */
    async mute({ room, user }: SanctionRequest): Promise<Sanctioned> {
      const { levels } = await assertPower(room, user, 'mute');
      const named = levels.named(user);
      if (levels.of(user) < levels.toSpeak) {
        return { wasSo: true, hadEnd: named !== undefined };
      }
      if (named !== undefined && named > levels.usersDefault) {
        throw new TargetError(
          'state',
          `they have power level ${named} there, which could not be given back`,
        );
      }
      await setLevel('mute', room, user, Math.min(levels.toSpeak, 0) - 1);
      return { wasSo: false, hadEnd: false };
    },

    /** Gives a user back the power that everybody has in a room. @throws PowerlessError */
    async unmute({ room, user }: SanctionRequest): Promise<Sanctioned> {
      const { levels } = await assertPower(room, user, 'unmute');
      const named = levels.named(user);
      if (named === undefined || named >= levels.toSpeak) {
        return { wasSo: true, hadEnd: false };
      }
      await setLevel('unmute', room, user, undefined);
      return { wasSo: false, hadEnd: false };
    },

    /**
     * Whether a user is mute in a room, or is not, and the bot was the last to change the room's power levels.
     * They have no place to note which command did it.
     */
    async isMuteByBot(room: RoomId, user: UserId, isMute: boolean): Promise<boolean> {
      const [[power], levels] = await Promise.all([
        api.events.state(room, 'm.room.power_levels'),
        levelsOf(clients, room),
      ]);
      return power?.sender === botUser && levels.of(user) < levels.toSpeak === isMute;
    },

    /** The power levels of a room. @throws HomeserverError 404 unknown room */
    levels: async (room: RoomId) => levelsOf(clients, room),

    /**
     * Sets the power level of a user in a room.
     *
     * @throws PowerlessError the bot may not, or not to this level
     */
    async setPower(room: RoomId, user: UserId, level: number): Promise<void> {
      const { levels } = await assertPower(room, user, 'mute');
      const own = levels.of(botUser);
      if (level > own) {
        throw new PowerlessError(
          `my power level is ${own}, and nobody can give more than they have`,
        );
      }
      await setLevel('mute', room, user, level);
    },
  };
}

export type SanctionService = ReturnType<typeof createSanctionService>;

function isForbidden(error: unknown): boolean {
  return error instanceof HomeserverError && error.status === 403;
}

/** The results in the order of the values. */
async function sideBySide<Value, Result>(
  values: readonly Value[],
  work: (value: Value) => Promise<Result>,
): Promise<Result[]> {
  const queue = new PQueue({ concurrency });
  return queue.addAll(values.map((value) => async () => work(value)));
}
