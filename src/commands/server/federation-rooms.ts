import { code } from '../../chat/answers/answer.ts';
import {
  namedRoomColumns,
  namedRooms,
  noRooms,
  unlistedRooms,
  withNames,
  pageWithoutDirectRooms,
} from '../../chat/answers/room-list.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageSize, readList } from '../../chat/command/list.ts';
import { requireServer } from './parts/known-server.ts';
import { checkServerName } from './parts/server-name.ts';

export default defineCommand({
  name: 'federation-rooms',
  synonyms: ['shared-rooms', 'server-rooms'],
  summary: 'Lists the rooms that another server shares with this one',
  doesNot: [
    'list rooms that only other servers are in',
    'list the private rooms where this bot sends secrets',
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
    const { hidden, listing } = await pageWithoutDirectRooms(
      services,
      await readList(args, shared),
    );
    const rows = await withNames(services.rooms, listing.rows);
    return { hidden, listing: { ...listing, rows } };
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
      columns: namedRoomColumns,
    });
  },
});
