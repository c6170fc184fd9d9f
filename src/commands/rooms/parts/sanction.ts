import { nameAndId } from '../../../chat/answers/account.ts';
import { code, facts, line } from '../../../chat/answers/answer.ts';
import type { Block, Content, Inline, Preview } from '../../../chat/answers/answer.ts';
import { count, whole } from '../../../chat/answers/phrases.ts';
import { requireRoom, roomName, roomNameAndId } from '../../../chat/answers/room.ts';
import { flag, positional } from '../../../chat/command/arguments.ts';
import type { Context, Step } from '../../../chat/command/declaration.ts';
import { lineOn } from '../../../chat/command/on-homeserver.ts';
import { undoneBy } from '../../../chat/reading/entry-number.ts';
import { idWord } from '../../../chat/reading/values.ts';
import { TargetError, isNotFound, orUndefined } from '../../../core/errors.ts';
import type { RoomId, UserId } from '../../../core/ids.ts';
import { present } from '../../../core/present.ts';
import { PowerlessError } from '../../../services/services.ts';
import type { Prospect, SanctionKind, Sanctioned, Services } from '../../../services/services.ts';

/**
 * Who, and where, for all commands that do something to users in rooms.
 *
 * @param allRooms which rooms `--all-rooms` stands for
 * @param ifMissing what else may be meant if no room is named
 */
export function sanctionArguments(allRooms: string, ifMissing: string) {
  return {
    accounts: positional('account', 'One or more users, of any server', {
      many: true,
      remote: true,
      placeholder: 'USER',
    }),
    rooms: positional('room', 'One or more rooms', {
      many: true,
      unless: ['allRooms'],
      ifMissing,
      placeholder: 'ROOM',
    }),
    allRooms: flag('boolean', allRooms, { default: false }),
  } as const;
}

type SanctionArguments = ReturnType<typeof sanctionArguments>;
export type SanctionContext = Context<SanctionArguments>;

/** One invocation does at most this many things: users times rooms. */
const maxDeeds = 10_000;
/** In at most this many rooms: a line can't name more. */
const maxRooms = 1000;

/**
 * Replaces `--all-rooms` by the rooms that it stands for now.
 *
 * @throws TargetError it stands for none, or it would be too much
 */
export async function spellOutRooms(
  kind: SanctionKind,
  {
    args: { accounts, rooms, allRooms },
    services,
  }: {
    readonly args: {
      readonly accounts: readonly UserId[];
      readonly rooms: readonly RoomId[];
      readonly allRooms: boolean;
    };
    readonly services: Pick<Services, 'sanctions'>;
  },
): Promise<{ readonly args: { readonly rooms: RoomId[]; readonly allRooms: false } } | undefined> {
  const found = allRooms ? await services.sanctions.findRooms(kind, accounts) : rooms;
  if (found.length === 0) {
    throw new TargetError('state', nowhere[kind], 'Nothing was changed.');
  }
  if (found.length > maxRooms) {
    throw new TargetError(
      'state',
      `these are ${count(found.length, 'room')}; one command can do it in up to ${whole(maxRooms)}`,
      'Nothing was changed. Name the rooms, in several commands.',
    );
  }
  if (found.length * accounts.length > maxDeeds) {
    throw new TargetError(
      'state',
      `these are ${count(found.length, 'room')} for ${count(accounts.length, 'user')}; one command can do up to ${whole(maxDeeds)} things`,
      'Nothing was changed. Name fewer users.',
    );
  }
  return allRooms ? { args: { rooms: [...found], allRooms: false } } : undefined;
}

/** Why `--all-rooms` stands for no room. */
const nowhere: Readonly<Record<SanctionKind, string>> = {
  ban: 'they are in no room, and neither am I',
  kick: 'they are in no room',
  mute: 'they are in no room',
  unban: 'they are not banned from any room that I am in',
  unmute: 'they are not muted in any room that I am in',
};

interface RoomResult extends Sanctioned {
  readonly where: string;
}

/** What is done to a user in one room. */
export function roomStep(
  room: RoomId,
  how: {
    readonly kind: SanctionKind;
    /** Such as `banned from`. */
    readonly did: string;
    /** What is said if it was so already: `already banned from`. */
    readonly wasSo: string;
    /** The command that takes it back; undefined if nothing does. */
    readonly undoneBy?: string;
    readonly isDone: (context: SanctionContext) => Promise<boolean>;
  },
): Step<SanctionArguments, RoomResult> {
  const { kind, undoneBy: reversal } = how;
  return {
    name: room,
    repeats: true,
    async run(context) {
      const { args, actor, transactionId, services } = context;
      const found = orUndefined(services.rooms.find(room));
      try {
        const result = await services.sanctions[kind]({
          room,
          user: args.accounts.name,
          reason: publicReason(context),
          transactionId,
          onlyOwn: actor.kind === 'timer',
        });
        return { ...result, where: nameOf(room, await found) };
      } catch (error) {
        throw await explained(error, { room, found, context });
      }
    },
    did: ({ wasSo, where }) => `${wasSo ? how.wasSo : how.did} ${where}`,
    wasSo: ({ wasSo }) => wasSo,
    undo: (context, result) =>
      reversal === undefined || result.wasSo
        ? undefined
        : `${reversal} ${idWord(context.args.accounts.name)} ${idWord(room)}`,
    resultIfDone: () => ({ wasSo: false, where: room }),
    reconcile: async (context) => ((await how.isDone(context)) ? 'done' : 'not_done'),
  };
}

/** The reason that the room is shown: what somebody has typed, not what the bot notes. */
function publicReason({ actor, reason }: SanctionContext): string | undefined {
  return actor.kind === 'timer' || undoneBy(reason ?? null) !== undefined ? undefined : reason;
}

type FoundRoom = Parameters<typeof roomName>[0] | undefined;

function nameOf(room: RoomId, found: FoundRoom): string {
  return (found && roomName(found)) ?? room;
}

/** The error with the name of the room, and how to get power there. */
async function explained(
  error: unknown,
  {
    room,
    found,
    context,
  }: {
    readonly room: RoomId;
    readonly found: Promise<FoundRoom>;
    readonly context: SanctionContext;
  },
): Promise<unknown> {
  // Of a room that Synapse doesn't know, it says in some requests that the bot is not in it, in others that there is none.
  if ((error instanceof PowerlessError || isNotFound(error)) && (await found) === undefined) {
    const unknown = await whyUnknown(context, room);
    if (unknown !== undefined) {
      return unknown;
    }
  }
  if (error instanceof PowerlessError) {
    return new TargetError(
      'state',
      `no power in ${nameOf(room, await found)}: ${error.message}`,
      error.needsPower
        ? `\`${context.prefix}make-room-admin ${idWord(room)}\` gives me power there, if anybody of this server has it.`
        : undefined,
    );
  }
  return error instanceof TargetError
    ? new TargetError('state', `${nameOf(room, await found)}: ${error.message}`, error.advice)
    : error;
}

/** That the homeserver doesn't know a room, if so. */
async function whyUnknown(
  context: SanctionContext,
  room: RoomId,
): Promise<TargetError | undefined> {
  try {
    await requireRoom(context, room);
    return undefined;
  } catch (error) {
    return error instanceof TargetError ? error : undefined;
  }
}

/** Where a membership is what this command sets. */
export function isSet(room: RoomId, membership: 'ban' | 'leave') {
  return async ({ args, services, transactionId }: SanctionContext): Promise<boolean> =>
    services.sanctions.isSetBy({ room, user: args.accounts.name, transactionId }, membership);
}

/** At most this many rooms are named in a preview. */
const maxNamed = 5;

/** What a sanction would do in which rooms, and where it can't. */
export async function sanctionPreview(
  context: SanctionContext,
  how: {
    readonly kind: SanctionKind;
    /** What stands before and after the user: `Ban` and `from`. */
    readonly words: readonly [string, string];
    readonly warning?: string;
    /** Whether this membership makes it more than a precaution. */
    readonly isPresent?: (membership: string | undefined) => boolean;
  },
): Promise<Preview> {
  const { args, services } = context;
  const { accounts: account, rooms } = args;
  const prospects = await services.sanctions.prospects(how.kind, rooms, account.name);
  const powerless = prospects.filter(({ why }) => why !== undefined);
  const [first] = powerless;
  if (first !== undefined && powerless.length === prospects.length) {
    throw (
      (await whyUnknown(context, first.room.roomId)) ??
      noPowerAnywhere(context, prospects.length, first)
    );
  }
  const { isPresent } = how;
  const inside = prospects.filter(({ membership }) => isPresent?.(membership) === true).length;
  const [only] = prospects;
  const where: Content =
    prospects.length === 1 && only !== undefined
      ? roomNameAndId(only.room)
      : [count(prospects.length, 'room')];
  const named = prospects.filter(({ why }) => why === undefined).slice(0, maxNamed);
  const others = prospects.length - powerless.length - named.length;
  return {
    title: [`${how.words[0]} `, ...nameAndId(account), ` ${how.words[1]} `, ...where, '?'],
    body: [
      facts(
        isPresent !== undefined &&
          (prospects.length === 1
            ? `They are ${inside === 1 ? '' : 'not '}in it now`
            : `They are in ${whole(inside)} of them now`),
        powerless.length > 0 && `no power in ${whole(powerless.length)}`,
      ),
      ...(prospects.length === 1
        ? []
        : [
            {
              kind: 'list' as const,
              items: [
                ...named.map(({ room }) => roomNameAndId(room)),
                ...(others > 0 ? [[`and ${whole(others)} more`]] : []),
              ],
            },
          ]),
      ...powerlessBlocks(context, powerless),
    ],
    ...present({ warning: how.warning }),
    facts: [
      ...(isPresent === undefined
        ? []
        : [`in ${whole(inside)} of ${count(prospects.length, 'room')}`]),
      ...(powerless.length === 0 ? [] : [`no power in ${whole(powerless.length)}`]),
    ],
  };
}

/** Nothing can be done, so there is nothing to confirm. */
function noPowerAnywhere(
  { prefix }: Pick<SanctionContext, 'prefix'>,
  rooms: number,
  { room, why, needsPower }: Prospect,
): TargetError {
  const where = roomName(room) ?? room.roomId;
  return new TargetError(
    'state',
    rooms === 1
      ? `no power in ${where}: ${why ?? ''}`
      : `no power in any of the ${whole(rooms)} rooms; in ${where}: ${why ?? ''}`,
    needsPower
      ? `\`${prefix}make-room-admin ${idWord(room.roomId)}\` gives me power there, if anybody of this server has it.`
      : undefined,
  );
}

function lineForPower(context: SanctionContext, room: RoomId): Inline {
  return code(`${context.prefix}${lineOn(`make-room-admin ${idWord(room)}`, context)}`);
}

/** The rooms in which it can't be done, why, and the line that gives the bot power there. */
function powerlessBlocks(context: SanctionContext, powerless: readonly Prospect[]): Block[] {
  const others = powerless.length - maxNamed;
  return powerless.length === 0
    ? []
    : [
        line('I can’t do it there, unless somebody gives me power first:'),
        {
          kind: 'list',
          items: [
            ...powerless
              .slice(0, maxNamed)
              .map(({ room, why, needsPower }) => [
                roomName(room) ?? 'Unnamed room',
                `: ${why ?? ''} `,
                ...(needsPower ? [lineForPower(context, room.roomId)] : []),
              ]),
            ...(others > 0 ? [[`and ${whole(others)} more`]] : []),
          ],
        },
      ];
}
