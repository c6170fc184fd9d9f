import { openGate } from '../../dev/room/gate.ts';
import type { Gate } from '../../dev/room/gate.ts';
import { startOwnHomeserver } from '../../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { RegisterOptions } from '../../dev/synapse/matrix-user.ts';
import type { WrittenConfig } from '../../src/config/schema.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../src/homeserver/admin/admin-api.ts';
import type { MasApi } from '../../src/homeserver/mas/mas-api.ts';
import { startDelegatedServer } from './delegated-room.ts';
import type { DelegatedServer } from './delegated-room.ts';
import { uniqueLocalpart } from './homeserver.ts';

/** The server name of the second homeserver. */
export const secondName = 'two.example';

type Entry = NonNullable<WrittenConfig['homeservers']>[number];

/** A Synapse beside the one with the management room. */
export interface SecondHomeserver {
  readonly url: string;
  /** The bot's account there. */
  readonly bot: MatrixUser;
  /** Its own admin API, which the gate does not close. */
  readonly api: AdminApi;
  /** The bot reaches it through this gate. */
  readonly gate: Gate;
  /** For the bot's configuration; it is called `two`. */
  readonly entry: Entry;
  newUser(prefix: string, isAdmin?: boolean): Promise<MatrixUser>;
  stop(): Promise<void>;
}

/** Starts a second Synapse, which keeps its accounts itself. */
export async function startSecondHomeserver(): Promise<SecondHomeserver> {
  const homeserver = await startOwnHomeserver({ server_name: secondName });
  return openTo(homeserver, async (account) => MatrixUser.register(homeserver, account));
}

/** One that delegates its accounts, and what MAS knows. */
export type SecondDelegated = SecondHomeserver &
  Pick<DelegatedServer, 'atMas'> & {
    readonly tokens: MasApi['registrationTokens'];
  };

/** Starts a second Synapse, which delegates its accounts. */
export async function startSecondDelegated(): Promise<SecondDelegated> {
  const server = await startDelegatedServer({ server_name: secondName });
  const { mas } = server;
  const opened = await openTo(server.homeserver, server.register, {
    mas: { url: mas.url, ...mas.client },
  });
  return {
    ...opened,
    atMas: server.atMas,
    tokens: server.api.registrationTokens,
    async stop() {
      await opened.gate[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}

async function openTo(
  { url, stop }: OwnHomeserver,
  register: (account: RegisterOptions) => Promise<MatrixUser>,
  settings: Pick<Entry, 'mas'> = {},
): Promise<SecondHomeserver> {
  const newUser = async (prefix: string, admin = false) =>
    register({ localpart: uniqueLocalpart(prefix), admin });
  const bot = await newUser('bot', true);
  const { accessToken } = bot.account;
  const gate = await openGate(url);
  return {
    url,
    bot,
    api: createAdminApi({ url, accessToken }),
    gate,
    entry: { serverName: secondName, name: 'two', url: gate.url, accessToken, ...settings },
    newUser,
    async stop() {
      await gate[Symbol.asyncDispose]();
      await stop();
    },
  };
}
