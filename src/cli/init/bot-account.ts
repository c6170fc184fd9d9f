import { randomBytes } from 'node:crypto';

import { HomeserverError, SetupError } from '../../core/errors.ts';
import { localpartOf, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { createAdminApi } from '../../homeserver/admin/admin-api.ts';
import { createRegistrationApi } from '../../homeserver/admin/registration.ts';
import { createClientApi } from '../../homeserver/client/client-api.ts';
import { createSessionApi, logOut } from '../../homeserver/client/session.ts';
import type { Session } from '../../homeserver/client/session.ts';
import { WrongAnswerError, useAnswer } from './asking.ts';
import type { Asking, Question } from './asking.ts';
import { attempt } from './attempt.ts';
import type { Place } from './find-homeserver.ts';
import { keepPassword, keptPassword } from './kept-password.ts';
import { readUserName } from './options.ts';
import type { InitOptions } from './options.ts';

const displayName = 'Lawspeaker';

/** The homeserver does not accept a password. */
class WrongPasswordError extends WrongAnswerError {}

/** The server admin whose rights `init` uses. */
export interface Admin {
  readonly userId: UserId;
  readonly accessToken: string;
  /** Ends the session if `init` has opened it. */
  close(): Promise<void>;
}

interface Context extends Asking {
  readonly options: InitOptions;
  readonly place: Place;
  /** Is told a server admin who has logged in, for a run that continues this one. */
  readonly rememberAdmin: (user: UserId) => void;
}

/** How the bot's account is made. */
type Way =
  | { readonly kind: 'admin'; readonly admin: Admin }
  | { readonly kind: 'registration' }
  | { readonly kind: 'none' };

/**
 * Makes the bot's account, or takes the one that exists, and logs it in.
 *
 * @param known the access token that the configuration contains
 * @returns the bot's session, and the admin whose rights were used, if any
 * @throws SetupError what is wrong or missing
 */
export async function openBotAccount(
  context: Context,
  known: string | undefined,
): Promise<{ readonly bot: Session; readonly admin: Admin | undefined }> {
  const { options } = context;
  const token = known ?? options.botToken;
  const isNeeded = token === undefined && options.botPassword === undefined;
  const way = await chooseWay(context, isNeeded);
  const admin = way.kind === 'admin' ? way.admin : undefined;
  try {
    const bot =
      token === undefined
        ? await logInBot(context, way)
        : await sessionOf(context, token, known !== undefined);
    await assertServerAdmin(context, bot, admin);
    if (admin?.userId === bot.userId) {
      await admin.close();
      return { bot, admin: undefined };
    }
    return { bot, admin };
  } catch (error) {
    await admin?.close();
    throw error;
  }
}

/** @param isNeeded whether the bot can't be logged in without */
async function chooseWay(context: Context, isNeeded: boolean): Promise<Way> {
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

const waysToMakeIt = '--admin-user, --admin-token or --registration-secret-file';

const passwordQuestion = {
  option: 'LAWSPEAKER_INIT_ADMIN_PASSWORD, the password of --admin-user',
  isSecret: true,
} satisfies Partial<Question>;

async function askForWay(context: Context): Promise<Way> {
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
async function askForPassword(context: Context, user: string): Promise<Way> {
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

async function askForToken(context: Context): Promise<Way> {
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

async function adminWithToken({ place }: Context, accessToken: string): Promise<Admin> {
  const { userId } = await whoami(place, accessToken, 'the admin’s access token');
  return checkedAdmin(place, { userId, accessToken, close: async () => undefined });
}

async function adminWithPassword(context: Context, user: string, password: string): Promise<Way> {
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

async function whoami({ url }: Place, accessToken: string, whose: string) {
  const client = createClientApi({ url, accessToken, stop: new AbortController().signal });
  return attempt(
    `use ${whose}`,
    async () => client.account.whoami(),
    ({ status, errcode }) =>
      status === 401
        ? new WrongAnswerError(
            `The homeserver does not accept ${whose} (${errcode}).`,
            'It may have been logged out. Log in again, and use the token from there.',
          )
        : undefined,
  );
}

/** The session behind a token that exists. */
async function sessionOf(
  { place, say, options }: Context,
  accessToken: string,
  isConfigured: boolean,
): Promise<Session> {
  const { configFile } = options;
  const { userId, deviceId } = await whoami(
    place,
    accessToken,
    isConfigured ? `the access token in ${configFile}` : 'the bot’s access token',
  );
  say(`${userId}: the bot’s account${isConfigured ? `, from ${configFile}` : ', exists already'}`);
  return { userId, accessToken, deviceId };
}

async function logIn(
  { url }: Place,
  user: string,
  password: string,
  deviceName: string,
): Promise<Session> {
  return attempt(
    `log in as ${user}`,
    async () => createSessionApi(url).login(user, { password, deviceName }),
    ({ status, errcode, retryAfterMs }) => {
      if (status === 429) {
        return new SetupError(
          `Can’t log in as ${user}: too many logins from this address (${errcode}).`,
          `Wait ${waitingTime(retryAfterMs)}, then run lawspeaker init again: it continues where it stopped.`,
        );
      }
      if (status === 403) {
        return new WrongPasswordError(
          `The homeserver does not accept the password of ${user} (${errcode}).`,
          'Check the user name and the password. Deactivated accounts can’t log in.',
        );
      }
      return status === 400 && errcode === 'M_UNKNOWN' ? noPasswordLogin() : undefined;
    },
  );
}

/** Such as `6 minutes`: rounded up, because a login that comes too early may count. */
function waitingTime(ms: number | undefined): string {
  const minutes = Math.ceil((ms ?? 0) / 60_000);
  return ms === undefined ? 'a few minutes' : `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
}

function noPasswordLogin(): SetupError {
  return new SetupError(
    'This homeserver does not let accounts log in with a password.',
    'Make the bot’s account the way your server makes accounts, and give its access token in LAWSPEAKER_INIT_BOT_TOKEN.',
  );
}

/** Logs the bot in with its password: it is a new one if the account is new. */
async function logInBot(context: Context, way: Way): Promise<Session> {
  const { place, options } = context;
  const isPossible = await attempt('ask how accounts log in', async () =>
    createSessionApi(place.url).hasPasswordLogin(),
  );
  if (isPossible === false && way.kind !== 'registration') {
    throw noPasswordLogin();
  }
  if (way.kind === 'none') {
    return logInExisting(context, options.botName);
  }
  return way.kind === 'admin'
    ? botByAdmin(context, way.admin)
    : useAnswer(
        options.registrationSecret,
        {
          text: 'registration_shared_secret, from Synapse’s homeserver.yaml (not shown)',
          option: waysToMakeIt,
          isSecret: true,
        },
        context,
        async (secret) => botByRegistration(context, secret),
      );
}

async function botByAdmin(context: Context, admin: Admin): Promise<Session> {
  const { place, options, say } = context;
  const botUser = `@${options.botName}:${serverNameOf(admin.userId) ?? ''}` as UserId;
  if (botUser === admin.userId) {
    throw new SetupError(
      `${botUser} is the account whose rights you use.`,
      'Choose another name for the bot with --bot-name. To use this account for the bot, give its token in LAWSPEAKER_INIT_BOT_TOKEN, and no admin.',
    );
  }
  const { users } = createAdminApi({ url: place.adminUrl, accessToken: admin.accessToken });
  const found = await attempt(`look for ${botUser}`, async () => users.find(botUser));
  if (found?.deactivated === true) {
    throw new SetupError(
      `The account ${botUser} is deactivated.`,
      'Choose another name with --bot-name.',
    );
  }
  if (found !== undefined) {
    return logInExisting(context, botUser);
  }
  const password = passwordForNew(options);
  await attempt(
    `make the account ${botUser}`,
    async () =>
      users.create(botUser, { password, admin: true, displayname: displayName, userType: 'bot' }),
    ({ status, errcode }) =>
      status === 404 && errcode === 'M_UNRECOGNIZED'
        ? new SetupError(
            'This homeserver makes no accounts itself: another service does, such as Matrix Authentication Service.',
            'Make the bot’s account there, as a server admin, and give its access token in LAWSPEAKER_INIT_BOT_TOKEN.',
          )
        : undefined,
  );
  say(`${botUser}: made the bot’s account, as a server admin`);
  return logIn(place, botUser, password, displayName);
}

async function botByRegistration(context: Context, sharedSecret: string): Promise<Session> {
  const { place, options, say } = context;
  const { botName } = options;
  try {
    const made = await createRegistrationApi(place.adminUrl).registerBot({
      localpart: botName,
      password: passwordForNew(options),
      displayName,
      sharedSecret,
    });
    say(`${made.userId}: made the bot’s account, as a server admin`);
    return made;
  } catch (error) {
    if (error instanceof HomeserverError && error.errcode === 'M_USER_IN_USE') {
      return logInExisting(context, botName);
    }
    return attempt(
      `register ${botName}`,
      async () => {
        throw error;
      },
      ({ status, errcode }) => {
        if (status === 403) {
          return new WrongAnswerError(
            'The homeserver does not accept the registration secret.',
            'Use registration_shared_secret from the homeserver.yaml that Synapse runs with.',
          );
        }
        return status === 400 && errcode === 'M_UNKNOWN'
          ? new SetupError(
              `The homeserver does not register ${botName} with a shared secret.`,
              'Set registration_shared_secret in homeserver.yaml and restart Synapse, or use --admin-user.',
            )
          : undefined;
      },
    );
  }
}

async function logInExisting(context: Context, user: string): Promise<Session> {
  const { options, place, say } = context;
  const continued = await logInAsKept(context, user);
  if (continued !== undefined) {
    say(`${continued.userId}: the bot’s account, made by an earlier run`);
    return continued;
  }
  const session = await useAnswer(
    options.botPassword,
    {
      text: `The account ${user} exists already. Its password (not shown)`,
      option: `LAWSPEAKER_INIT_BOT_PASSWORD or LAWSPEAKER_INIT_BOT_TOKEN, because the account ${user} exists already (or choose another --bot-name)`,
      isSecret: true,
    },
    context,
    async (password) => logIn(place, user, password, displayName),
  );
  say(`${session.userId}: the bot’s account, exists already`);
  return session;
}

/** Logs in with the password that an earlier run has kept; undefined if there is none that is right. */
async function logInAsKept({ options, place }: Context, user: string) {
  const kept = options.botPassword === undefined ? keptPassword(options) : undefined;
  if (kept === undefined) {
    return undefined;
  }
  try {
    return await logIn(place, user, kept, displayName);
  } catch (error) {
    if (error instanceof WrongPasswordError) {
      return undefined;
    }
    throw error;
  }
}

/** Makes the bot a server admin if it isn't one and somebody can. */
async function assertServerAdmin(
  { place, say }: Context,
  bot: Session,
  admin: Admin | undefined,
): Promise<void> {
  const { userId } = bot;
  const { users } = createAdminApi({ url: place.adminUrl, accessToken: bot.accessToken });
  const isAdmin = await attempt(`look whether ${userId} is a server admin`, async () => {
    try {
      return (await users.get(userId)).admin;
    } catch (error) {
      if (error instanceof HomeserverError && error.status === 403) {
        return false;
      }
      throw error;
    }
  });
  if (isAdmin) {
    return;
  }
  if (admin === undefined || admin.userId === userId) {
    throw new SetupError(
      `${userId} is not a server admin.`,
      `Give --admin-user or --admin-token, so that a server admin can make it one. Or set it in Synapse’s database: UPDATE users SET admin = 1 WHERE name = '@${localpartOf(userId)}:${serverNameOf(userId) ?? ''}'`,
    );
  }
  const asAdmin = createAdminApi({ url: place.adminUrl, accessToken: admin.accessToken });
  await attempt(`make ${userId} a server admin`, async () => asAdmin.users.setAdmin(userId, true));
  say(`${userId}: made a server admin`);
}

/** The password of an account that is about to be made. It is kept until the access token is. */
function passwordForNew(options: InitOptions): string {
  const password = keptPassword(options) ?? randomBytes(32).toString('base64url');
  keepPassword(options, password);
  return password;
}
