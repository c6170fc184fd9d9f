import { keyOf } from '../../config/homeservers.ts';
import type { Config } from '../../config/schema.ts';
import { durationMs } from '../../core/duration.ts';
import { SetupError } from '../../core/errors.ts';
import { localpartOf, serverNameOf } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import { createAdminApi } from '../../homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { ClientApi } from '../../homeserver/client/client-api.ts';
import { adminAddress, asked, clientAddress } from './asked.ts';
import type { Address } from './asked.ts';
import { askDelegation, commandForToken } from './delegation.ts';
import type { DelegatedTo } from './delegation.ts';

/** What a homeserver tells about its part of the configuration. */
export interface HomeserverSetup {
  /** The bot's account there. */
  readonly botUser: UserId;
  readonly serverName: string;
  readonly serverVersion: string;
  /** Undefined if the homeserver keeps its accounts itself. */
  readonly delegatedTo: DelegatedTo | undefined;
}

/** The answers that `askHomeserver` waits for. Each fails with its own error, or with that of `botUser`. */
export interface HomeserverAnswers {
  readonly botUser: Promise<UserId>;
  readonly delegatedTo: Promise<DelegatedTo | undefined>;
  readonly serverVersion: Promise<string>;
}

/** The part of the configuration that is about one homeserver. */
export type HomeserverConfig = Pick<Config, 'homeserver' | 'mas'>;

/**
 * Asks a homeserver whether the bot can work there: whether the token is valid, who keeps the accounts, and
 * whether the bot's is a server admin.
 *
 * @param assertMayChange called before each change at MAS; throws if this process may change nothing
 */
export function askHomeserver(
  config: HomeserverConfig,
  client: ClientApi,
  assertMayChange?: () => void,
): HomeserverAnswers {
  const { url, adminUrl = url, accessToken } = config.homeserver;
  const requestTimeoutMs = durationMs(config.homeserver.requestTimeout);
  const api = createAdminApi({ url: adminUrl, accessToken, requestTimeoutMs });
  const botUser = checkToken(config, client);
  const delegatedTo = botUser.then(async (user) => checkDelegation(config, user, assertMayChange));
  const serverVersion = botUser.then(async (user) =>
    checkAdmin(api, user, { homeserver: config.homeserver, delegatedTo }),
  );
  const answers = { botUser, delegatedTo, serverVersion };
  // Whoever asks may stop at the first that fails.
  for (const answer of Object.values<Promise<unknown>>(answers)) {
    answer.catch(() => undefined);
  }
  return answers;
}

/** Waits for what `askHomeserver` asks. If several answers fail, the first is the one to mend first. */
export async function homeserverSetup(answers: HomeserverAnswers): Promise<HomeserverSetup> {
  const botUser = await answers.botUser;
  const delegatedTo = await answers.delegatedTo;
  const serverVersion = await answers.serverVersion;
  const serverName = serverNameOf(botUser) ?? '';
  return { botUser, serverName, delegatedTo, serverVersion };
}

/** Who keeps the accounts. */
async function checkDelegation(
  config: HomeserverConfig,
  botUser: UserId,
  assertMayChange: (() => void) | undefined,
): Promise<DelegatedTo | undefined> {
  const delegatedTo = await askDelegation(config, assertMayChange);
  const serverName = serverNameOf(botUser);
  if (delegatedTo !== undefined && delegatedTo.serverName !== serverName) {
    throw new SetupError(
      `The Matrix Authentication Service at mas.url serves ${delegatedTo.serverName}, and the bot’s account is on ${serverName ?? 'no server'}.`,
      `Correct ${keyOf(config.homeserver, 'mas.url')}.`,
    );
  }
  return delegatedTo;
}

async function checkToken({ homeserver }: HomeserverConfig, client: ClientApi): Promise<UserId> {
  const botUser = await asked(
    // A wrong address is told at once, and waiting is for those who call this.
    async () => (await client.account.whoami({ retry: 'never' })).userId,
    ({ status, errcode }) =>
      status === 401
        ? new SetupError(
            `The homeserver does not accept the access token (${errcode}).`,
            `Log in as the bot’s account and set ${keyOf(homeserver, 'accessToken')}.`,
          )
        : undefined,
    clientAddress(homeserver),
  );
  const { serverName, url } = homeserver;
  if (serverName !== undefined && serverNameOf(botUser) !== serverName) {
    throw new SetupError(
      `The access token for ${serverName} belongs to ${botUser}, an account of another homeserver.`,
      `Correct ${keyOf(homeserver, 'serverName')}, or its url (${url}) and accessToken.`,
    );
  }
  return botUser;
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
          `Both must lead to the same homeserver. Correct ${address.key}.`,
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
            `Set ${address.key} to where /_synapse/admin answers.`,
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
