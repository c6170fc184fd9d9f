import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code } from '../../chat/answers/answer.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import { positional, roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { HomeserverError, TargetError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';

export default defineCommand({
  name: 'join',
  synonyms: ['add', 'force-join', 'forcejoin', 'invite'],
  summary: 'Adds users to a room',
  does: ['make users of this server members immediately, without asking them'],
  doesNot: [
    'add anybody to a private room where this bot’s account can’t invite',
    'add anybody to the management room, or to a private room where this bot sends secrets',
    'lift a ban or a block (see !unblock-room)',
    'remove them again',
  ],
  args: {
    account: positional('account', 'The users to add', { many: true, placeholder: 'USER' }),
    room: roomArgument,
  },
  danger: 'change',
  // Nobody should move a colleague or a server admin into a room, but the bot itself may be needed there.
  protects: 'others',
  example: 'join @newcomer:example.com #lobby:example.com',
  endpoints: [
    'POST /_synapse/admin/v1/join/{room_id_or_alias}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  repeats: true,
  nothingToDo: ({ deactivated }) => (deactivated ? 'is deactivated' : undefined),
  async run({ args: { account, room }, services, botUser, prefix }) {
    if (account.deactivated) {
      throw new TargetError(
        'state',
        `${account.name} is deactivated`,
        `Synapse would still add them. Reactivate the account first: \`${prefix}reactivate ${idWord(account.name)}\``,
      );
    }
    try {
      return await services.rooms.join(room, account.name);
    } catch (error) {
      throw explained(error, { room, user: account.name, botUser, prefix });
    }
  },
  answer({ args: { account, room } }, { wasIn, known }) {
    const place = known === undefined ? [code(room)] : roomNameAndId(known);
    return {
      mark: '✅',
      title: wasIn
        ? [...nameAndId(account), bold(' was already in '), ...place]
        : [bold('Added '), ...nameAndId(account), bold(' to '), ...place],
      next: [`members ${idWord(room)}`],
      data: { userId: account.name, roomId: room, wasIn },
    };
  },
  reconcile: async ({ args: { account, room }, services }) =>
    services.rooms.reconcileJoin(room, account.name),
});

/** Why Synapse refused to join an account, as far as its answer says. */
function explained(
  error: unknown,
  { room, user, botUser, prefix }: { room: RoomId; user: UserId; botUser: UserId; prefix: string },
): unknown {
  if (!(error instanceof HomeserverError)) {
    return error;
  }
  if (error.isNotFound) {
    return new TargetError(
      'unknown_room',
      `this server doesn’t know the room \`${room}\`, and found no server that does`,
      'Nothing was changed.',
    );
  }
  if (error.status !== 403) {
    return error;
  }
  switch (error.errcode) {
    case 'M_BAD_STATE':
      return new TargetError(
        'state',
        `${user} is banned from \`${room}\``,
        'A moderator of that room must lift the ban first.',
      );
    case 'M_FORBIDDEN':
      return new TargetError(
        'state',
        `\`${room}\` is not public, and ${botUser} (this bot) can’t invite ${user} to it`,
        `Invite \`${botUser}\` to that room and allow it to invite, or make the room public. If ${user} is banned there, lift the ban first.`,
      );
    default:
      return new TargetError(
        'state',
        `\`${room}\` is blocked on this server`,
        `Nobody can join it until it is unblocked: \`${prefix}unblock-room ${idWord(room)}\``,
      );
  }
}
