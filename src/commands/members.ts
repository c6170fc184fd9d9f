import { code } from '../command/answer.ts';
import { positional } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { listAnswer, listFlags, pageOf } from '../command/list.ts';
import { offsetIn } from '../command/offset.ts';
import { requireRoom, roomNameAndId } from '../command/room.ts';

export default defineCommand({
  name: 'members',
  group: 'rooms',
  summary: 'Lists who is joined to a room',
  does: ['list members of this server and of others'],
  doesNot: ['list who is invited or banned'],
  args: { room: positional('room', 'Which room'), ...listFlags },
  danger: 'read',
  example: 'members #lobby:example.com',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/members',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  async run(context) {
    const { args, services } = context;
    offsetIn(args.from);
    const room = await requireRoom(context, args.room);
    const { members } = await services.api.rooms.members(args.room);
    // In an order of our own: pages must not overlap.
    return { room, listing: pageOf([...members].sort(), args) };
  },
  answer: (context, { room, listing }) =>
    listAnswer(context, listing, {
      noun: 'member',
      of: [' in ', ...roomNameAndId(room)],
      none: ['Nobody is joined.'],
      columns: [
        {
          title: 'User',
          name: 'user_id',
          show: (user) => [code(user)],
          value: (user) => user,
        },
      ],
    }),
});
