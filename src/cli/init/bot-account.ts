import { randomBytes } from 'node:crypto';

import { HomeserverError, SetupError } from '../../core/errors.ts';
import { localpartOf, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { createAdminApi } from '../../homeserver/admin/admin-api.ts';
import { createRegistrationApi } from '../../homeserver/admin/registration.ts';
import { createSessionApi } from '../../homeserver/client/session.ts';
import type { Session } from '../../homeserver/client/session.ts';
import { WrongAnswerError, useAnswer } from './asking.ts';
import { attempt } from './attempt.ts';
import { chooseWay, waysToMakeIt } from './choose-way.ts';
import type { Admin, Way, WayContext } from './choose-way.ts';
import { keepPassword, keptPassword } from './kept-password.ts';
import { WrongPasswordError, logIn, noPasswordLogin, whoami } from './log-in.ts';
import type { InitOptions } from './options.ts';

const displayName = 'Lawspeaker';

/**
 * Makes the bot's account, or takes the one that exists, and logs it in.
 *
 * @param known the access token that the configuration contains
 * @returns the bot's session, and the admin whose rights were used, if any
 * @throws SetupError what is wrong or missing
 */
export async function openBotAccount(
  context: WayContext,
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

/** The session behind a token that exists. */
async function sessionOf(
  { place, say, options }: WayContext,
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

/** Logs the bot in with its password: it is a new one if the account is new. */
async function logInBot(context: WayContext, way: Way): Promise<Session> {
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

async function botByAdmin(context: WayContext, admin: Admin): Promise<Session> {
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

async function botByRegistration(context: WayContext, sharedSecret: string): Promise<Session> {
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

async function logInExisting(context: WayContext, user: string): Promise<Session> {
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
async function logInAsKept({ options, place }: WayContext, user: string) {
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
  { place, say }: WayContext,
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
