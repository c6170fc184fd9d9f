import { nameAndId } from '../../chat/answers/account.ts';
import { bold, code } from '../../chat/answers/answer.ts';
import { roomNameAndId } from '../../chat/answers/room.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/references.ts';
import { HomeserverError, TargetError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';

export default defineCommand({
  name: 'join',
  synonyms: ['add', 'force-join', 'forcejoin', 'invite'],
  summary: 'Joins an account to a room',
  does: ['make a local account a member at once without asking it'],
  doesNot: [
    'get an account into a private room in which this bot’s account can’t invite',
    'bring anybody into the management room, or into a room in which this bot tells one person a secret',
    'lift a ban or a block (see unblock-room)',
    'make it leave again',
  ],
  args: {
    account: positional('account', 'Who shall join', { placeholder: 'USER' }),
    room: positional('room', 'Which room'),
  },
  danger: 'change',
  // Nobody moves a colleague or a server admin into a room; the bot itself may be wanted there.
  protects: 'others',
  example: 'join @newcomer:example.com #lobby:example.com',
  endpoints: [
    'POST /_synapse/admin/v1/join/{room_id_or_alias}',
    'GET /_synapse/admin/v1/users/{user_id}/joined_rooms',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],
  async run({ args: { account, room }, services, botUser, prefix }) {
    if (account.deactivated) {
      throw new TargetError(
        'state',
        `${account.name} is deactivated`,
        `Synapse would let it join all the same. First: \`${prefix}reactivate ${idWord(account.name)}\``,
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
        : [bold('Joined '), ...nameAndId(account), bold(' to '), ...place],
      next: [`members ${idWord(room)}`],
      data: { userId: account.name, roomId: room, wasIn },
    };
  },
  reconcile: async ({ args: { account, room }, services }) =>
    services.rooms.reconcileJoin(room, account.name),
});

/** The reasons why Synapse refuses to join an account, as far as its answer tells them apart. */
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
      `this server knows no room \`${room}\`, and found no server that does`,
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
        'A moderator of that room has to lift the ban first.',
      );
    case 'M_FORBIDDEN':
      return new TargetError(
        'state',
        `\`${room}\` is not open to everybody, and ${botUser} (this bot) can’t invite ${user} to it`,
        `Invite \`${botUser}\` to that room and let it invite people, or make the room public; a ban has to be lifted first.`,
      );
    default:
      return new TargetError(
        'state',
        `\`${room}\` is blocked on this server`,
        `Nobody can join it until somebody lifts that: \`${prefix}unblock-room ${idWord(room)}\``,
      );
  }
}
