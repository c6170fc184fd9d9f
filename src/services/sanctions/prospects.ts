import PQueue from 'p-queue';

import { orUndefined } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { RoomDetail } from '../../homeserver/admin/rooms.ts';
import type { PowerLevels } from '../../homeserver/power-levels.ts';
import type { DirectRooms } from '../rooms/direct-rooms.ts';
import { isMuted, levelsOf, membershipIn, whyPowerless } from './room-standing.ts';
import type { SanctionClients, SanctionKind } from './room-standing.ts';

/** Rooms that are looked at side by side. */
const concurrency = 6;
/** For how long a room is shown as it was seen, and how many are remembered. */
const freshMs = 10_000;
const maxLooks = 2000;

/** What is shown of a room; undefined where it could not be looked up. */
interface Look {
  readonly room: RoomDetail | undefined;
  readonly levels: PowerLevels | undefined;
}

/** What a sanction would meet in a room. */
export interface Prospect {
  readonly room: Pick<RoomDetail, 'canonicalAlias' | 'name' | 'roomId'>;
  readonly membership: string | undefined;
  /** Why the bot can't do it there; undefined if it can. */
  readonly why: string | undefined;
  /** Whether more power for the bot would help. */
  readonly needsPower: boolean;
}

export type ProspectClients = SanctionClients & {
  readonly directRooms: Pick<DirectRooms, 'reservedAmong'>;
  readonly serverName: string;
};

/** Finds out, before anything is changed, in which rooms a sanction can be carried out. */
export function createProspects({ directRooms, serverName, ...clients }: ProspectClients) {
  const { api, client, botUser } = clients;
  const looks = new Map<RoomId, { readonly at: number; readonly seen: Promise<Look> }>();

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

  /** What previews show of a room. Those of several users look at the same rooms. */
  async function lookAt(room: RoomId) {
    const known = looks.get(room);
    if (known !== undefined && known.at > Date.now() - freshMs) {
      return known.seen;
    }
    if (looks.size >= maxLooks) {
      looks.clear();
    }
    const seen = Promise.all([
      orUndefined(api.rooms.find(room)),
      orUndefined(levelsOf(clients, room)),
    ]).then(([detail, levels]) => ({ room: detail, levels }));
    looks.set(room, { at: Date.now(), seen });
    return seen;
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
          const levels = await orUndefined(levelsOf(clients, room));
          return levels !== undefined && isMuted(levels, user);
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
        const { room, levels } = await lookAt(roomId);
        const nameless = { roomId, name: null, canonicalAlias: null };
        if (room === undefined || levels === undefined) {
          return {
            room: room ?? nameless,
            membership: memberships.get(roomId),
            why: 'I could not look it up',
            needsPower: false,
          };
        }
        const powerless = whyPowerless(
          { levels, isBotIn: own.has(roomId) },
          { kind, user, botUser },
        );
        return {
          room,
          membership: memberships.get(roomId),
          why: powerless?.why,
          needsPower: powerless?.needsPower ?? false,
        };
      });
    },
  };
}

/** The results in the order of the values. */
async function sideBySide<Value, Result>(
  values: readonly Value[],
  work: (value: Value) => Promise<Result>,
): Promise<Result[]> {
  const queue = new PQueue({ concurrency });
  return queue.addAll(values.map((value) => async () => work(value)));
}
