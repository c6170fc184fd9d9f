import { TargetError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { RoomDetail, RoomSummary } from '../../services/services.ts';
import type { Context } from '../command/declaration.ts';
import type { ListColumn } from '../command/list.ts';
import { bold, code } from './answer.ts';
import type { Content, Inline } from './answer.ts';
import { ago, amount, count, whole } from './phrases.ts';
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

/** Name and ID for a table, whose cells are narrow. */
function roomCell(room: Pick<RoomSummary, 'roomId' | 'name' | 'canonicalAlias'>): Inline[] {
  const name = roomName(room);
  const id = code(cut(room.roomId, 80));
  return name === undefined ? [id] : [cut(name, 30), ' ', id];
}

/** Name and ID for a title, with the name in bold. */
export function roomTitle(room: Pick<RoomSummary, 'roomId' | 'name' | 'canonicalAlias'>): Inline[] {
  const name = roomName(room);
  return name === undefined ? [bold(code(room.roomId))] : [bold(name), ' ', code(room.roomId)];
}

/** The columns that name a room, in a list of rooms. */
export const roomNameColumns: readonly ListColumn<
  Pick<RoomSummary, 'roomId' | 'name' | 'canonicalAlias'>
>[] = [
  { title: 'Room', name: 'room_id', show: roomCell, value: ({ roomId }) => roomId },
  { name: 'name', value: ({ name }) => name },
  { name: 'canonical_alias', value: ({ canonicalAlias }) => canonicalAlias },
];

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

/** Says that a list leaves out direct rooms of the bot; undefined if it doesn't. */
export function unlistedRooms(number: number): Content | undefined {
  return number === 0
    ? undefined
    : [
        `${count(number, 'private room')} of this bot ${number === 1 ? 'is' : 'are'} not listed: ` +
          'it uses such rooms to send secrets.',
      ];
}

/**
 * The title of an empty list of one person's rooms: `nothing`, or that all of the rooms are left out.
 *
 * @param of the person, as in ` of @mallory:example.com`
 */
export function noRooms(unlisted: number, of: Content, nothing: Content): Content {
  return unlisted === 0 ? nothing : [bold('No room to list'), ...of];
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
  { services, prefix, now }: Pick<Context, 'services' | 'prefix' | 'now'>,
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
        `this server knows no room \`${id}\``,
        `Search for it by name: \`${prefix}rooms --search NAME\``,
      );
}
