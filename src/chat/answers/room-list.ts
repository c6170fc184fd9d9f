import type { RoomId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Listing } from '../../services/pages.ts';
import { namelessRoom } from '../../services/rooms/room-names.ts';
import type { NamedRoom } from '../../services/rooms/room-names.ts';
import type { RoomSummary, Services } from '../../services/services.ts';
import type { ListColumn } from '../command/list.ts';
import { bold, code } from './answer.ts';
import type { Content, Inline } from './answer.ts';
import { count } from './phrases.ts';
import { roomKind, roomName } from './room.ts';

/** Name and ID for a table, whose cells are narrow. */
function roomCell(room: Pick<RoomSummary, 'roomId' | 'name' | 'canonicalAlias'>): Inline[] {
  const name = roomName(room);
  const id = code(cut(room.roomId, 80));
  return name === undefined ? [id] : [cut(name, 30), ' ', id];
}

/** The columns that name a room, in a list of rooms. */
export const roomNameColumns: readonly ListColumn<
  Pick<RoomSummary, 'roomId' | 'name' | 'canonicalAlias'>
>[] = [
  { title: 'Room', name: 'room_id', show: roomCell, value: ({ roomId }) => roomId },
  { name: 'name', value: ({ name }) => name },
  { name: 'canonical_alias', value: ({ canonicalAlias }) => canonicalAlias },
];

/** The columns of a list of rooms whose names were looked up. */
export const namedRoomColumns: readonly ListColumn<NamedRoom>[] = [
  ...roomNameColumns,
  {
    title: 'Members, access',
    name: 'joined_members',
    show: (room) => [room.joinedMembers === null ? 'not known here' : roomKind(room)],
    value: ({ joinedMembers }) => joinedMembers,
  },
];

/**
 * The most rooms whose names are looked up. A page has no more; a file may have thousands, and each name
 * takes a request.
 */
export const namedRooms = 100;

/** Adds the names of rooms to the rows of a list, unless there are more than `namedRooms`. */
export async function withNames<Row extends { readonly roomId: RoomId }>(
  rooms: Pick<Services['rooms'], 'names'>,
  rows: readonly Row[],
): Promise<(NamedRoom & Row)[]> {
  const named =
    rows.length <= namedRooms ? await rooms.names(rows.map(({ roomId }) => roomId)) : [];
  return rows.map((row, at) => ({ ...(named[at] ?? namelessRoom(row.roomId)), ...row }));
}

/** The rooms that are not direct rooms of the bot, and how many are. */
export async function withoutDirectRooms<Row extends { readonly roomId: RoomId }>(
  { directRooms }: Pick<Services, 'directRooms'>,
  rows: readonly Row[],
): Promise<{ readonly hidden: number; readonly shown: readonly Row[] }> {
  const hidden = await directRooms.among(rows.map(({ roomId }) => roomId));
  return { hidden: hidden.size, shown: rows.filter(({ roomId }) => !hidden.has(roomId)) };
}

/**
 * A page of the homeserver's, without direct rooms of the bot. The homeserver's total includes them. Those on
 * other pages are not known, so they are still counted.
 */
export async function pageWithoutDirectRooms<Row extends { readonly roomId: RoomId }>(
  services: Pick<Services, 'directRooms'>,
  listing: Listing<Row>,
): Promise<{ readonly hidden: number; readonly listing: Listing<Row> }> {
  const { hidden, shown: rows } = await withoutDirectRooms(services, listing.rows);
  const total = listing.total === undefined ? undefined : listing.total - hidden;
  return { hidden, listing: { ...listing, rows, total } };
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
