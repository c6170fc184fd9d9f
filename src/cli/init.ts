import path from 'node:path';

import { SetupError } from '../core/errors.ts';
import { createAdminApi } from '../homeserver/admin/admin-api.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import { createClientApi } from '../homeserver/client/client-api.ts';
import { createSessionApi } from '../homeserver/client/session.ts';
import type { Session } from '../homeserver/client/session.ts';
import { nativeLibrary } from '../matrix/crypto/native-library.ts';
import { checkConfig } from './check-config.ts';
import { attempt } from './init/attempt.ts';
import { openBotAccount } from './init/bot-account.ts';
import type { Admin } from './init/bot-account.ts';
import { assertWritable, fillInRoom, readDraft, writeDraft } from './init/config-file.ts';
import type { Draft } from './init/config-file.ts';
import { exampleConfig } from './init/example.ts';
import { findHomeserver } from './init/find-homeserver.ts';
import type { Place } from './init/find-homeserver.ts';
import { forgetPassword } from './init/kept-password.ts';
import {
  findMadeRoom,
  findPeople,
  invitePeople,
  joinRoom,
  makeRoom,
} from './init/management-room.ts';
import { initHelp, readInitOptions, readPerson, withoutInit } from './init/options.ts';
import type { InitOptions } from './init/options.ts';
import { openTerminal } from './init/terminal.ts';
import type { Terminal } from './init/terminal.ts';

/** Prints one line for a step. Never a secret. */
const say = (line: string) => console.log(line);

/**
 * `lawspeaker init`: makes the bot's account, its management room and its configuration, and checks them.
 * Every step first looks for what an earlier run has left.
 *
 * @param argv what follows `init`
 * @throws SetupError what is wrong or missing, and what to do
 */
export async function init(argv: readonly string[], environment: NodeJS.ProcessEnv): Promise<void> {
  const options = readInitOptions(argv, environment);
  if (options.help) {
    say(initHelp);
    return;
  }
  if (options.isEncrypted) {
    nativeLibrary();
  }
  const terminal =
    options.isInteractive && process.stdin.isTTY && process.stdout.isTTY
      ? openTerminal(process.stdin, process.stdout)
      : undefined;
  const { configFile } = options;
  const configEnvironment = withoutInit(environment);
  const draft = readDraft(configFile, configEnvironment);
  await assertSameHomeserver(options, draft);
  if (draft === undefined) {
    if (terminal === undefined) {
      assertNothingMissing(options);
    }
    assertWritable(configFile);
  } else {
    say(`${configFile}: exists already. I continue from it, and overwrite nothing in it.`);
  }

  const place = await findHomeserver(
    draft === undefined
      ? { url: options.homeserver, adminUrl: options.adminUrl }
      : {
          url: draft.config.homeserver.url,
          adminUrl: draft.config.homeserver.adminUrl ?? draft.config.homeserver.url,
        },
    terminal,
    say,
  );
  const { bot, admin } = await openBotAccount(
    { options, place, terminal, say },
    draft?.config.homeserver.accessToken,
  );
  try {
    assertCanEncrypt(options, bot);
    if (draft === undefined) {
      writeDraft(configFile, exampleConfig, { ...place, accessToken: bot.accessToken });
      say(`${configFile}: written. Only you can read it.`);
    }
    forgetPassword(options);
    const api = createAdminApi({ url: place.adminUrl, accessToken: bot.accessToken });
    await liftRateLimit(api, bot);
    await setUpRoom({ options, place, terminal, bot, admin, api, draft });
  } finally {
    await admin?.close();
  }
  if ((await checkConfig(configFile, configEnvironment)) !== 0) {
    throw new SetupError(
      `${configFile} is written, and does not work yet.`,
      'Correct what is named above, then run lawspeaker init again: it continues where it stopped.',
    );
  }
  say('');
  say('Ready. Start the bot with:');
  say(`  ${startCommand(configFile, environment)}`);
}

/** @throws SetupError nobody can be asked, and something is missing that can be known from the start */
function assertNothingMissing(options: InitOptions): void {
  const { adminToken, adminUser, adminPassword, botToken, botPassword, room, admins } = options;
  const isByAdmin = adminToken !== undefined || adminUser !== undefined;
  const isByBot = botToken !== undefined || botPassword !== undefined;
  const missing = [
    ...(options.homeserver === undefined ? ['--homeserver'] : []),
    ...(isByAdmin || isByBot || options.registrationSecret !== undefined
      ? []
      : ['one of --admin-user, --admin-token and --registration-secret-file']),
    ...(adminUser !== undefined && adminToken === undefined && adminPassword === undefined
      ? ['LAWSPEAKER_INIT_ADMIN_PASSWORD, the password of --admin-user']
      : []),
    ...(isByAdmin || room !== undefined || admins.length > 0
      ? []
      : ['--admin, the person who is to use the room']),
  ];
  if (missing.length > 0) {
    throw new SetupError(
      `Missing: ${missing.join('; ')}. lawspeaker init --help lists the options.`,
    );
  }
}

/** @throws SetupError the configuration that exists is for another homeserver */
async function assertSameHomeserver(
  { homeserver, configFile }: InitOptions,
  draft: Draft | undefined,
): Promise<void> {
  const configured = draft?.config.homeserver.url;
  if (homeserver === undefined || configured === undefined) {
    return;
  }
  const isSame = (url: string | undefined) => url?.replace(/\/+$/u, '') === configured;
  if (!isSame(homeserver) && !isSame(await createSessionApi(homeserver).discover())) {
    throw new SetupError(
      `${configFile} exists already, and is for ${configured}.`,
      'Choose another file with --config, or move that one away.',
    );
  }
}

/** @throws SetupError the token belongs to no device */
function assertCanEncrypt({ isEncrypted }: InitOptions, { deviceId, userId }: Session): void {
  if (isEncrypted && deviceId === null) {
    throw new SetupError(
      `The access token of ${userId} belongs to no device, so the bot can’t encrypt.`,
      'Log in to the account with its password: give LAWSPEAKER_INIT_BOT_PASSWORD instead of a token.',
    );
  }
}

/** Ordinary accounts may send one message every few seconds: too slow for a night with many reports. */
async function liftRateLimit(api: AdminApi, { userId }: Session): Promise<void> {
  const isLifted = await attempt(`lift the rate limit of ${userId}`, async () => {
    const limit = await api.users.getRatelimit(userId);
    if (limit?.messagesPerSecond === 0 && limit.burstCount === 0) {
      return false;
    }
    await api.users.setRatelimit(userId, { messagesPerSecond: 0, burstCount: 0 });
    return true;
  });
  say(`${userId}: exempt from rate limits${isLifted ? '' : ' already'}`);
}

/** Finds or makes the management room, invites people, and fills the room into the configuration. */
async function setUpRoom(parts: {
  readonly options: InitOptions;
  readonly place: Place;
  readonly terminal: Terminal | undefined;
  readonly bot: Session;
  readonly admin: Admin | undefined;
  readonly api: AdminApi;
  readonly draft: Draft | undefined;
}): Promise<void> {
  const { options, place, bot, admin, api, draft } = parts;
  const { accessToken, userId: botUser } = bot;
  const client = createClientApi({
    url: place.url,
    accessToken,
    stop: new AbortController().signal,
  });
  const adminApi =
    admin === undefined
      ? undefined
      : createAdminApi({ url: place.adminUrl, accessToken: admin.accessToken });
  const context = { botUser, client, api, adminApi, say };
  const needsRoom = draft?.needsRoom !== false;
  const named = needsRoom ? options.room : draft.config.managementRoom;
  if (options.room !== undefined && options.room !== named) {
    say(`${options.configFile}: names the room ${named ?? ''}, so --room is not used`);
  }
  const found = named ?? (await findMadeRoom(context));
  const people = await findPeople(context, await peopleFor(parts, found === undefined));
  const room =
    found === undefined
      ? await makeRoom(context, options.isEncrypted)
      : await joinRoom(context, found);
  if (found !== undefined) {
    say(`${room}: the management room, exists already`);
  }
  const { isEncrypted } = await invitePeople(context, room, people);
  if (options.isEncrypted && !isEncrypted) {
    say(`${room}: not encrypted. Turn encryption on in the room’s settings: that can’t be undone.`);
  }
  if (needsRoom) {
    fillInRoom(options.configFile, room, isEncrypted || options.isEncrypted);
  }
}

/** Who is to be invited. @throws SetupError nobody is, so nobody could use a new room */
async function peopleFor(
  {
    options,
    admin,
    terminal,
  }: {
    readonly options: InitOptions;
    readonly admin: Admin | undefined;
    readonly terminal: Terminal | undefined;
  },
  isNewRoom: boolean,
): Promise<Pick<InitOptions, 'admins' | 'moderators'>> {
  const admins = [...options.admins, ...(admin === undefined ? [] : [admin.userId])];
  const { moderators } = options;
  const needsAdmin = isNewRoom && admins.length === 0;
  if (terminal === undefined) {
    if (needsAdmin) {
      throw new SetupError(
        'Missing: --admin, the person who is to use the room. lawspeaker init --help lists the options.',
      );
    }
    return { admins, moderators };
  }
  const asked = async (question: string, option: string) =>
    (await terminal.ask(question))
      .split(/[\s,]+/u)
      .filter(Boolean)
      .map((user) => readPerson(option, user));
  const askedAdmins = needsAdmin
    ? await asked('Your own user ID, to invite as admin', '--admin')
    : [];
  if (needsAdmin && askedAdmins.length === 0) {
    throw new SetupError('Missing: --admin. Without an admin, nobody could use the room.');
  }
  const askedModerators =
    isNewRoom && moderators.length === 0
      ? await asked('User IDs of moderators to invite (or press Enter for none)', '--moderator')
      : [];
  return {
    admins: [...admins, ...askedAdmins],
    moderators: [...moderators, ...askedModerators],
  };
}

/** The line that starts the bot, in the way that `init` was started. */
function startCommand(configFile: string, environment: NodeJS.ProcessEnv): string {
  const file = /^[\w./-]+$/u.test(configFile)
    ? configFile
    : `'${configFile.replaceAll("'", String.raw`'\''`)}'`;
  const program = process.argv[1] ?? '';
  if (environment['npm_lifecycle_event'] === 'lawspeaker') {
    return `npm start -- --config ${file}`;
  }
  if (path.basename(program) === 'lawspeaker') {
    return `lawspeaker start --config ${file}`;
  }
  return `node ${path.relative('', program)} start --config ${file}`;
}
