import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Block, Content } from '../../chat/answers/answer.ts';
import { amount, continuesByItself, count } from '../../chat/answers/phrases.ts';
import {
  encryptionState,
  memberCounts,
  remoteMembers,
  requireRoom,
  roomNameAndId,
} from '../../chat/answers/room.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { RoomDetail } from '../../services/services.ts';

/** How many users who could not be removed are named. */
const shownUsers = 10;

const args = {
  room: roomArgument,
  block: flag('boolean', 'Block users of this server from joining it again', { default: false }),
  purge: flag('boolean', 'Delete the history (--no-purge keeps it in the database)', {
    default: true,
  }),
  newRoomUser: flag('identity', 'Who creates a replacement room; local members are moved there', {
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
    'remove the members who are on this server, and the room’s aliases here',
    'delete its messages and all other data from this server (unless --no-purge)',
    'with --block: block users of this server from joining it again (undo with !unblock-room)',
    'with --new-room-user: create a read-only replacement room and move local members there',
  ],
  doesNot: [
    'remove it from other servers',
    'delete files',
    'tell the members why (unless --message in a replacement room)',
    'keep the homeserver’s reports about its messages',
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
          'Without a replacement room there is nowhere to show it: Synapse tells the members nothing.',
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
        ? 'This can’t be undone.'
        : 'Members from this server can’t get back in.',
    };
  },

  async run(context) {
    const room = await deletable(context);
    const { block, purge, newRoomUser, roomName, message } = context.args;
    const outcome = await context.services.rooms.delete(
      room.roomId,
      { block, purge, newRoomUserId: newRoomUser, roomName, message },
      context.keepServerJob,
    );
    return { room, outcome };
  },

  serverJob: ({ outcome }) => outcome.deleteId,

  answer({ args: { purge, block } }, { room, outcome }) {
    const { state, kickedUsers, failedToKickUsers, newRoomId, localAliases } = outcome;
    const data = { roomId: room.roomId, block, purge, ...outcome };
    if (state === 'running') {
      return {
        mark: '⏳',
        title: [bold('Deleting room '), ...roomNameAndId(room), ': this takes longer than usual'],
        body: [line(continuesByItself)],
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
          `${amount(kickedUsers.length, 'member')} from this server removed`,
          localAliases.length > 0 && `${count(localAliases.length, 'alias', 'aliases')} removed`,
          !purge && 'its history is kept in the database',
          block && 'users of this server can’t join it again',
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

  reconcile: async ({ args: { room, purge }, services, serverJob }) =>
    services.rooms.reconcileDeletion(room, { purge, deleteId: serverJob }),
});

type DeletionContext = Context<typeof args>;

/**
 * The room, if it can be deleted like this.
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

function previewBody({ args, prefix }: DeletionContext, room: RoomDetail): Block[] {
  const { block, purge, newRoomUser, roomName, message } = args;
  const remote = remoteMembers(room);
  const local = room.joinedLocalMembers;
  const willDo = [
    local === 0
      ? undefined
      : `remove ${local === null ? 'all members from this server' : count(local, 'local member')}`,
    purge ? 'delete its messages from this server' : undefined,
    block ? 'block users of this server from joining again' : undefined,
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
      `Will: ${willDo.length === 0 ? 'remove its aliases here' : willDo.join(', ')}`,
      ...(newRoomUser === undefined
        ? []
        : [
            ', move local members to a new room created by ',
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
            : `affect its ${count(remote, 'member')} on other servers`
        }`,
        `delete files (see ${prefix}delete-media)`,
        purge ? undefined : 'delete its messages',
        block
          ? undefined
          : 'block users of this server from joining it again through other servers (see --block)',
        message === undefined ? 'tell the members why' : undefined,
      ]
        .filter((part) => part !== undefined)
        .join(', '),
    ),
  ];
}

function listed(users: readonly UserId[]): Content {
  return users.flatMap((user, at) => [...(at === 0 ? [] : [', ']), code(user)]);
}
