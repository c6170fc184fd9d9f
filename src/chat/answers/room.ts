import { TargetError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { RoomDetail, RoomSummary } from '../../services/services.ts';
import type { Context } from '../command/declaration.ts';
import { bold, code } from './answer.ts';
import type { Inline } from './answer.ts';
import { ago, amount, whole } from './phrases.ts';
import { inert } from './untrusted-text.ts';

/** The name of a room, otherwise its alias, shortened; undefined if it has neither. */
export function roomName(room: Pick<RoomSummary, 'name' | 'canonicalAlias'>): string | undefined {
  const name = [room.name, room.canonicalAlias].find((text) => text !== null && text.trim() !== '');
  return typeof name === 'string' ? inert(name) : undefined;
}

/** A room as people read it: name and ID. */
export function roomNameAndId(
  room: Pick<RoomSummary, 'roomId' | 'name' | 'canonicalAlias'>,
): Inline[] {
  const name = roomName(room);
  return name === undefined ? [code(room.roomId)] : [name, ' ', code(room.roomId)];
}

/** Name and ID for a title, with the name in bold. */
export function roomTitle(room: Pick<RoomSummary, 'roomId' | 'name' | 'canonicalAlias'>): Inline[] {
  const name = roomName(room);
  return name === undefined ? [bold(code(room.roomId))] : [bold(name), ' ', code(room.roomId)];
}

/** `12 members, 3 of other servers` */
export function memberCounts(
  room: Pick<RoomSummary, 'joinedMembers' | 'joinedLocalMembers'>,
): string {
  const remote = remoteMembers(room);
  if (room.joinedMembers === null) {
    return 'members not counted: Synapse has no statistics of this room';
  }
  const all = amount(room.joinedMembers, 'member');
  return remote === 0 || remote === undefined
    ? all
    : `${all}, ${remote === room.joinedMembers ? 'all' : whole(remote)} of other servers`;
}

/** `12 members, 3 remote, public, encrypted`, for tables. */
export function roomKind(room: RoomKind): string {
  const remote = remoteMembers(room);
  const { joinedMembers, joinRules, encryption, roomType } = room;
  const access = [
    joinRules === null ? undefined : cut(joinRules, 40),
    encryption === null ? undefined : 'encrypted',
    roomType === null ? undefined : roomType === 'm.space' ? 'space' : cut(roomType, 40),
  ].filter((part) => part !== undefined);
  return [
    `${joinedMembers === null ? 'members not counted' : amount(joinedMembers, 'member')}${remote === 0 || remote === undefined ? '' : `, ${remote === joinedMembers ? 'all' : whole(remote)} remote`}`,
    ...(access.length === 0 ? [] : [access.join(', ')]),
  ].join(', ');
}

type RoomKind = Pick<
  RoomSummary,
  'joinedMembers' | 'joinedLocalMembers' | 'joinRules' | 'encryption' | 'roomType'
>;

/** How many members are of other servers; undefined if the server doesn't say. */
export function remoteMembers(
  room: Pick<RoomSummary, 'joinedMembers' | 'joinedLocalMembers'>,
): number | undefined {
  return room.joinedLocalMembers === null || room.joinedMembers === null
    ? undefined
    : Math.max(0, room.joinedMembers - room.joinedLocalMembers);
}

/** `encrypted`, `not encrypted` */
export function encryptionState(room: Pick<RoomSummary, 'encryption'>): string {
  return room.encryption === null ? 'not encrypted' : 'encrypted';
}

/**
 * The room, as this server knows it.
 *
 * @throws TargetError this server doesn't know it
 */
export async function requireRoom(
  {
    services,
    prefix,
    now,
    serverName,
    homeservers,
  }: Pick<Context, 'services' | 'prefix' | 'now' | 'serverName' | 'homeservers'>,
  id: RoomId,
): Promise<RoomDetail> {
  const room = await services.rooms.find(id);
  if (room !== undefined) {
    return room;
  }
  const deletion = await services.rooms.lastDeletion(id);
  throw deletion?.status === 'complete'
    ? new TargetError(
        'unknown_room',
        `there is no room \`${id}\` any more: it was deleted ${ago(deletion.timestampMs, now)}`,
      )
    : new TargetError(
        'unknown_room',
        `${homeservers.length < 2 ? 'this server' : serverName} knows no room \`${id}\``,
        `Search for it by name: \`${prefix}rooms --search NAME\``,
      );
}
