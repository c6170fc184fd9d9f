import type { SetupError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { createAdminApi } from '../../homeserver/admin/admin-api.ts';
import { logOut } from '../../homeserver/client/session.ts';
import { WrongAnswerError, useAnswer } from './asking.ts';
import type { Asking, Question } from './asking.ts';
import { attempt } from './attempt.ts';
import type { Place } from './find-homeserver.ts';
import { WrongPasswordError, logIn, whoami } from './log-in.ts';
import { readUserName } from './options.ts';
import type { InitOptions } from './options.ts';

/** The server admin whose rights `init` uses. */
export interface Admin {
  readonly userId: UserId;
  readonly accessToken: string;
  /** Ends the session if `init` has opened it. */
  close(): Promise<void>;
}

/** What choosing a way needs. */
export interface WayContext extends Asking {
  readonly options: InitOptions;
  readonly place: Place;
  /** Is told a server admin who has logged in, for a run that continues this one. */
  readonly rememberAdmin: (user: UserId) => void;
}

/** How the bot's account is made. */
export type Way =
  | { readonly kind: 'admin'; readonly admin: Admin }
  | { readonly kind: 'registration' }
  | { readonly kind: 'none' };

/**
 * Finds out by whose rights the bot's account is made, and asks if nobody has said it.
 *
 * @param isNeeded whether the bot can't be logged in without
 */
export async function chooseWay(context: WayContext, isNeeded: boolean): Promise<Way> {
  const { options, terminal } = context;
  if (options.adminToken !== undefined) {
    return { kind: 'admin', admin: await adminWithToken(context, options.adminToken) };
  }
  const { adminUser } = options;
  const canLogIn = options.adminPassword !== undefined || terminal !== undefined;
  if (adminUser !== undefined && (isNeeded || canLogIn)) {
    return useAnswer(
      options.adminPassword,
      { ...passwordQuestion, text: `Password of ${adminUser} (not shown)` },
      context,
      async (password) => adminWithPassword(context, adminUser, password),
      (error) => error instanceof WrongPasswordError,
    );
  }
  if (options.registrationSecret !== undefined) {
    return { kind: 'registration' };
  }
  return isNeeded ? askForWay(context) : { kind: 'none' };
}

export const waysToMakeIt = '--admin-user, --admin-token or --registration-secret-file';

const passwordQuestion = {
  option: 'LAWSPEAKER_INIT_ADMIN_PASSWORD, the password of --admin-user',
  isSecret: true,
} satisfies Partial<Question>;

async function askForWay(context: WayContext): Promise<Way> {
  return useAnswer(
    undefined,
    {
      text: 'User name of a server admin (or press Enter to use a token)',
      option: waysToMakeIt,
      isOptional: true,
    },
    context,
    async (user) =>
      user === '' ? askForToken(context) : askForPassword(context, readUserName(user)),
  );
}

/**
 * Logs a server admin in whose name was typed. After a wrong password, asks for the password again and not
 * for the name: people would type the password there, and it would be shown.
 *
 * @throws WrongAnswerError the name is to be asked for again
 */
async function askForPassword(context: WayContext, user: string): Promise<Way> {
  const { adminPassword } = context.options;
  if (adminPassword !== undefined) {
    return adminWithPassword(context, user, adminPassword);
  }
  return useAnswer(
    undefined,
    {
      ...passwordQuestion,
      text: `Password of ${user} (not shown; press Enter to type another user name)`,
      isOptional: true,
    },
    context,
    async (password) => {
      if (password === '') {
        throw new WrongAnswerError('You gave no password.');
      }
      return adminWithPassword(context, user, password);
    },
    (error) => error instanceof WrongPasswordError,
  );
}

async function askForToken(context: WayContext): Promise<Way> {
  return useAnswer(
    undefined,
    {
      text: 'Access token of a server admin (or press Enter to use the registration secret; not shown)',
      option: waysToMakeIt,
      isSecret: true,
      isOptional: true,
    },
    context,
    async (token) =>
      token === ''
        ? { kind: 'registration' }
        : { kind: 'admin', admin: await adminWithToken(context, token) },
  );
}

async function adminWithToken({ place }: WayContext, accessToken: string): Promise<Admin> {
  const { userId } = await whoami(place, accessToken, 'the admin’s access token');
  return checkedAdmin(place, { userId, accessToken, close: async () => undefined });
}

async function adminWithPassword(
  context: WayContext,
  user: string,
  password: string,
): Promise<Way> {
  const { place } = context;
  const { userId, accessToken } = await logIn(place, user, password, 'lawspeaker init');
  const close = async () => logOut(place.url, accessToken).catch(() => undefined);
  try {
    const admin = await checkedAdmin(place, { userId, accessToken, close });
    context.rememberAdmin(userId);
    return { kind: 'admin', admin };
  } catch (error) {
    await close();
    throw error;
  }
}

async function checkedAdmin({ adminUrl }: Place, admin: Admin): Promise<Admin> {
  const { userId, accessToken } = admin;
  const { users } = createAdminApi({ url: adminUrl, accessToken });
  await attempt(
    `use the admin API as ${userId}`,
    async () => users.get(userId),
    ({ status }) => (status === 403 ? notAnAdmin(userId) : undefined),
  );
  return admin;
}

function notAnAdmin(userId: UserId): SetupError {
  return new WrongAnswerError(
    `${userId} is not a server admin.`,
    'Use the account of a server admin, or the registration secret: lawspeaker init --registration-secret-file homeserver.yaml',
  );
}
