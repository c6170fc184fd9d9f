import { code, cut } from '../command/answer.ts';
import { flag } from '../command/arguments.ts';
import { defineCommand } from '../command/declaration.ts';
import { listAnswer, listFlags, readList } from '../command/list.ts';
import { offsetIn } from '../command/offset.ts';
import { roomName } from '../command/room.ts';
import { UsageError } from '../errors.ts';
import { roomOrders } from '../services/services.ts';
import type { RoomSummary } from '../services/services.ts';

export default defineCommand({
  name: 'rooms',
  group: 'rooms',
  summary: 'Lists and searches the rooms that this server knows',
  does: ['list every room that somebody of this server is or was in'],
  doesNot: [
    'list rooms in which nobody of this server has ever been',
    'find a room by a part of its ID or by an alias with its server',
  ],
  args: {
    search: flag('text', 'Part of the name or of the alias before the colon, or a whole ID'),
    orderBy: flag('choice', 'What to sort by; numbers begin with the largest', {
      choices: roomOrders,
    }),
    dir: flag('choice', 'b turns the order round', { choices: ['f', 'b'] }),
    ...listFlags,
  },
  danger: 'read',
  example: 'rooms --search lobby --order-by joined_members',
  endpoints: ['GET /_synapse/admin/v1/rooms'],
  async run({ args, services: { api } }) {
    const { search: searchTerm, orderBy, dir, limit } = args;
    if (searchTerm === '') {
      throw new UsageError('`--search` needs a value.', { command: 'rooms' });
    }
    const from = offsetIn(args.from);
    return readList(args, {
      async page() {
        const page = await api.rooms.list({ searchTerm, orderBy, dir, limit, from });
        return {
          rows: page.rooms,
          total: page.totalRooms,
          nextFrom: page.nextBatch?.toString(),
        };
      },
      all: () => api.rooms.all({ searchTerm, orderBy, dir, limit: 100, from }),
    });
  },
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'room',
      columns: [
        {
          title: 'Room',
          name: 'room_id',
          show: ({ roomId }) => [code(cut(roomId, 80))],
          value: ({ roomId }) => roomId,
        },
        {
          title: 'Name',
          name: 'name',
          show: (room) => [roomName(room) ?? ''],
          value: ({ name }) => name,
        },
        {
          title: 'Alias',
          name: 'canonical_alias',
          show: ({ name, canonicalAlias }) => [name === null ? '' : cut(canonicalAlias ?? '')],
          value: ({ canonicalAlias }) => canonicalAlias,
        },
        {
          title: 'Members',
          align: 'right',
          name: 'joined_members',
          show: ({ joinedMembers }) => [joinedMembers.toLocaleString('en-US')],
          value: ({ joinedMembers }) => joinedMembers,
        },
        {
          title: 'Local',
          align: 'right',
          name: 'joined_local_members',
          show: ({ joinedLocalMembers }) => [joinedLocalMembers?.toLocaleString('en-US') ?? ''],
          value: ({ joinedLocalMembers }) => joinedLocalMembers,
        },
        {
          title: 'Join',
          name: 'join_rules',
          show: (room) => [cut(kindOf(room), 40)],
          value: ({ joinRules }) => joinRules,
        },
        {
          title: 'Creator',
          name: 'creator',
          show: ({ creator }) => (creator === null ? [] : [code(cut(creator))]),
          value: ({ creator }) => creator,
        },
      ],
    }),
});

/** `public, encrypted` */
function kindOf({ joinRules, encryption, roomType }: RoomSummary): string {
  return [
    joinRules,
    encryption === null ? null : 'encrypted',
    roomType === 'm.space' ? 'space' : roomType,
  ]
    .filter((part) => part !== null)
    .join(', ');
}
