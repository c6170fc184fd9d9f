import leven from 'leven';

import type { Absent } from '../../chat/answers/absent.ts';
import { LawspeakerError } from '../../core/errors.ts';
import { localpartOf, parseRoomId, parseUserId, serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { Services } from '../../services/services.ts';
import { at, ownServer } from '../at-homeserver.ts';
import type { AccountLookup, HomeserversContext } from '../at-homeserver.ts';
import type { Settings } from '../settings.ts';
import type { Authorized } from '../stages.ts';

type MeantContext = AccountLookup & { readonly settings: Pick<Settings, 'serverName'> };

export type AbsentContext = MeantContext &
  HomeserversContext & { readonly services: Pick<Services, 'rooms'> };

/** A server name with at most this many typos is taken for ours. */
const maxServerTypos = 2;

/** Accounts of this server that may be meant by the ID of an unknown user, or of a user on another server. */
export async function accountsMeant(context: MeantContext, user: UserId): Promise<UserId[]> {
  const { serverName } = context.settings;
  if (serverNameOf(user) === serverName) {
    return context.findSimilar(user);
  }
  const meant = looksLike(serverNameOf(user) ?? '', serverName)
    ? parseUserId(`@${localpartOf(user)}:${serverName}`)
    : undefined;
  if (meant === undefined) {
    return [];
  }
  return (await context.findAccount(meant)) === undefined ? context.findSimilar(meant) : [meant];
}

/** Whether a server name is like ours: `EXAMPLE.com`, `example.com.`, `example.com:8448`, `matrix.example.com` or `exampel.com`. */
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
 * The users and rooms that a read asks about and that this server does not have. The answer says so,
 * because an empty result about them proves nothing.
 */
export async function absentIn(
  context: AbsentContext,
  { command, invocation }: Pick<Authorized, 'command' | 'invocation'>,
): Promise<Absent[]> {
  const asked = Object.entries(command.args).flatMap(([key, { kind, place }]) => {
    const value = invocation.arguments[key];
    const isLookedUp =
      kind === 'user' || kind === 'target' || (kind === 'room' && place === 'flag');
    return isLookedUp && typeof value === 'string' ? [value] : [];
  });
  const found = await Promise.all([...new Set(asked)].map(async (id) => absentOf(context, id)));
  return found.filter((one) => one !== undefined);
}

async function absentOf(context: AbsentContext, id: string): Promise<Absent | undefined> {
  const user = parseUserId(id);
  const room = parseRoomId(id);
  try {
    const there = at(context, ownServer(context, user ?? room), { forReading: true });
    if (user !== undefined) {
      return await absentAccount(there, user);
    }
    return room === undefined ||
      // It may be on another homeserver.
      (context.settings.homeservers.length > 1 && serverNameOf(room) === undefined) ||
      (await there.services.rooms.find(room)) !== undefined
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

async function absentAccount(context: MeantContext, user: UserId): Promise<Absent | undefined> {
  const isOurs = serverNameOf(user) === context.settings.serverName;
  if (isOurs && (await context.findAccount(user)) !== undefined) {
    return undefined;
  }
  const similar = await accountsMeant(context, user);
  return isOurs || similar.length > 0
    ? { id: user, kind: 'account', state: isOurs ? 'absent' : 'elsewhere', similar }
    : undefined;
}
