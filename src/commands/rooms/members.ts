import { bold, code } from '../../chat/answers/answer.ts';
import { whole } from '../../chat/answers/phrases.ts';
import { requireRoom, roomNameAndId } from '../../chat/answers/room.ts';
import { roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';

export default defineCommand({
  name: 'members',
  synonyms: ['list-members', 'room-members', 'who'],
  summary: 'Lists the members of a room',
  does: ['list members from this server and from others'],
  doesNot: ['list users who are invited or banned'],
  args: { room: roomArgument, ...listFlags },
  danger: 'read',
  example: 'members #lobby:example.com',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/members',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  check: checkOffset,
  async run(context) {
    const { args, services } = context;
    const room = await requireRoom(context, args.room);
    const { members } = await services.rooms.members(args.room);
    const remote = members.filter((member) => serverNameOf(member) !== context.serverName).length;
    return { room, remote, listing: pageOf(members.toSorted(), args) };
  },
  answer(context, { room, remote, listing }) {
    const isHere = (user: UserId) => serverNameOf(user) === context.serverName;
    return listAnswer(context, listing, {
      noun: 'member',
      of: [remote === 0 ? '' : `, ${whole(remote)} remote,`, ' in ', ...roomNameAndId(room)],
      nothing: [bold('Nobody'), ' is in ', ...roomNameAndId(room)],
      columns: [
        {
          title: 'User',
          name: 'user_id',
          show: (user) => [code(user), isHere(user) ? '' : ' remote'],
          value: (user) => user,
        },
        {
          name: 'server',
          value: (user) => serverNameOf(user) ?? null,
        },
      ],
    });
  },
});
