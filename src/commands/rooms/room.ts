import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { notedLines } from '../../chat/answers/noted.ts';
import { when } from '../../chat/answers/phrases.ts';
import { encryptionState, memberCounts, requireRoom, roomTitle } from '../../chat/answers/room.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { present } from '../../core/present.ts';
import { cut } from '../../core/text.ts';
import { isRunning } from '../../services/rooms/room-deletion.ts';
import type { RoomDetail } from '../../services/services.ts';

/** How many notes are shown: the newest. */
const shownNotes = 3;

export default defineCommand({
  name: 'room',
  synonyms: ['info', 'room-info'],
  summary: 'Shows a room, and whether it is blocked or being deleted',
  does: ['show its name, members and creator', 'show who can join and who can read'],
  doesNot: ['show messages', 'include changes of the last few seconds'],
  args: { room: roomArgument },
  danger: 'read',
  example: 'room #lobby:example.com',
  endpoints: [
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/block',
    'GET /_synapse/admin/v1/scheduled_tasks',
  ],
  async run(context) {
    const { args, services, now } = context;
    const room = await requireRoom(context, args.room);
    const [deletion, isBlocked, tags, notes] = await Promise.all([
      services.rooms.lastDeletion(args.room),
      services.rooms.isBlocked(args.room),
      services.tags.of(args.room, now),
      services.notes.about(args.room, shownNotes),
    ]);
    return { room, deletion, isBlocked, noted: { tags, notes } };
  },
  answer({ now, role, serverName, origin }, { room, deletion, isBlocked, noted }) {
    const isBeingDeleted = deletion !== undefined && isRunning(deletion);
    return {
      mark: isBeingDeleted ? '⏳' : 'ℹ️',
      title: [
        ...roomTitle(room),
        `: ${isBeingDeleted ? 'is being deleted' : [memberCounts(room), encryptionState(room), ...(isBlocked ? ['blocked'] : [])].join(', ')}`,
      ],
      body: [
        ...(isBeingDeleted ? [line(`${memberCounts(room)}, ${encryptionState(room)}`)] : []),
        ...(deletion?.status === 'failed'
          ? [
              line(
                bold('A deletion failed '),
                `${when(deletion.timestampMs, now)}: `,
                code(cut(deletion.error ?? 'no reason given', 200)),
              ),
            ]
          : []),
        ...(isBlocked ? [line('Users of this server can’t join it.')] : []),
        ...detailsOf(room, serverName),
        ...notedLines(noted, (at) => when(at, now)),
      ],
      next: [
        `members ${idWord(room.roomId)}`,
        // No command changes the management room.
        ...(role === 'viewer' || room.roomId === origin.room
          ? []
          : [
              `${isBlocked ? 'unblock-room' : 'block-room'} ${idWord(room.roomId)}`,
              ...(isBeingDeleted ? [] : [`delete-room ${idWord(room.roomId)}`]),
            ]),
      ],
      data: {
        ...room,
        blocked: isBlocked,
        ...present({ deletion: deletion?.status }),
      },
    };
  },
});

function detailsOf(room: RoomDetail, serverName: string): Block[] {
  const { creator, replacementRoom, topic } = room;
  return [
    facts(
      room.canonicalAlias !== null && [code(cut(room.canonicalAlias))],
      creator !== null && [
        'created by ',
        code(cut(creator, 255)),
        creator.endsWith(`:${serverName}`) ? '' : ', remote',
      ],
      room.version !== null && `version ${cut(room.version, 20)}`,
      room.roomType !== null &&
        (room.roomType === 'm.space' ? 'a space' : inert(room.roomType, 40)),
    ),
    facts(
      room.joinRules !== null && `join: ${cut(room.joinRules, 40)}`,
      room.historyVisibility !== null && `history: ${cut(room.historyVisibility, 40)}`,
      room.guestAccess !== null && `guests: ${cut(room.guestAccess, 40)}`,
      room.public ? 'in the directory' : 'not in the directory',
      !room.federatable && 'only for this server',
    ),
    ...(topic === null || topic.trim() === '' ? [] : [line('Topic: ', inert(topic, 200))]),
    ...(room.tombstoned
      ? [
          line(
            replacementRoom === null ? 'Closed' : 'Closed, replaced by ',
            ...(replacementRoom === null ? [] : [code(cut(replacementRoom, 255))]),
          ),
        ]
      : []),
    ...(room.forgotten ? [line('All members from this server have left and forgotten it.')] : []),
  ];
}
