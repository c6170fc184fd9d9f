import { facts, line } from '../../../chat/answers/answer.ts';
import type { Block, Content, Preview } from '../../../chat/answers/answer.ts';
import { amount, count, whole } from '../../../chat/answers/phrases.ts';
import { memberCounts, remoteMembers, roomNameAndId } from '../../../chat/answers/room.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import type { LeftOut } from '../../../chat/command/invocation.ts';
import { TargetError } from '../../../core/errors.ts';
import type { RoomId } from '../../../core/ids.ts';
import type { RoomDetail, Services } from '../../../services/services.ts';

interface Rooms {
  readonly room: readonly RoomId[];
  readonly withChildren: boolean;
}

type RoomServices = Pick<Services, 'directRooms' | 'rooms'>;

/** The rooms to delete. Older versions stored a single one without a list. */
export function roomsOf({ room }: Pick<Rooms, 'room'>): RoomId[] {
  return [...new Set([room].flat())];
}

/** One command deletes at most this many rooms, and names at most this many that are not here. */
const maxRooms = 1000;

/**
 * Replaces spaces by their rooms, and leaves out what can't be deleted, unless a single room is named.
 *
 * @throws TargetError nothing is left to delete, or these are more than 1,000 rooms
 */
export async function spellOutRooms({
  args,
  services,
}: {
  readonly args: Rooms;
  readonly services: RoomServices;
}): Promise<
  | {
      readonly args: { readonly room: RoomId[]; readonly withChildren: false };
      readonly leftOut: LeftOut[];
    }
  | undefined
> {
  const named = roomsOf(args);
  if (!args.withChildren && named.length === 1) {
    return undefined;
  }
  const { rooms, elsewhere } = args.withChildren
    ? await withChildren(services, named)
    : { rooms: named, elsewhere: [] };
  assertNotTooMany(rooms.length);
  // If somebody names one of them, the whole command is refused.
  const secret = await secretRooms(
    services,
    rooms.filter((id) => !named.includes(id)),
  );
  const leftOut = await whyNotDeletable(
    services,
    rooms.filter((id) => !secret.has(id)),
  );
  const room = rooms.filter((id) => !secret.has(id) && !leftOut.has(id));
  if (room.length === 0) {
    const [[id, why] = ['', '']] = leftOut;
    throw new TargetError(
      'state',
      leftOut.size === 1
        ? `\`${id}\` ${why}`
        : `none of these ${whole(leftOut.size)} rooms can be deleted; \`${id}\`, for example, ${why}`,
      'Nothing was changed.',
    );
  }
  return {
    args: { room, withChildren: false },
    leftOut: [
      ...[...leftOut].map(([user, why]) => ({ user, why })),
      ...(secret.size === 0
        ? []
        : [
            {
              user: `${count(secret.size, 'private room')} of this bot`,
              why: `${secret.size === 1 ? 'is' : 'are'} out of reach`,
            },
          ]),
      ...elsewhere
        .slice(0, maxRooms)
        .map((user) => ({ user, why: 'has no member from this server' })),
      // Anybody can write as many rooms into a space as they like.
      ...(elsewhere.length <= maxRooms
        ? []
        : [
            {
              user: count(elsewhere.length - maxRooms, 'more room'),
              why:
                elsewhere.length - maxRooms === 1
                  ? 'has no member from this server'
                  : 'have no member from this server',
            },
          ]),
    ],
  };
}

/** @throws TargetError */
function assertNotTooMany(rooms: number): void {
  if (rooms > maxRooms) {
    throw new TargetError(
      'state',
      `these are more than ${whole(maxRooms)} rooms, and one command can delete up to ${whole(maxRooms)}`,
      'Nothing was changed. Delete them in several commands.',
    );
  }
}

/** The named rooms, each space after the rooms in it, and the rooms of the spaces that this server is not in. */
async function withChildren(
  { rooms: service }: RoomServices,
  named: readonly RoomId[],
): Promise<{ readonly rooms: readonly RoomId[]; readonly elsewhere: readonly RoomId[] }> {
  const known = await service.findAll(named);
  const isSpace = (id: RoomId) => known.get(id)?.roomType === 'm.space';
  const [first] = named;
  if (first !== undefined && !named.some(isSpace)) {
    const isKnown = known.has(first);
    throw new TargetError(
      isKnown ? 'state' : 'unknown_room',
      isKnown
        ? `\`${first}\` is not a space, so no room belongs to it`
        : `this server knows no room \`${first}\``,
      'Nothing was changed. Leave out `--with-children` to delete only the room itself.',
    );
  }
  const rooms = new Set<RoomId>();
  const elsewhere = new Set<RoomId>();
  for (const id of named) {
    if (!isSpace(id)) {
      rooms.add(id);
      continue;
    }
    const space = await service.space(id);
    if (space.isCut) {
      throw new TargetError(
        'state',
        `the space \`${id}\` has more than 1,000 rooms`,
        'Nothing was changed. Delete the spaces in it first, one after another.',
      );
    }
    // If it is interrupted, the space that is left still leads to the rooms that are left.
    space.rooms.toReversed().forEach(({ roomId }) => rooms.add(roomId));
    space.elsewhere.forEach((room) => elsewhere.add(room));
    // The other spaces need not be read.
    assertNotTooMany(rooms.size);
  }
  return { rooms: [...rooms], elsewhere: [...elsewhere].filter((id) => !rooms.has(id)) };
}

/** Those of the rooms where the bot sends secrets. Lists don't name them. */
async function secretRooms(
  { directRooms }: Pick<RoomServices, 'directRooms'>,
  rooms: readonly RoomId[],
): Promise<ReadonlySet<RoomId>> {
  const secret = new Set<RoomId>();
  for (const id of rooms) {
    if (await directRooms.has(id)) {
      secret.add(id);
    }
  }
  return secret;
}

/** Why some of the rooms are left out, as the rest of a sentence that begins with the room. */
async function whyNotDeletable(
  { directRooms, rooms: service }: RoomServices,
  rooms: readonly RoomId[],
): Promise<ReadonlyMap<RoomId, string>> {
  const [known, deleting, reserved] = await Promise.all([
    service.findAll(rooms),
    service.beingDeleted(),
    directRooms.reservedAmong(rooms),
  ]);
  return new Map(
    rooms.flatMap((id) => {
      const why = reserved.has(id)
        ? 'is the management room'
        : deleting.has(id)
          ? 'is being deleted already'
          : known.has(id)
            ? undefined
            : 'is not known to this server';
      return why === undefined ? [] : [[id, why] as const];
    }),
  );
}

/** At most this many rooms are named in a preview. */
const maxNamed = 10;

interface Deletion extends Rooms {
  readonly block: boolean;
  readonly purge: boolean;
}

/** What deleting several rooms would do: the sums first, then the rooms with the most members from this server. */
export async function previewOfSeveral(
  {
    services,
    prefix,
    typed,
    args,
  }: Pick<Context, 'prefix' | 'services' | 'typed'> & {
    readonly args: Deletion;
  },
  warning: string,
): Promise<Preview> {
  const { block, purge } = args;
  const found = await services.rooms.findAll(roomsOf(args));
  const rooms = [...found.values()];
  if (rooms.length === 0) {
    throw new TargetError('unknown_room', 'this server knows none of these rooms any more');
  }
  const local = sum(rooms.map(({ joinedLocalMembers }) => joinedLocalMembers ?? 0));
  const remote = sum(rooms.map((room) => remoteMembers(room) ?? 0));
  const uncounted = rooms.filter(({ joinedMembers }) => joinedMembers === null).length;
  const largest = rooms.toSorted(byMembers).slice(0, maxNamed);
  const others = rooms.length - largest.length;
  return {
    title: titleOf(rooms, typed?.['withChildren'] === true ? typed['room'] : []),
    body: [
      facts(
        `${amount(local, 'member')} from this server`,
        `${whole(remote)} from other servers`,
        'people are counted in each room',
        uncounted > 0 && `members of ${count(uncounted, 'room')} not counted`,
      ),
      { kind: 'list', items: largest.map(listed) },
      ...(others === 0 ? [] : [line(`And ${whole(others)} more: see the file.`)]),
      willDo({ block, purge }),
      willNotDo({ block, purge, prefix, remote }),
    ],
    warning,
    rooms: rooms.map((room) => ({
      room_id: room.roomId,
      name: room.name ?? '',
      canonical_alias: room.canonicalAlias ?? '',
      room_type: room.roomType ?? '',
      local_members: room.joinedLocalMembers ?? '',
      other_members: remoteMembers(room) ?? '',
      creator: room.creator ?? '',
    })),
  };
}

/** Members from this server count first: another server can claim as many members as it likes. */
function byMembers(a: RoomDetail, b: RoomDetail): number {
  return (
    (b.joinedLocalMembers ?? 0) - (a.joinedLocalMembers ?? 0) ||
    (b.joinedMembers ?? 0) - (a.joinedMembers ?? 0)
  );
}

/** `Delete space Foo !abc and the 11 rooms in it?` */
function titleOf(rooms: readonly RoomDetail[], spaces: unknown): Content {
  const named = new Set([spaces].flat());
  const expanded = rooms.filter(
    ({ roomId, roomType }) => roomType === 'm.space' && named.has(roomId),
  );
  const children = rooms.filter(({ roomId }) => !named.has(roomId)).length;
  const [space] = expanded;
  if (space === undefined || rooms.length !== expanded.length + children) {
    return [`Delete ${count(rooms.length, 'room')}?`];
  }
  return expanded.length === 1
    ? ['Delete space ', ...roomNameAndId(space), ` and the ${count(children, 'room')} in it?`]
    : [`Delete ${whole(expanded.length)} spaces and the ${count(children, 'room')} in them?`];
}

function listed(room: RoomDetail): Content {
  return [
    ...roomNameAndId(room),
    ` · ${room.roomType === 'm.space' ? 'space · ' : ''}${memberCounts(room)}`,
  ];
}

function willDo({ block, purge }: Pick<Deletion, 'block' | 'purge'>): Block {
  return line(
    `Will: ${[
      'remove the members from this server, and the aliases here',
      ...(purge ? ['delete the messages from this server'] : []),
      ...(block ? ['block users of this server from joining again'] : []),
    ].join(', ')}`,
  );
}

function willNotDo({
  block,
  purge,
  prefix,
  remote,
}: Pick<Deletion, 'block' | 'purge'> & {
  readonly prefix: string;
  readonly remote: number;
}): Block {
  return line(
    `Will not: ${[
      remote === 0 ? 'remove them from other servers' : 'affect the members from other servers',
      `delete files (see ${prefix}delete-media)`,
      ...(purge ? [] : ['delete the messages']),
      ...(block ? [] : ['block users of this server from joining again (see --block)']),
      'tell the members why',
    ].join(', ')}`,
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
