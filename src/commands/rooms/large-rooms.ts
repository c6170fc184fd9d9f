import { bold } from '../../chat/answers/answer.ts';
import { size } from '../../chat/answers/phrases.ts';
import {
  noRooms,
  roomNameColumns,
  unlistedRooms,
  withNames,
  withoutDirectRooms,
} from '../../chat/answers/room-list.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';

export default defineCommand({
  name: 'large-rooms',
  synonyms: ['biggest-rooms', 'database', 'disk', 'largest-rooms', 'storage', 'top-rooms'],
  summary: 'Lists the ten rooms that take most of the database',
  does: ['estimate the size from PostgreSQL’s own statistics'],
  doesNot: [
    'work if Synapse uses SQLite',
    'count files (see !media-stats)',
    'list the private rooms where this bot sends secrets',
  ],
  args: { ...listFlags },
  danger: 'read',
  example: 'large-rooms',
  endpoints: [
    'GET /_synapse/admin/v1/statistics/database/rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  check: checkOffset,

  async run({ args, services }) {
    const { hidden, shown } = await withoutDirectRooms(services, await services.rooms.largest());
    const page = pageOf(shown, args);
    return { hidden, listing: { ...page, rows: await withNames(services.rooms, page.rows) } };
  },

  answer: (context, { hidden, listing }) =>
    listAnswer(context, listing, {
      noun: 'room',
      of: [', the largest in the database'],
      nothing: noRooms(hidden, [], [bold('No sizes yet: '), 'PostgreSQL has no statistics']),
      note: unlistedRooms(hidden),
      next: listing.rows.slice(0, 1).map(({ roomId }) => `room ${idWord(roomId)}`),
      columns: [
        ...roomNameColumns,
        {
          title: 'Size',
          name: 'estimated_size',
          show: ({ estimatedSize }) => [bold(`about ${size(estimatedSize)}`)],
          value: ({ estimatedSize }) => estimatedSize,
        },
        { name: 'joined_members', value: ({ joinedMembers }) => joinedMembers },
      ],
    }),
});
