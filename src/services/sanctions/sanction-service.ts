import PQueue from 'p-queue';

import { HomeserverError, TargetError, orUndefined } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { PowerLevels } from '../../homeserver/power-levels.ts';
import { roomState } from '../../homeserver/room-state.ts';
import { createProspects } from './prospects.ts';
import type { ProspectClients } from './prospects.ts';
import {
  highestGiven,
  isMuted,
  levelsOf,
  membershipIn,
  standingIn,
  whyPowerless,
} from './room-standing.ts';
import type { Powerless, RoomStanding, SanctionKind } from './room-standing.ts';

/** The content of a membership that the bot has set says which command set it. */
const markKey = 'dev.lawspeaker.transaction';
/** The content of power levels that the bot has set says which command muted whom. */
const mutedKey = 'dev.lawspeaker.muted';

/** One user in one room, and who asks. */
export interface SanctionRequest {
  readonly room: RoomId;
  readonly user: UserId;
  readonly reason?: string | undefined;
  /** The same after a restart: by it, what this command did is told from what others did. */
  readonly transactionId: string;
  /** Leaves alone a ban that the bot has not set. */
  readonly onlyOwn?: boolean | undefined;
}

/** What became of a sanction. */
export interface Sanctioned {
  /** Nothing was changed, because it was so already. */
  readonly wasSo: boolean;
}

/** A room in which the bot may not do what it was asked for. */
export class PowerlessError extends TargetError {
  /** Whether more power for the bot would help. */
  readonly needsPower: boolean;

  constructor({ why, needsPower }: Powerless) {
    super('state', why);
    this.needsPower = needsPower;
  }
}

const notInRoom: Powerless = { why: 'I am not in that room', needsPower: true };

/**
 * Kicks, bans and mutes users in rooms, and takes that back, with the power that the bot's own account has in
 * each room.
 *
 * Each change is one state event, sent once. Power levels are one event for all users of a room: the bot changes
 * them one after another, because Synapse takes the last one.
 */
export function createSanctionService(clients: ProspectClients) {
  const { api, client, botUser } = clients;
  const powerQueues = new Map<RoomId, PQueue>();

  async function setMembership(
    kind: 'ban' | 'kick' | 'unban',
    { room, user, reason, transactionId, onlyOwn = false }: SanctionRequest,
    isSo: (membership: string | undefined) => boolean,
  ): Promise<Sanctioned> {
    const now = await memberIn(room, user);
    if (isSo(membershipIn(now))) {
      await assertIn(room);
      return { wasSo: now?.[markKey] !== transactionId };
    }
    if (kind === 'unban' && onlyOwn && now?.[markKey] === undefined) {
      throw new TargetError('state', 'somebody else has banned them since, so the ban stays');
    }
    await asBot(kind, room, user, async () =>
      client.rooms.sendState(room, 'm.room.member', user, {
        membership: kind === 'ban' ? 'ban' : 'leave',
        ...present({ reason }),
        [markKey]: transactionId,
      }),
    );
    return { wasSo: false };
  }

  /**
   * Who has left a room still sees it as it was then.
   *
   * @throws PowerlessError the bot is not in the room
   */
  async function assertIn(room: RoomId): Promise<void> {
    if (membershipIn(await memberIn(room, botUser)) !== 'join') {
      throw new PowerlessError(notInRoom);
    }
  }

  /** @throws PowerlessError the bot is not in the room, so it can do nothing there */
  async function memberIn(room: RoomId, user: UserId) {
    try {
      return await client.rooms.findStateAt(room, 'm.room.member', user);
    } catch (error) {
      throw isForbidden(error) ? new PowerlessError(notInRoom) : error;
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

  /**
   * Sets or removes the level of a user. The levels of a room are changed one after another.
   *
   * @param level undefined to remove it
   * @param mutedBy the command that mutes them; undefined if they are not muted
   */
  async function setLevel(
    kind: 'mute' | 'unmute',
    { room, user }: Pick<SanctionRequest, 'room' | 'user'>,
    level: number | undefined,
    mutedBy?: string,
  ): Promise<void> {
    const queue = powerQueues.get(room) ?? new PQueue({ concurrency: 1 });
    powerQueues.set(room, queue);
    try {
      await queue.add(async () => {
        const event = await roomState(api.events, room, 'm.room.power_levels');
        const content = withNumbers(event?.content ?? {});
        await asBot(kind, room, user, async () =>
          client.rooms.sendState(room, 'm.room.power_levels', '', {
            ...content,
            users: entriesWith(content['users'], user, level),
            [mutedKey]: entriesWith(content[mutedKey], user, mutedBy),
          }),
        );
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

  /** @throws PowerlessError the bot may not set the power level of a user, or not to this level */
  async function assertCanSetPower(room: RoomId, user: UserId, level: number): Promise<void> {
    const { levels } = await assertPower(room, user, 'mute');
    const own = levels.of(botUser);
    if (level > own) {
      throw new PowerlessError({
        why: `my power level is ${own}, and nobody can give more than they have`,
        needsPower: own < highestGiven,
      });
    }
  }

  async function isMutedBy(room: RoomId, user: UserId, transactionId: string): Promise<boolean> {
    const event = await roomState(api.events, room, 'm.room.power_levels');
    const levels = await levelsOf(clients, room);
    return entriesIn(event?.content[mutedKey])[user] === transactionId && isMuted(levels, user);
  }

  /** Whether the bot has muted a user, and nobody has changed that since. */
  async function isOwnMute(room: RoomId, user: UserId, levels: PowerLevels): Promise<boolean> {
    const event = await roomState(api.events, room, 'm.room.power_levels');
    const mark = entriesIn(event?.content[mutedKey])[user];
    return mark !== undefined && levels.named(user) === muteLevel(levels);
  }

  return {
    ...createProspects(clients),

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
     * PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.power_levels/
     *
     * @throws PowerlessError
     * @throws TargetError the room gives them power, which could not be given back
     */
    async mute({ room, user, transactionId }: SanctionRequest): Promise<Sanctioned> {
      const { levels } = await assertPower(room, user, 'mute');
      if (levels.of(user) < levels.toSpeak) {
        return { wasSo: !(await isMutedBy(room, user, transactionId)) };
      }
      const named = levels.named(user);
      if (named !== undefined && named > levels.usersDefault) {
        throw new TargetError(
          'state',
          `they have power level ${named} there, which could not be given back`,
        );
      }
      await setLevel('mute', { room, user }, muteLevel(levels), transactionId);
      return { wasSo: false };
    },

    /** Gives a user back the power that everybody has in a room. @throws PowerlessError */
    async unmute({ room, user, onlyOwn = false }: SanctionRequest): Promise<Sanctioned> {
      const { levels } = await assertPower(room, user, 'unmute');
      if (!isMuted(levels, user)) {
        return { wasSo: true };
      }
      if (onlyOwn && !(await isOwnMute(room, user, levels))) {
        throw new TargetError('state', 'somebody else has muted them since, so they stay mute');
      }
      await setLevel('unmute', { room, user }, undefined);
      return { wasSo: false };
    },

    /** Whether this command has muted a user, and they still are mute. */
    isMutedBy,

    /** Whether a user has less power than everybody else in a room, and so can send nothing. */
    isMuted: async (room: RoomId, user: UserId) => isMuted(await levelsOf(clients, room), user),

    /** The power levels of a room. @throws HomeserverError 404 unknown room */
    levels: async (room: RoomId) => levelsOf(clients, room),

    /**
     * Sets the power level of a user in a room.
     *
     * @throws PowerlessError the bot may not, or not to this level
     */
    async setPower(room: RoomId, user: UserId, level: number): Promise<void> {
      await assertCanSetPower(room, user, level);
      await setLevel('mute', { room, user }, level);
    },

    assertCanSetPower,
  };
}

export type SanctionService = ReturnType<typeof createSanctionService>;

function isForbidden(error: unknown): boolean {
  return error instanceof HomeserverError && error.status === 403;
}

/** A power level with which nothing can be sent. */
function muteLevel({ toSpeak }: PowerLevels): number {
  return Math.min(toSpeak, 0) - 1;
}

function entriesIn(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function entriesWith(value: unknown, key: string, one: unknown): Record<string, unknown> {
  const { [key]: _, ...others } = entriesIn(value);
  return one === undefined ? others : { ...others, [key]: one };
}

/** The same power levels with numbers: old rooms contain some as text, which Synapse no longer takes. */
function withNumbers(content: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(content).map(([key, value]) => [
      key,
      key === mutedKey
        ? value
        : typeof value === 'string' && /^\s*[+-]?\d+\s*$/u.test(value)
          ? Number(value)
          : typeof value === 'object' && value !== null
            ? withNumbers(value as Record<string, unknown>)
            : value,
    ]),
  );
}
