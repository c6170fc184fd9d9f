import { bold, code, line } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import { roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { namelessRoom } from '../../services/rooms/room-names.ts';

export default defineCommand({
  name: 'block-room',
  synonyms: ['ban-room', 'block', 'lock-room'],
  summary: 'Blocks users of this server from joining a room',
  does: ['work on any room, even one that this server doesn’t know yet'],
  doesNot: [
    'remove current members or stop them from sending (see !delete-room)',
    'affect users of other servers',
  ],
  args: { room: roomArgument },
  danger: 'change',
  example: 'block-room #spam:example.com --reason spam',
  endpoints: [
    'PUT /_synapse/admin/v1/rooms/{room_id}/block',
    'GET /_synapse/admin/v1/rooms/{room_id}/block',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  run: async ({ args: { room }, services }) => services.rooms.setBlocked(room, true),
  answer({ args: { room }, homeservers, serverName }, known) {
    const inside = known?.joinedLocalMembers ?? 0;
    return {
      mark: '✅',
      title: [bold('Blocked '), ...roomNameAndId(known ?? namelessRoom(room))],
      body: [
        line(
          'Users of this server can’t join it any more.',
          inside === 0
            ? ''
            : ` ${count(inside, 'member')} of this server ${inside === 1 ? 'is' : 'are'} still in it.`,
        ),
        ...(known === undefined && homeservers.length > 1
          ? [
              line(
                `${serverName} does not know this room. To block it on another homeserver, add `,
                code('--on NAME'),
                '.',
              ),
            ]
          : []),
      ],
      next: [
        `unblock-room ${idWord(room)}`,
        ...(known === undefined ? [] : [`delete-room ${idWord(room)} --block`]),
      ],
      data: { roomId: room, block: true },
    };
  },
  undo: ({ args: { room } }) => `unblock-room ${idWord(room)}`,
  reconcile: async ({ args: { room }, services }) => services.rooms.reconcileBlocking(room, true),
});
