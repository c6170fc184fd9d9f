import { bold } from '../../chat/answers/answer.ts';
import { amount, count } from '../../chat/answers/phrases.ts';
import {
  roomNameColumns,
  unlistedRooms,
  withoutDirectRooms,
} from '../../chat/answers/room-list.ts';
import { requireRoom, roomKind, roomNameAndId } from '../../chat/answers/room.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { TargetError } from '../../core/errors.ts';

export default defineCommand({
  name: 'hierarchy',
  synonyms: ['children', 'space', 'space-rooms', 'subspaces', 'tree'],
  summary: 'Lists the rooms of a space, and of the spaces in it',
  does: ['list up to 1,000 rooms, with the level on which each was found'],
  doesNot: [
    'list rooms that no user of this server is in; it counts them',
    'list the private rooms where this bot sends secrets',
  ],
  args: {
    room: positional('room', 'The space', { placeholder: 'SPACE' }),
    depth: flag('integer', 'How many levels down (default: all)', { min: 1, max: 100 }),
    ...listFlags,
  },
  danger: 'read',
  example: 'hierarchy #community:example.com --depth 1',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}/hierarchy',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
  ],

  check: checkOffset,

  async run(context) {
    const { args, services, prefix } = context;
    const space = await requireRoom(context, args.room);
    if (space.roomType !== 'm.space') {
      throw new TargetError(
        'state',
        `\`${args.room}\` is not a space, so no room belongs to it`,
        `See \`${prefix}room\` for the room itself.`,
      );
    }
    const { rooms, isCut, elsewhere } = await services.rooms.space(args.room, args.depth);
    const children = rooms.filter(({ depth }) => depth > 0);
    const { hidden, shown } = await withoutDirectRooms(services, children);
    return { space, isCut, elsewhere: elsewhere.length, hidden, listing: pageOf(shown, args) };
  },

  answer(context, { space, isCut, elsewhere, hidden, listing }) {
    const spaces = roomNameAndId(space);
    const notes = [
      isCut ? 'The space has more rooms: only the first 1,000 were read.' : undefined,
      elsewhere > 0
        ? `${count(elsewhere, 'more room')}: no user of this server is in ${elsewhere === 1 ? 'it' : 'them'}.`
        : undefined,
    ].filter((note) => note !== undefined);
    const unlisted = unlistedRooms(hidden);
    return listAnswer(context, listing, {
      noun: 'room',
      of: [' in the space ', ...spaces],
      nothing: [bold(amount(0, 'room')), ' in the space ', ...spaces],
      note:
        notes.length === 0 && unlisted === undefined
          ? undefined
          : [notes.join(' '), ...(notes.length > 0 && unlisted ? [' '] : []), ...(unlisted ?? [])],
      columns: [
        ...roomNameColumns,
        {
          title: 'Level, members, access',
          name: 'depth',
          show: ({ depth, numJoinedMembers: joinedMembers, joinRule: joinRules, ...room }) => [
            `level ${depth}, ${roomKind({ ...room, joinedMembers, joinedLocalMembers: null, joinRules })}`,
          ],
          value: ({ depth }) => depth,
        },
        { name: 'parent', value: ({ parent }) => parent },
        { name: 'joined_members', value: ({ numJoinedMembers }) => numJoinedMembers },
        { name: 'join_rule', value: ({ joinRule }) => joinRule },
        { name: 'room_type', value: ({ roomType }) => roomType },
      ],
    });
  },
});
