import { code } from '../../chat/answers/answer.ts';
import { noRooms, roomKind, roomNameColumns, unlistedRooms } from '../../chat/answers/room.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageSize, readList } from '../../chat/command/list.ts';
import { namedRooms, withNames } from '../accounts/parts/named-rooms.ts';
import { requireServer } from './parts/known-server.ts';
import { checkServerName } from './parts/server-name.ts';

export default defineCommand({
  name: 'federation-rooms',
  synonyms: ['shared-rooms', 'server-rooms'],
  summary: 'Lists the rooms that another server shares with this one',
  doesNot: [
    'list rooms that only other servers are in',
    'list direct rooms in which this bot sends secrets',
    `show room names in files of more than ${namedRooms} rooms`,
  ],
  args: {
    destination: positional('word', 'The other server', { placeholder: 'SERVER' }),
    ...listFlags,
  },
  danger: 'read',
  example: 'federation-rooms matrix.org',
  endpoints: [
    'GET /_synapse/admin/v1/federation/destinations/{destination}/rooms',
    'GET /_synapse/admin/v1/federation/destinations/{destination}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
  ],
  check(args, context) {
    checkServerName(args.destination);
    checkOffset(args, context);
  },
  async run(context) {
    const { args, services } = context;
    const { destination, limit = pageSize, from } = args;
    await requireServer(context, destination);
    const shared = services.server.roomsSharedWith(destination, { limit, from });
    const listing = await readList(args, shared);
    const hidden = await services.directRooms.among(listing.rows.map(({ roomId }) => roomId));
    const rows = await withNames(
      services.rooms,
      listing.rows.filter(({ roomId }) => !hidden.has(roomId)),
    );
    // The server's total includes them. Those on other pages are not known, so they are still counted.
    const total = listing.total === undefined ? undefined : listing.total - hidden.size;
    return { hidden: hidden.size, listing: { ...listing, rows, total } };
  },
  answer(context, { hidden, listing }) {
    const server = code(context.args.destination);
    return listAnswer(context, listing, {
      noun: 'room',
      of: [' shared with ', server],
      nothing: noRooms(
        hidden,
        [' shared with ', server],
        ['This server shares no room with ', server],
      ),
      note: unlistedRooms(hidden),
      columns: [
        ...roomNameColumns,
        {
          title: 'Members, access',
          name: 'joined_members',
          show: ({ joinedMembers, ...room }) =>
            joinedMembers === null ? ['not known here'] : [roomKind({ ...room, joinedMembers })],
          value: ({ joinedMembers }) => joinedMembers,
        },
      ],
    });
  },
});
