import { bold, line } from '../../chat/answers/answer.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import { roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { namelessRoom } from '../../services/rooms/room-names.ts';

export default defineCommand({
  name: 'unblock-room',
  synonyms: ['unban-room', 'unlock-room'],
  summary: 'Allows users of this server to join a blocked room again',
  doesNot: ['restore a deleted room or its members'],
  args: { room: roomArgument },
  danger: 'change',
  example: 'unblock-room #spam:example.com',
  endpoints: [
    'PUT /_synapse/admin/v1/rooms/{room_id}/block',
    'GET /_synapse/admin/v1/rooms/{room_id}/block',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  run: async ({ args: { room }, services }) => services.rooms.setBlocked(room, false),
  answer: ({ args: { room } }, known) => ({
    mark: '✅',
    title: [bold('Unblocked '), ...roomNameAndId(known ?? namelessRoom(room))],
    body: [line('Users of this server can join it again, if the room’s own rules allow it.')],
    next: [`block-room ${idWord(room)}`],
    data: { roomId: room, block: false },
  }),
  undo: ({ args: { room } }) => `block-room ${idWord(room)}`,
  reconcile: async ({ args: { room }, services }) => services.rooms.reconcileBlocking(room, false),
});
