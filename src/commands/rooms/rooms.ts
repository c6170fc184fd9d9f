import {
  roomNameColumns,
  unlistedRooms,
  pageWithoutDirectRooms,
} from '../../chat/answers/room-list.ts';
import { roomKind } from '../../chat/answers/room.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import {
  checkOffset,
  listAnswer,
  listFlags,
  pageQuery,
  readList,
  sortFlags,
} from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { roomOrders } from '../../services/services.ts';

export default defineCommand({
  name: 'rooms',
  synonyms: ['find-room', 'list', 'list-rooms', 'search', 'search-rooms'],
  summary: 'Lists and searches the rooms that this server knows',
  does: ['list every room that a user of this server is or was in'],
  doesNot: [
    'list rooms that no user of this server was ever in',
    'find a room by part of its ID, or by an alias with a server name',
    'list the private rooms where this bot sends secrets',
  ],
  args: {
    search: flag('text', 'Part of the name, part of the alias before the colon, or a full ID', {
      bare: true,
    }),
    ...sortFlags(roomOrders, {
      orderBy: 'Sort by this; numbers start with the largest',
      dir: 'b reverses the order',
    }),
    ...listFlags,
  },
  danger: 'read',
  example: 'rooms --search lobby --order-by joined_members',
  endpoints: [
    'GET /_synapse/admin/v1/rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],
  check(args, context) {
    if (args.search === '') {
      throw new UsageError('`--search` needs a value.', { word: '--search' });
    }
    checkOffset(args, context);
  },
  async run({ args, services }) {
    const query = { ...pageQuery(args), searchTerm: args.search };
    return pageWithoutDirectRooms(services, await readList(args, services.rooms.list(query)));
  },
  answer(context, { hidden, listing }) {
    const only = listing.total === 1 ? listing.rows[0] : undefined;
    return listAnswer(context, listing, {
      noun: 'room',
      note: unlistedRooms(hidden),
      ...(only === undefined ? {} : { next: [`room ${idWord(only.roomId)}`] }),
      columns: [
        ...roomNameColumns,
        {
          title: 'Members, access',
          name: 'joined_members',
          show: (room) => [roomKind(room)],
          value: ({ joinedMembers }) => joinedMembers,
        },
        {
          name: 'joined_local_members',
          value: ({ joinedLocalMembers }) => joinedLocalMembers,
        },
        {
          name: 'join_rules',
          value: ({ joinRules }) => joinRules,
        },
        {
          name: 'creator',
          value: ({ creator }) => creator,
        },
      ],
    });
  },
});
