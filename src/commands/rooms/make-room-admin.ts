import { nameAndId, standing } from '../../chat/answers/account.ts';
import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Inline } from '../../chat/answers/answer.ts';
import {
  encryptionState,
  memberCounts,
  requireRoom,
  roomNameAndId,
} from '../../chat/answers/room.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { LawspeakerError, TargetError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { Services } from '../../services/services.ts';

const declared = {
  room: positional('room', 'The room'),
  account: positional('account', 'Who gets the power (default: this bot)', {
    optional: true,
    placeholder: 'USER',
  }),
} as const;

export default defineCommand({
  name: 'make-room-admin',
  synonyms: ['make-admin', 'op', 'promote', 'room-admin', 'take-over'],
  summary: 'Gives a user the highest power that anybody of this server has in a room',
  does: [
    'change the power levels in the name of that member, without asking them',
    'invite the user if the room is not public',
    'without USER: give the power to this bot, and join the room',
  ],
  doesNot: [
    'work if no member of this server has power in the room, or if the user is banned there',
    'join other users to the room: they must accept the invitation, or join',
    'give power to users of other servers',
    'take the power away again: an admin of the room can',
  ],
  args: declared,
  danger: 'critical',
  protects: { nobody: 'it gives power, and takes none away' },
  reversible: false,
  example: 'make-room-admin #abandoned:example.com @ana:example.com',
  endpoints: [
    'POST /_synapse/admin/v1/rooms/{room_id}/make_room_admin',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}/members',
    'GET /_synapse/admin/v1/users/{user_id}/memberships',
    'GET /_synapse/admin/v1/rooms/{room_id}',
    'POST /_matrix/client/v3/join/{room_id}',
  ],

  async preview(context) {
    const { args, services } = context;
    const room = await requireRoom(context, args.room);
    const user = userOf(context);
    const plan = await services.rooms.planAdmin(args.room, user);
    const isBot = user === context.botUser;
    return {
      title: ['Make ', ...named(context), ' an admin of ', ...roomNameAndId(room), '?'],
      body: [
        facts(memberCounts(room), encryptionState(room)),
        ...(args.account === undefined ? [] : standing(args.account)),
        line(
          `Will: give power level ${plan.level} instead of ${plan.levelNow}, in the name of `,
          code(cut(plan.giver, 255)),
          isBot
            ? ', and join the room'
            : plan.isMember || plan.isPublic
              ? ''
              : ', and invite them to the room',
        ),
        line(
          `Will not: tell ${plan.giver === user ? 'anybody' : 'them or the members'} why${isBot || plan.isMember ? '' : ', join them to the room'}`,
        ),
      ],
      warning: 'They can then do everything in the room that this member can.',
    };
  },

  async run(context) {
    const { args, services, botUser } = context;
    const room = await requireRoom(context, args.room);
    const user = userOf(context);
    const { plan, notInvited } = await services.rooms.makeAdmin(args.room, user);
    const isIn = plan.isMember || (user === botUser && (await joined(services, args.room)));
    return { room, plan, isIn, notInvited: isIn ? undefined : notInvited };
  },

  answer(context, { room, plan, isIn, notInvited }) {
    const user = userOf(context);
    return {
      mark: notInvited === undefined ? '✅' : '⚠️',
      title: [bold('Made '), ...named(context), bold(' an admin of '), ...roomNameAndId(room)],
      body: [
        facts(
          `Power level ${plan.level}`,
          ['in the name of ', code(cut(plan.giver, 255))],
          isIn
            ? 'is a member'
            : plan.isPublic
              ? 'is not a member yet: anybody can join'
              : notInvited === undefined
                ? 'is invited, and not a member yet'
                : 'is not a member',
        ),
        ...(notInvited === undefined
          ? []
          : [line(`Not invited: ${notInvited.message}. A member of the room can invite them.`)]),
      ],
      ...(notInvited === undefined ? {} : { status: 'partial' as const }),
      next: [`members ${idWord(room.roomId)}`],
      data: { roomId: room.roomId, userId: user, member: isIn, ...plan },
    };
  },

  reconcile: async (context) =>
    context.services.rooms.reconcileAdmin(context.args.room, userOf(context)),
});

type AdminContext = Context<typeof declared>;

/**
 * Who gets the power.
 *
 * @throws TargetError they are deactivated
 */
function userOf({ args: { account }, botUser }: AdminContext) {
  if (account?.deactivated === true) {
    throw new TargetError('state', `${account.name} is deactivated`, 'Nothing was changed.');
  }
  return account?.name ?? botUser;
}

function named({ args: { account }, botUser }: AdminContext): Inline[] {
  return account === undefined ? ['this bot ', code(botUser)] : nameAndId(account);
}

/** Joins the room as the bot, if that is possible. The power is given whether it is or not. */
async function joined(
  { botAccount }: Pick<Services, 'botAccount'>,
  room: RoomId,
): Promise<boolean> {
  try {
    await botAccount.joinRoom(room);
    return true;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return false;
    }
    throw error;
  }
}
