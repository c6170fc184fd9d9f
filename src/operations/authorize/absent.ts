import leven from 'leven';

import type { Absent } from '../../chat/answers/absent.ts';
import { LawspeakerError } from '../../core/errors.ts';
import { localpartOf, parseRoomId, parseUserId, serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { House } from '../house.ts';
import type { Authorized } from '../stages.ts';

/** Names of servers that differ in so few letters are taken for one another. */
const maxServerTypos = 2;

/** Accounts of this server that a user ID may have meant, which is unknown here or of another server. */
export async function accountsMeant(house: House, user: UserId): Promise<UserId[]> {
  const { serverName } = house.settings;
  if (serverNameOf(user) === serverName) {
    return house.findSimilar(user);
  }
  const meant = looksLike(serverNameOf(user) ?? '', serverName)
    ? parseUserId(`@${localpartOf(user)}:${serverName}`)
    : undefined;
  if (meant === undefined) {
    return [];
  }
  return (await house.findAccount(meant)) === undefined ? house.findSimilar(meant) : [meant];
}

/** `EXAMPLE.com`, `example.com.`, `example.com:8448`, `matrix.example.com` and `exampel.com` do. */
function looksLike(written: string, own: string): boolean {
  const [one, other] = [written, own].map((name) =>
    name.toLowerCase().replace(/:\d+$/u, '').replace(/\.$/u, ''),
  ) as [string, string];
  return (
    one === other ||
    one.endsWith(`.${other}`) ||
    other.endsWith(`.${one}`) ||
    (other.length > 3 * maxServerTypos && leven(one, other) <= maxServerTypos)
  );
}

/**
 * Of the users and rooms that a read asks about, those that this server does not have: what is found of
 * them is true, and what is not found says nothing about anybody.
 */
export async function absentIn(
  house: House,
  { command, danger, invocation }: Authorized,
): Promise<Absent[]> {
  if (danger !== 'read') {
    return [];
  }
  const asked = Object.entries(command.args).flatMap(([key, { kind, place }]) => {
    const value = invocation.arguments[key];
    const isLookedUp =
      kind === 'user' || kind === 'target' || (kind === 'room' && place === 'flag');
    return isLookedUp && typeof value === 'string' ? [value] : [];
  });
  const found = await Promise.all([...new Set(asked)].map(async (id) => absentOf(house, id)));
  return found.filter((one) => one !== undefined);
}

async function absentOf(house: House, id: string): Promise<Absent | undefined> {
  const user = parseUserId(id);
  const room = parseRoomId(id);
  try {
    if (user !== undefined) {
      return await absentAccount(house, user);
    }
    return room === undefined || (await house.services.rooms.find(room)) !== undefined
      ? undefined
      : { id: room, kind: 'room', state: 'absent', similar: [] };
  } catch (error) {
    const one: UserId | RoomId | undefined = user ?? room;
    if (!(error instanceof LawspeakerError) || one === undefined) {
      throw error;
    }
    return {
      id: one,
      kind: user === undefined ? 'room' : 'account',
      state: 'unchecked',
      similar: [],
    };
  }
}

async function absentAccount(house: House, user: UserId): Promise<Absent | undefined> {
  const isOurs = serverNameOf(user) === house.settings.serverName;
  if (isOurs && (await house.findAccount(user)) !== undefined) {
    return undefined;
  }
  const similar = await accountsMeant(house, user);
  return isOurs || similar.length > 0
    ? { id: user, kind: 'account', state: isOurs ? 'absent' : 'elsewhere', similar }
    : undefined;
}
