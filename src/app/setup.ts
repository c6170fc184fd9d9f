import type { Config } from '../config/schema.ts';
import { durationMs } from '../core/duration.ts';
import { HomeserverError, SetupError, orUndefined } from '../core/errors.ts';
import { localpartOf, parseRoomAlias, serverNameOf } from '../core/ids.ts';
import type { RoomId, UserId } from '../core/ids.ts';
import { createAdminApi } from '../homeserver/admin/admin-api.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import { nativeLibrary } from '../matrix/crypto/native-library.ts';
import { encryptionIsOff, startsEncryption } from '../matrix/crypto/room-crypto.ts';
import { RoomState } from '../matrix/room/room-state.ts';
import { assertReplaces, followUpgrade } from '../matrix/room/upgrade.ts';
import type { Moves } from '../matrix/room/upgrade.ts';
import { createRoles } from '../operations/authorize/authorize.ts';
import { asked } from './ask-homeserver.ts';
import type { Address } from './ask-homeserver.ts';
import { askDelegation, commandForToken } from './delegation.ts';
import type { DelegatedTo } from './delegation.ts';

/** What the homeserver tells about the configuration. */
export interface Setup {
  readonly botUser: UserId;
  readonly serverName: string;
  /** The management room in use. */
  readonly room: RoomId;
  /** The one that the configuration names; another one if it was upgraded. */
  readonly configuredRoom: RoomId;
  readonly roomState: readonly unknown[];
  readonly serverVersion: string;
  /** Undefined if the homeserver keeps its accounts itself. */
  readonly delegatedTo: DelegatedTo | undefined;
}

/** The answers that `askSetup` waits for. Each fails with its own error, or with that of `botUser`. */
export interface SetupAnswers {
  readonly botUser: Promise<UserId>;
  readonly delegatedTo: Promise<DelegatedTo | undefined>;
  readonly serverVersion: Promise<string>;
  readonly room: Promise<Pick<Setup, 'room' | 'configuredRoom' | 'roomState'>>;
}

/**
 * Asks the homeserver whether the bot can work: whether the token is valid, who keeps the accounts, whether
 * the bot's is a server admin, and whether the management room can be joined and read.
 *
 * @param moves the rooms that the bot has moved to from upgraded rooms
 * @param assertMayChange called before each change at MAS; throws if this process may change nothing
 */
export function askSetup(
  config: Config,
  client: ClientApi,
  moves: Moves,
  assertMayChange?: () => void,
): SetupAnswers {
  const { url, adminUrl = url, accessToken } = config.homeserver;
  const requestTimeoutMs = durationMs(config.homeserver.requestTimeout);
  const api = createAdminApi({ url: adminUrl, accessToken, requestTimeoutMs });
  const botUser = checkToken(config, client);
  const delegatedTo = botUser.then(async (user) => checkDelegation(config, user, assertMayChange));
  const answers = {
    botUser,
    delegatedTo,
    serverVersion: botUser.then(async (user) =>
      checkAdmin(api, user, { homeserver: config.homeserver, delegatedTo }),
    ),
    room: botUser.then(async (user) => checkRoom(config, client, { botUser: user, moves })),
  };
  // Whoever asks may stop at the first that fails.
  for (const answer of Object.values<Promise<unknown>>(answers)) {
    answer.catch(() => undefined);
  }
  return answers;
}

/**
 * Waits for what `askSetup` asks. If several answers fail, the first is the one to mend first.
 *
 * @throws SetupError what is wrong and what to do
 * @throws UnreachableError the homeserver does not answer
 */
export async function checkSetup(
  config: Config,
  client: ClientApi,
  moves: Moves,
  assertMayChange?: () => void,
): Promise<Setup> {
  if (config.encryption.enabled) {
    nativeLibrary();
  }
  const answers = askSetup(config, client, moves, assertMayChange);
  const botUser = await answers.botUser;
  const delegatedTo = await answers.delegatedTo;
  const serverVersion = await answers.serverVersion;
  const room = await answers.room;
  const serverName = serverNameOf(botUser) ?? '';
  return { botUser, serverName, delegatedTo, serverVersion, ...room };
}

/** Who keeps the accounts. */
async function checkDelegation(
  config: Config,
  botUser: UserId,
  assertMayChange: (() => void) | undefined,
): Promise<DelegatedTo | undefined> {
  const delegatedTo = await askDelegation(config, assertMayChange);
  const serverName = serverNameOf(botUser);
  if (delegatedTo !== undefined && delegatedTo.serverName !== serverName) {
    throw new SetupError(
      `The Matrix Authentication Service at mas.url serves ${delegatedTo.serverName}, and the bot’s account is on ${serverName ?? 'no server'}.`,
      'Correct mas.url.',
    );
  }
  return delegatedTo;
}

async function checkToken({ homeserver }: Config, client: ClientApi): Promise<UserId> {
  return asked(
    // A wrong address is told at once, and waiting is for those who call this.
    async () => (await client.account.whoami({ retry: 'never' })).userId,
    ({ status, errcode }) =>
      status === 401
        ? new SetupError(
            `The homeserver does not accept the access token (${errcode}).`,
            'Log in as the bot’s account and set homeserver.accessToken.',
          )
        : undefined,
    clientAddress(homeserver),
  );
}

/** Synapse's version, once the bot's account is known to be a server admin. */
async function checkAdmin(
  api: AdminApi,
  botUser: UserId,
  {
    homeserver,
    delegatedTo,
  }: {
    readonly homeserver: Config['homeserver'];
    readonly delegatedTo: Promise<DelegatedTo | undefined>;
  },
): Promise<string> {
  const { url, adminUrl = url } = homeserver;
  const address = adminAddress(homeserver);
  const account = asked(
    async () => api.users.get(botUser),
    ({ status, errcode }) => {
      if (status === 401) {
        return new SetupError(
          `${adminUrl} does not accept the access token (${errcode}), and ${url} does.`,
          'Both must lead to the same homeserver. Correct homeserver.adminUrl.',
        );
      }
      if (status === 403) {
        return new SetupError(
          `${botUser} is not a server admin, so it can’t use the admin API.`,
          'Make it one: set admin to 1 in the users table, or ask another admin to grant it.',
        );
      }
      return status === 404 && errcode === 'M_UNRECOGNIZED'
        ? new SetupError(
            `There is no Synapse admin API at ${adminUrl}.`,
            'Set homeserver.adminUrl to where /_synapse/admin answers.',
          )
        : undefined;
    },
    address,
  );
  const version = asked(api.server.version, () => undefined, address);
  // Whatever fails first is thrown, and the other is of no interest then.
  account.catch(() => undefined);
  version.catch(() => undefined);
  if ((await delegatedTo) !== undefined) {
    await checkAdminScope(api, botUser, address);
  } else if (!(await account).admin) {
    throw new SetupError(`${botUser} is not a server admin.`, 'Grant it admin rights.');
  }
  assertRecent(await version);
  return version;
}

/** Under MAS, what makes a server admin is the scope of the token, and not the account. */
async function checkAdminScope(api: AdminApi, botUser: UserId, address: Address): Promise<void> {
  await asked(
    async () => api.users.list({ guests: false, limit: 1 }),
    ({ status }) =>
      status === 403
        ? new SetupError(
            `The token of ${botUser} does not have the scope urn:synapse:admin:*, so it can’t use Synapse’s admin API.`,
            `Make another one where MAS runs: ${commandForToken(localpartOf(botUser))}`,
          )
        : undefined,
    address,
  );
}

/** The first version that can redact all messages of an account, which takedowns need. */
const oldestSynapse = [1, 116] as const;

/** @param version such as `1.163.2`, `1.116.0rc1` */
function assertRecent(version: string): void {
  const [major, minor] = /^(\d+)\.(\d+)/u.exec(version)?.slice(1).map(Number) ?? [];
  const [oldestMajor, oldestMinor] = oldestSynapse;
  if (
    major !== undefined &&
    minor !== undefined &&
    (major < oldestMajor || (major === oldestMajor && minor < oldestMinor))
  ) {
    throw new SetupError(
      `Synapse ${version} is too old. Install Synapse ${oldestSynapse.join('.')} or newer.`,
    );
  }
}

const clientAddress = ({ url }: Config['homeserver']): Address => ({ url, key: 'homeserver.url' });

const adminAddress = ({ url, adminUrl = url }: Config['homeserver']): Address => ({
  url: adminUrl,
  key: 'homeserver.adminUrl',
});

/** Finds the room that the configuration names, and joins it, or the room that has replaced it. */
async function checkRoom(
  config: Config,
  client: ClientApi,
  bot: { readonly botUser: UserId; readonly moves: Moves },
) {
  const configuredRoom = await findRoom(config, client);
  const { room, state } = await roomInUse(config, client, { configuredRoom, ...bot });
  if (!config.encryption.enabled && state.some(startsEncryption)) {
    throw encryptionIsOff();
  }
  return { configuredRoom, room, roomState: state };
}

/** Finds the room that the configuration names. */
async function findRoom(config: Config, client: ClientApi): Promise<RoomId> {
  const written = config.managementRoom;
  const alias = parseRoomAlias(written);
  return alias === undefined
    ? (written as RoomId)
    : asked(
        async () => client.rooms.resolveAlias(alias),
        ({ status }) =>
          status === 404
            ? new SetupError(
                `There is no room ${alias}.`,
                'Set managementRoom to the ID or alias of the management room.',
              )
            : undefined,
        clientAddress(config.homeserver),
      );
}

/** Ends a loop of rooms that replace each other. */
const maxUpgrades = 20;

/** Joins the management room, or the room that has replaced it. */
async function roomInUse(
  config: Config,
  client: ClientApi,
  start: { readonly configuredRoom: RoomId; readonly botUser: UserId; readonly moves: Moves },
): Promise<{ readonly room: RoomId; readonly state: readonly unknown[] }> {
  const { configuredRoom, botUser, moves } = start;
  const address = clientAddress(config.homeserver);
  const cannotJoin =
    (where: RoomId) =>
    ({ status, errcode }: HomeserverError) =>
      status < 500
        ? new SetupError(
            `${botUser} can’t join the management room ${where} (${errcode}).`,
            `Invite ${botUser} to it, then start again.`,
          )
        : undefined;
  let room = configuredRoom;
  for (let step = 0; step < maxUpgrades; step += 1) {
    const known = await moves.from(room);
    const here = room;
    if (known !== undefined) {
      await asked(async () => checkMove(client, here, known), cannotJoin(known), address);
      room = known;
      continue;
    }
    const state = await asked(
      async () => joinedState(client, here, botUser),
      cannotJoin(here),
      address,
    );
    const members = new RoomState();
    state.forEach((event) => members.apply(event));
    const { tombstone } = members;
    if (tombstone === undefined) {
      return { room, state };
    }
    const roles = createRoles({ settings: config.roles, members, botUser, protectedUsers: [] });
    const next = await asked(
      async () =>
        followUpgrade(client, { room: here, tombstone }, (user) => roles.of(user) === 'admin'),
      () => undefined,
      address,
    );
    if ('refused' in next) {
      throw new SetupError(
        `The management room ${here} was closed and replaced by ${tombstone.replacement ?? 'another room'}, and ${next.refused}.`,
        next.advice,
      );
    }
    await moves.remember(room, next.room);
    room = next.room;
  }
  throw new SetupError(
    `The management room ${configuredRoom} was replaced too many times.`,
    'Set managementRoom to the room that is in use.',
  );
}

/** Checks a stored move by the new room, which the bot joins if it isn't there any more. */
async function checkMove(client: ClientApi, from: RoomId, to: RoomId): Promise<void> {
  try {
    await assertReplaces(client, to, from);
  } catch (error) {
    if (!isForbidden(error)) {
      throw error;
    }
    await client.rooms.join(to);
    await assertReplaces(client, to, from);
  }
}

/** The state of a room, which the bot joins first if it isn't there. */
async function joinedState(
  client: ClientApi,
  room: RoomId,
  botUser: UserId,
): Promise<readonly unknown[]> {
  // Usually it is. Synapse also gives the state to somebody who has left: as it was then.
  const seen = await orUndefined(client.rooms.state(room), isForbidden);
  if (seen !== undefined) {
    const members = new RoomState();
    seen.forEach((event) => members.apply(event));
    if (members.isJoined(botUser)) {
      return seen;
    }
  }
  await client.rooms.join(room);
  return client.rooms.state(room);
}

const isForbidden = (error: unknown) => error instanceof HomeserverError && error.status === 403;
