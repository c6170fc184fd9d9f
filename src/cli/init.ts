import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { SetupError } from '../core/errors.ts';
import type { UserId } from '../core/ids.ts';
import { createAdminApi } from '../homeserver/admin/admin-api.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import { createClientApi } from '../homeserver/client/client-api.ts';
import { createSessionApi } from '../homeserver/client/session.ts';
import type { Session } from '../homeserver/client/session.ts';
import { nativeLibrary } from '../matrix/crypto/native-library.ts';
import { checkConfig } from './check-config.ts';
import type { Asking } from './init/asking.ts';
import { attempt } from './init/attempt.ts';
import { openBotAccount } from './init/bot-account.ts';
import type { Admin } from './init/choose-way.ts';
import { assertWritable, fillInRoom, readDraft, writeDraft } from './init/config-file.ts';
import type { Draft } from './init/config-file.ts';
import { assertKeepsAccounts } from './init/delegated-accounts.ts';
import { exampleConfig } from './init/example.ts';
import { findHomeserver } from './init/find-homeserver.ts';
import type { Place } from './init/find-homeserver.ts';
import { answersFile, forgetAnswers, keepAnswers } from './init/kept-answers.ts';
import type { Answers } from './init/kept-answers.ts';
import { forgetPassword } from './init/kept-password.ts';
import {
  NoSuchRoomError,
  findMadeRoom,
  invitePeople,
  joinRoom,
  makeRoom,
} from './init/management-room.ts';
import { initHelp, readInitOptions, withoutInit } from './init/options.ts';
import type { InitOptions } from './init/options.ts';
import { findPeople, peopleForExisting, peopleForNew } from './init/people.ts';
import { openTerminal } from './init/terminal.ts';

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
  const asking = { terminal, say };
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
    say(
      draft.needsRoom
        ? `${configFile}: exists already. I continue from it, and overwrite nothing in it.`
        : `${configFile}: exists already, and is complete. I check it, and overwrite nothing in it.`,
    );
  }
  sayWhatWasKept(options);
  const isUnfinished = draft?.needsRoom !== false;
  const remember = (told: Answers) => {
    if (isUnfinished) {
      keepAnswers(configFile, told);
    }
  };

  const place = await findHomeserver(
    draft === undefined
      ? { url: options.homeserver, adminUrl: options.adminUrl }
      : {
          url: draft.config.homeserver.url,
          adminUrl: draft.config.homeserver.adminUrl ?? draft.config.homeserver.url,
        },
    asking,
    async (url) => assertKeepsAccounts(url, options),
  );
  const { botName, room, admins, moderators, isEncrypted } = options;
  remember({
    room,
    isEncrypted,
    ...(admins.length > 0 && { admins }),
    ...(moderators.length > 0 && { moderators }),
  });
  if (draft === undefined) {
    remember({ homeserver: place.url, adminUrl: place.adminUrl, botName });
  }
  const rememberAdmin = (adminUser: UserId) => {
    remember({ adminUser, admins: [...admins, adminUser] });
  };
  const { bot, admin } = await openBotAccount(
    { ...asking, options, place, rememberAdmin },
    draft?.config.homeserver.accessToken,
  );
  try {
    assertCanEncrypt(options, bot);
    if (draft === undefined) {
      writeDraft(configFile, exampleConfig, { ...place, accessToken: bot.accessToken });
      say(`${configFile}: written. Only you can read it.`);
    }
    // The configuration contains the rest.
    remember({
      homeserver: undefined,
      adminUrl: undefined,
      adminUser: undefined,
      botName: undefined,
    });
    forgetPassword(options);
    const api = createAdminApi({ url: place.adminUrl, accessToken: bot.accessToken });
    await liftRateLimit(api, bot);
    await setUpRoom({ options, place, asking, bot, admin, api, draft, remember });
    forgetAnswers(configFile);
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

/** Says what an earlier run was told and this one still needs. */
function sayWhatWasKept(options: InitOptions): void {
  const { kept, configFile } = options;
  const isUsed = (key: keyof Answers & keyof InitOptions) =>
    kept[key] !== undefined && isDeepStrictEqual(kept[key], options[key]);
  const named = (label: string, people: readonly string[]) =>
    people.length === 0 ? [] : [`${label} ${people.join(', ')}`];
  const told = [
    ...(isUsed('homeserver') ? [`homeserver ${kept.homeserver ?? ''}`] : []),
    ...(isUsed('botName') ? [`bot ${kept.botName ?? ''}`] : []),
    ...(isUsed('room') ? [`room ${kept.room ?? ''}`] : []),
    ...(isUsed('admins')
      ? named(kept.admins?.length === 1 ? 'admin' : 'admins', options.admins)
      : []),
    ...(isUsed('moderators')
      ? named(kept.moderators?.length === 1 ? 'moderator' : 'moderators', options.moderators)
      : []),
    ...(kept.isEncrypted === true ? ['encrypted'] : []),
  ];
  if (told.length > 0) {
    say(
      `From the run before: ${told.join('; ')}. To start over, delete ${answersFile(configFile)}.`,
    );
  }
}

interface RoomParts {
  readonly options: InitOptions;
  readonly place: Place;
  readonly asking: Asking;
  readonly bot: Session;
  readonly admin: Admin | undefined;
  readonly api: AdminApi;
  readonly draft: Draft | undefined;
  readonly remember: (told: Answers) => void;
}

/** Finds or makes the management room, invites people, and fills the room into the configuration. */
async function setUpRoom(parts: RoomParts): Promise<void> {
  const { options, place, bot, admin, api, draft, remember } = parts;
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
  const people = await findPeople(
    context,
    await (found === undefined ? peopleForNew(parts) : peopleForExisting(parts)),
  );
  const withLevel = (level: number) =>
    people.filter(({ powerLevel }) => powerLevel === level).map(({ user }) => user);
  remember({ admins: withLevel(100), moderators: withLevel(50) });
  const room =
    found === undefined
      ? await makeRoom(context, options.isEncrypted)
      : await joinRoom(context, found).catch((error: unknown) => {
          if (error instanceof NoSuchRoomError) {
            // A run without --room makes a new room.
            remember({ room: undefined });
          }
          throw error;
        });
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
