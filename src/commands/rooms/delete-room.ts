import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Content } from '../../chat/answers/answer.ts';
import { amount, continuesByItself, count } from '../../chat/answers/phrases.ts';
import {
  encryptionState,
  memberCounts,
  remoteMembers,
  requireRoom,
  roomName as nameOf,
  roomNameAndId,
} from '../../chat/answers/room.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context, Step } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import { whyNotAllRemoved } from '../../services/services.ts';
import type { RoomDeletionOutcome, RoomDetail } from '../../services/services.ts';
import { previewOfSeveral, roomsOf, spellOutRooms } from './parts/deletion.ts';

/** How many users who could not be removed are named. */
const shownUsers = 10;

const args = {
  room: positional('room', 'One or more rooms', { many: true, placeholder: 'ROOM' }),
  withChildren: flag(
    'boolean',
    'Of a space: delete the rooms in it, and in the spaces in it, first',
    {
      default: false,
    },
  ),
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
  summary: 'Removes rooms from this server',
  does: [
    'remove the members who are on this server, and the room’s aliases here',
    'delete its messages and all other data from this server (unless --no-purge)',
    'with --with-children: list all rooms of the space first, up to 1,000, and delete the space last',
    'delete several rooms one after another, and go on if one fails',
    'with --block: block users of this server from joining it again (undo with !unblock-room)',
    'with --new-room-user: for a single room, create a read-only replacement room and move local members there',
  ],
  doesNot: [
    'remove it from other servers',
    'delete files',
    'delete the rooms of a space (unless --with-children), or those that have no member from this server',
    'tell the members why (unless --message in a replacement room)',
    'keep the homeserver’s reports about its messages',
  ],
  args,
  danger: 'destructive',
  reversible: false,
  resolvesReports: true,
  stepsAreRooms: true,
  example: 'delete-room #spam:example.com --block --reason spam',
  endpoints: [
    'DELETE /_synapse/admin/v2/rooms/{room_id}',
    'GET /_synapse/admin/v2/rooms/delete_status/{delete_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/hierarchy',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/scheduled_tasks',
    'GET /_synapse/admin/v2/users/{user_id}',
  ],

  check({ room, withChildren, newRoomUser, roomName, message }) {
    if (newRoomUser !== undefined && (withChildren || room.length > 1)) {
      throw new UsageError('`--new-room-user` works on one room at a time.', {
        word: '--new-room-user',
        advice:
          'Otherwise every room would get a replacement of the same name. Send a command for each room that needs one.',
      });
    }
    if (newRoomUser === undefined && (roomName !== undefined || message !== undefined)) {
      const flagGiven = roomName === undefined ? '--message' : '--room-name';
      throw new UsageError(`\`${flagGiven}\` needs \`--new-room-user\`.`, {
        word: flagGiven,
        advice:
          'Without a replacement room there is nowhere to show it: Synapse tells the members nothing.',
      });
    }
  },

  spellOut: spellOutRooms,

  async preview(context) {
    const warning = context.args.purge
      ? 'This can’t be undone.'
      : 'Members from this server can’t get back in.';
    const [first, ...others] = roomsOf(context.args);
    if (first === undefined || others.length > 0) {
      return previewOfSeveral(context, warning);
    }
    const room = await deletable(context, first);
    await context.services.rooms.assertNotBeingDeleted(room.roomId);
    return {
      title: ['Delete room ', ...roomNameAndId(room), '?'],
      body: previewBody(context, room),
      warning,
    };
  },

  steps: (given) => {
    const rooms = roomsOf(given);
    return rooms.map((room) => ({
      ...deletionStep(room),
      // The person who asks for a single room is told that it was not done.
      ...(rooms.length > 1 ? { repeats: true as const } : {}),
    }));
  },
});

interface Deleted {
  readonly room: RoomDetail;
  readonly outcome: RoomDeletionOutcome;
}

/** Deletes one room. */
function deletionStep(id: RoomId): Step<typeof args, Deleted> {
  return {
    name: id,
    async run(context) {
      const room = await deletable(context, id);
      const { block, purge, newRoomUser, roomName, message } = context.args;
      const outcome = await context.services.rooms.delete(
        room.roomId,
        { block, purge, newRoomUserId: newRoomUser, roomName, message },
        context.keepServerJob,
      );
      return { room, outcome };
    },
    serverJob: ({ outcome }) => outcome.deleteId,
    // Several rooms may have the same name.
    did: ({ room, outcome: { state, kickedUsers } }) =>
      [
        ['deleted', nameOf(room), room.roomId].filter((part) => part !== undefined).join(' '),
        ...(state === 'running'
          ? []
          : [`${amount(kickedUsers.length, 'member')} from this server removed`]),
      ].join(': '),
    missed: ({ outcome }) => whyNotAllRemoved(outcome.failedToKickUsers),
    answer,
    reconcile: async ({ args: { block, purge }, services, serverJob }) =>
      services.rooms.reconcileDeletion(id, { block, purge, deleteId: serverJob }),
  };
}

function answer({ args: { purge, block } }: DeletionContext, { room, outcome }: Deleted): Answer {
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
}

type DeletionContext = Context<typeof args>;

/**
 * The room, if it can be deleted like this.
 *
 * @throws TargetError the room or the new room's user is unknown, or can't be used
 */
async function deletable(context: DeletionContext, id: RoomId): Promise<RoomDetail> {
  const { newRoomUser } = context.args;
  const detail = await requireRoom(context, id);
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
        room.roomType === 'm.space'
          ? 'delete the rooms in this space (see --with-children)'
          : undefined,
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
