import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Block, Content } from '../../chat/answers/answer.ts';
import { amount, count } from '../../chat/answers/phrases.ts';
import {
  encryptionState,
  memberCounts,
  remoteMembers,
  requireRoom,
  roomNameAndId,
} from '../../chat/answers/room.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { UsageError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { RoomDetail } from '../../services/services.ts';

/** So many users who could not be removed are named. */
const shownUsers = 10;

const args = {
  room: positional('room', 'Which room'),
  block: flag('boolean', 'Keep users of this server from joining it again', { default: false }),
  purge: flag('boolean', 'Delete the history too; --no-purge keeps it in the database', {
    default: true,
  }),
  newRoomUser: flag('identity', 'Who makes a replacement room, to which local members are moved', {
    placeholder: 'USER',
  }),
  roomName: flag('text', 'The replacement room’s name'),
  message: flag('text', 'The first message in the replacement room'),
} as const;

export default defineCommand({
  name: 'delete-room',
  synonyms: [
    'close-room',
    'delete',
    'erase',
    'nuke',
    'purge',
    'purge-room',
    'remove',
    'remove-room',
    'shutdown',
    'shutdown-room',
  ],
  summary: 'Removes a room from this server',
  does: [
    'make all members of this server leave and take away its aliases here',
    'delete its messages and all else of it from this server (not with --no-purge)',
    'keep users of this server from joining it again (with --block; unblock-room takes that back)',
    'make a room in its place and move local members there to read (with --new-room-user)',
  ],
  doesNot: [
    'remove it from other servers whose users stay in it',
    'delete files',
    'tell anybody why (but for --message in a replacement room)',
    'keep the reports of its messages',
  ],
  args,
  danger: 'destructive',
  resolvesReports: true,
  example: 'delete-room #spam:example.com --block --reason spam',
  endpoints: [
    'DELETE /_synapse/admin/v2/rooms/{room_id}',
    'GET /_synapse/admin/v2/rooms/delete_status/{delete_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/scheduled_tasks',
    'GET /_synapse/admin/v2/users/{user_id}',
  ],

  check({ newRoomUser, roomName, message }) {
    if (newRoomUser === undefined && (roomName !== undefined || message !== undefined)) {
      const flagGiven = roomName === undefined ? '--message' : '--room-name';
      throw new UsageError(`\`${flagGiven}\` needs \`--new-room-user\`.`, {
        word: flagGiven,
        advice:
          'Without a replacement room there is nowhere to say it: Synapse tells the members nothing.',
      });
    }
  },

  async preview(context) {
    const room = await deletable(context);
    await context.services.rooms.assertNotBeingDeleted(room.roomId);
    return {
      title: ['Delete room ', ...roomNameAndId(room), '?'],
      body: previewBody(context, room),
      warning: context.args.purge
        ? 'What is deleted doesn’t come back.'
        : 'Nobody of this server can get back in.',
    };
  },

  async run(context) {
    const room = await deletable(context);
    const { block, purge, newRoomUser, roomName, message } = context.args;
    const outcome = await context.services.rooms.delete(room.roomId, {
      block,
      purge,
      newRoomUserId: newRoomUser,
      roomName,
      message,
    });
    return { room, outcome };
  },

  serverJob: ({ outcome }) => outcome.deleteId,

  answer({ args: { purge, block } }, { room, outcome }) {
    const { state, kickedUsers, failedToKickUsers, newRoomId, localAliases } = outcome;
    const data = { roomId: room.roomId, block, purge, ...outcome };
    if (state === 'running') {
      return {
        mark: '⏳',
        title: [bold('Deleting room '), ...roomNameAndId(room), ': it takes longer than usual'],
        body: [
          line('The homeserver goes on by itself. I look now and then, and say here how it ended.'),
        ],
        next: [`room ${idWord(room.roomId)}`],
        status: 'running',
        data,
      };
    }
    const failed = failedToKickUsers.length;
    return {
      mark: failed === 0 ? '✅' : '⚠️',
      title: [bold('Deleted room '), ...roomNameAndId(room)],
      body: [
        facts(
          `${amount(kickedUsers.length, 'member')} of this server removed`,
          localAliases.length > 0 && `${count(localAliases.length, 'alias', 'aliases')} removed`,
          !purge && 'its history is kept in the database',
          block && 'nobody of this server can join it again',
        ),
        ...(failed === 0
          ? []
          : [
              line(
                bold(`${failed} could not be removed: `),
                ...listed(failedToKickUsers.slice(0, shownUsers)),
                failed > shownUsers ? ' and others' : '',
              ),
            ]),
        ...(newRoomId === null ? [] : [line('Replacement room: ', code(newRoomId))]),
      ],
      next: [
        ...(newRoomId === null ? [] : [`room ${idWord(newRoomId)}`]),
        ...(block ? [`unblock-room ${idWord(room.roomId)}`] : []),
      ],
      ...(failed === 0 ? {} : { status: 'partial' as const }),
      data,
    };
  },

  reconcile: async ({ args: { room, purge }, services }) =>
    services.rooms.reconcileDeletion(room, { purge }),
});

type DeletionContext = Context<typeof args>;

/**
 * The room, where it may and can be deleted like this.
 *
 * @throws TargetError the room or the new room's user is unknown, or can't be used
 */
async function deletable(context: DeletionContext): Promise<RoomDetail> {
  const { room, newRoomUser } = context.args;
  const detail = await requireRoom(context, room);
  if (newRoomUser !== undefined) {
    await context.services.rooms.assertCanCreateRoom(newRoomUser);
  }
  return detail;
}

function previewBody({ args }: DeletionContext, room: RoomDetail): Block[] {
  const { block, purge, newRoomUser, roomName, message } = args;
  const remote = remoteMembers(room);
  const local = room.joinedLocalMembers;
  const willDo = [
    local === 0
      ? undefined
      : `make ${local === null ? 'all members of this server' : count(local, 'local member')} leave`,
    purge ? 'delete its messages from this server' : undefined,
    block ? 'keep users of this server from joining again' : undefined,
  ].filter((part) => part !== undefined);
  return [
    facts(
      memberCounts(room),
      room.canonicalAlias !== null && room.name !== null && [code(cut(room.canonicalAlias))],
      room.creator !== null && ['created by ', code(cut(room.creator, 255))],
      encryptionState(room),
      room.version !== null && `version ${cut(room.version, 20)}`,
    ),
    line(
      `Will: ${willDo.length === 0 ? 'take away its aliases here' : willDo.join(', ')}`,
      ...(newRoomUser === undefined
        ? []
        : [
            ', move local members to a new room of ',
            code(newRoomUser),
            ...(roomName === undefined ? [] : [` called “${inert(roomName)}”`]),
            ...(message === undefined ? [] : [` that says “${inert(message, 200)}”`]),
          ]),
    ),
    line(
      [
        `Will not: ${
          remote === undefined || remote === 0
            ? 'remove it from other servers'
            : `reach the ${count(remote, 'member')} of other servers, where it stays`
        }`,
        'delete files (see delete-media)',
        purge ? undefined : 'delete its messages',
        block
          ? undefined
          : 'keep users of this server from joining it again through others (--block)',
        message === undefined ? 'tell anybody why' : undefined,
      ]
        .filter((part) => part !== undefined)
        .join(', '),
    ),
  ];
}

function listed(users: readonly UserId[]): Content {
  return users.flatMap((user, at) => [...(at === 0 ? [] : [', ']), code(user)]);
}
