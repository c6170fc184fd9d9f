import { line } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { blockedRoom } from './blocking.ts';

export default defineCommand({
  name: 'unblock-room',
  synonyms: ['unban-room', 'unlock-room'],
  summary: 'Lets users of this server join a blocked room again',
  doesNot: ['bring a deleted room or its members back'],
  args: { room: positional('room', 'Which room') },
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
    title: blockedRoom('Unblocked', room, known),
    body: [line('Users of this server can join it again, where its own rules let them.')],
    next: [`block-room ${idWord(room)}`],
    data: { roomId: room, block: false },
  }),
  undo: ({ args: { room } }) => `block-room ${idWord(room)}`,
  reconcile: async ({ args: { room }, services }) => services.rooms.reconcileBlocking(room, false),
});
