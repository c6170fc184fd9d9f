import { parseUserId, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { Session } from '../../homeserver/client/session.ts';
import { WrongAnswerError, useAnswer } from './asking.ts';
import type { Asking, Question } from './asking.ts';
import { attempt } from './attempt.ts';
import type { Admin } from './choose-way.ts';
import { readPeople } from './options.ts';
import type { InitOptions } from './options.ts';

/** The person who is invited, and the power level that they get. */
export interface Invitation {
  readonly user: UserId;
  readonly powerLevel: 50 | 100;
}

/** People by name: user IDs, or user names of this homeserver. */
type Named = Pick<InitOptions, 'admins' | 'moderators'>;

interface Given {
  readonly options: Pick<InitOptions, 'admins' | 'moderators' | 'kept'>;
  /** The server admin whose rights are used, if any. */
  readonly admin: Pick<Admin, 'userId'> | undefined;
}

/** The people whom the options name, and the server admin whose rights are used. */
function peopleGiven({ options: { admins, moderators }, admin }: Given): Named {
  return { admins: [...admins, ...(admin === undefined ? [] : [admin.userId])], moderators };
}

interface People extends Given {
  readonly asking: Asking;
  readonly bot: Pick<Session, 'userId'>;
  readonly api: AdminApi;
}

/**
 * Who is to be invited to a new room. Asks for an admin and for moderators if none are given.
 *
 * @throws SetupError there is no admin, so nobody could use the room
 */
export async function peopleForNew(parts: People): Promise<Named> {
  const { admins } = peopleGiven(parts);
  return {
    admins:
      admins.length > 0
        ? admins
        : await askForPeople(
            parts,
            {
              text: 'Your own user ID, to invite as admin',
              option: '--admin, the person who is to use the room',
            },
            { isOnePerson: true },
          ),
    moderators: await moderatorsFor(parts, 'moderators'),
  };
}

/** Who is to be invited to a room that exists. Asks for more moderators if none are given. */
export async function peopleForExisting(parts: People): Promise<Named> {
  const { admins } = peopleGiven(parts);
  return { admins, moderators: await moderatorsFor(parts, 'more moderators') };
}

/** The moderators who are given. Asks for them if there is somebody to ask who was not asked before. */
async function moderatorsFor(
  parts: People,
  whom: 'moderators' | 'more moderators',
): Promise<readonly string[]> {
  const { options, asking } = parts;
  const { moderators } = peopleGiven(parts);
  return moderators.length > 0 ||
    options.kept.moderators !== undefined ||
    asking.terminal === undefined
    ? moderators
    : askForPeople(
        parts,
        {
          text: `User IDs of ${whom} to invite, with spaces or commas between them (or press Enter for none)`,
          option: '--moderator',
          isOptional: true,
        },
        { isOnePerson: false },
      );
}

/** Asks until all who are named have an account. */
async function askForPeople(
  { asking, bot, api }: Pick<People, 'asking' | 'bot' | 'api'>,
  question: Question,
  { isOnePerson }: { readonly isOnePerson: boolean },
): Promise<readonly string[]> {
  return useAnswer(undefined, question, asking, async (answer) => {
    const people = readPeople(answer);
    if (isOnePerson && people.length !== 1) {
      throw new WrongAnswerError(
        'Give one user ID: your own.',
        'To invite several admins, run lawspeaker init with --admin.',
      );
    }
    await findPeople({ botUser: bot.userId, api }, { admins: people, moderators: [] });
    return people;
  });
}

/**
 * The people to invite, as IDs, each with their highest power level.
 *
 * @throws SetupError one of them has no account
 */
export async function findPeople(
  { botUser, api }: { readonly botUser: UserId; readonly api: AdminApi },
  people: Named,
): Promise<Invitation[]> {
  const serverName = serverNameOf(botUser) ?? '';
  const idOf = (text: string) => parseUserId(text) ?? (`@${text}:${serverName}` as UserId);
  const levels = new Map<UserId, 50 | 100>([
    ...people.moderators.map((user) => [idOf(user), 50] as const),
    ...people.admins.map((user) => [idOf(user), 100] as const),
  ]);
  levels.delete(botUser);
  for (const user of levels.keys()) {
    const isLocal = serverNameOf(user) === serverName;
    const isKnown =
      !isLocal ||
      (await attempt(`look for ${user}`, async () => api.users.find(user)))?.deactivated === false;
    if (!isKnown) {
      throw new WrongAnswerError(
        `There is no active account ${user}.`,
        'Check the spelling. Deactivated accounts can’t join the room.',
      );
    }
  }
  return [...levels].map(([user, powerLevel]) => ({ user, powerLevel }));
}
