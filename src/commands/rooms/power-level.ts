import { nameAndId } from '../../chat/answers/account.ts';
import { bold, facts, line } from '../../chat/answers/answer.ts';
import { requireRoom, roomNameAndId } from '../../chat/answers/room.ts';
import { positional, roomArgument } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { idWord } from '../../chat/reading/values.ts';
import { ProtectedError, TargetError } from '../../core/errors.ts';
import { PowerlessError } from '../../services/services.ts';

/** Whoever has it can do everything in a room, and nobody of the same level can take it away. */
const adminLevel = 100;
/** Whoever has it can usually remove others. */
const moderatorLevel = 50;

const args = {
  room: roomArgument,
  account: positional('account', 'The user, of any server', { remote: true, placeholder: 'USER' }),
  level: positional(
    'integer',
    'The power level: 0 for members, 50 for moderators, 100 for admins',
    {
      min: -1_000_000,
      max: 1_000_000,
      placeholder: 'LEVEL',
    },
  ),
} as const;

export default defineCommand({
  name: 'power-level',
  synonyms: ['op', 'pl', 'power', 'room-moderator'],
  summary: 'Sets the power level of a user in a room',
  does: ['change what they may do in this room'],
  doesNot: [
    'work in rooms where this bot has no power (see !make-room-admin)',
    'give more power than this bot has, or take it from those who have as much',
  ],
  args,
  danger: ({ level }) =>
    level >= adminLevel ? 'critical' : level >= moderatorLevel ? 'destructive' : 'change',
  maxDanger: 'critical',
  protects: ({ level }) => level < moderatorLevel,
  example: 'power-level #lobby:example.com @ana:example.com 50',
  endpoints: [
    'PUT /_matrix/client/v3/rooms/{room_id}/state/m.room.power_levels/',
    'GET /_matrix/client/v3/rooms/{room_id}/state/m.room.member/{user_id}',
    'GET /_synapse/admin/v1/rooms/{room_id}/state',
    'GET /_synapse/admin/v1/rooms/{room_id}',
  ],

  async preview(context) {
    const room = await requireRoom(context, context.args.room);
    const { account, level } = context.args;
    const { of } = await context.services.sanctions.levels(room.roomId);
    await withAdvice(context, async () =>
      context.services.sanctions.assertCanSetPower(room.roomId, account.name, level),
    );
    return {
      title: [
        `Give power level ${level} to `,
        ...nameAndId(account),
        ' in ',
        ...roomNameAndId(room),
        '?',
      ],
      body: [facts(`They have ${shown(of(account.name))}`)],
      ...(context.args.level >= adminLevel
        ? {
            warning:
              'They can then do everything in the room, and I can’t take the power away again.',
          }
        : {}),
    };
  },

  async run(context) {
    const { args: given, services } = context;
    const room = await requireRoom(context, given.room);
    const levels = await services.sanctions.levels(room.roomId);
    const before = levels.of(given.account.name);
    const own = levels.of(context.botUser);
    if (before > given.level && (await context.isProtected(given.account.name))) {
      throw new ProtectedError(`${given.account.name} is protected`, 'Nothing was changed.');
    }
    if (before === given.level) {
      return { room, before, own, wasSo: true };
    }
    await withAdvice(context, async () =>
      services.sanctions.setPower(room.roomId, given.account.name, given.level),
    );
    return { room, before, own, wasSo: false };
  },

  answer({ args: { account, level } }, { room, before, wasSo }) {
    return {
      mark: wasSo ? 'ℹ️' : '✅',
      title: wasSo
        ? [...nameAndId(account), bold(` already has power level ${level}`)]
        : [bold(`Power level ${level}: `), ...nameAndId(account)],
      body: [line('In ', ...roomNameAndId(room), ...(wasSo ? [] : [`; before: ${shown(before)}`]))],
      next: [`room-state ${idWord(room.roomId)} --type m.room.power_levels`],
      data: { roomId: room.roomId, userId: account.name, level },
    };
  },

  undo: ({ args: { account, level } }, { room, before, own, wasSo }) =>
    wasSo || level >= own
      ? undefined
      : `power-level ${idWord(room.roomId)} ${idWord(account.name)} ${before}`,

  reconcile: async ({ args: { room, account, level }, services }: Context<typeof args>) =>
    (await services.sanctions.levels(room)).of(account.name) === level ? 'done' : 'not_done',
});

/** Does it; an error says how the bot gets power in the room. */
async function withAdvice(
  { args: { room }, prefix }: Context<typeof args>,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw error instanceof PowerlessError
      ? new TargetError(
          'state',
          `no power to do that: ${error.message}`,
          error.needsPower
            ? `\`${prefix}make-room-admin ${idWord(room)}\` gives me power there, if anybody of this server has it.`
            : undefined,
        )
      : error;
  }
}

function shown(level: number): string {
  return Number.isFinite(level)
    ? `power level ${level}`
    : 'more than every power level: they created the room';
}
