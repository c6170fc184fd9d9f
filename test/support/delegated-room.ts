import { startDelegatedHomeserver } from '../../dev/mas/delegated-homeserver.ts';
import type { DelegatedHomeserver } from '../../dev/mas/delegated-homeserver.ts';
import { registerAtMas } from '../../dev/mas/register.ts';
import type { SynapseConfig } from '../../dev/synapse/config.ts';
import type { MatrixUser } from '../../dev/synapse/matrix-user.ts';
import type { RegisterOptions } from '../../dev/synapse/matrix-user.ts';
import type { Timing } from '../../src/app/timing.ts';
import { createMasApi } from '../../src/homeserver/mas/mas-api.ts';
import type { MasApi } from '../../src/homeserver/mas/mas-api.ts';
import type { MasUser } from '../../src/homeserver/mas/users.ts';
import { uniqueLocalpart } from './homeserver.ts';
import { openRoom } from './room.ts';
import type { Settings, TestRoom } from './room.ts';

/** A homeserver that delegates accounts, and how tests get accounts there. */
export interface DelegatedServer extends DelegatedHomeserver {
  readonly api: MasApi;
  register(account: RegisterOptions): Promise<MatrixUser>;
  /** A new account, logged in as with an older client. */
  newUser(prefix?: string): Promise<MatrixUser>;
  /** MAS's record of an account. */
  atMas(user: { readonly account: { readonly localpart: string } }): Promise<MasUser>;
  openRoom(settings?: Settings, timing?: Timing): Promise<TestRoom>;
}

/** @param config top-level keys of Synapse's configuration */
export async function startDelegatedServer(config: SynapseConfig = {}): Promise<DelegatedServer> {
  const delegated = await startDelegatedHomeserver(undefined, config);
  const { homeserver, mas } = delegated;
  const api = createMasApi({ url: mas.url, credentials: mas.client });

  const register = async (account: RegisterOptions) => registerAtMas(delegated, account);

  return {
    ...delegated,
    api,
    register,
    newUser: async (prefix = 'user') => register({ localpart: uniqueLocalpart(prefix) }),
    async atMas({ account: { localpart } }) {
      const found = await api.users.findByLocalpart(localpart);
      if (found === undefined) {
        throw new Error(`MAS has no user ${localpart}`);
      }
      return found;
    },
    openRoom: async (settings = {}, timing = {}) =>
      openRoom(
        { mas: { url: mas.url, ...mas.client }, ...settings },
        { server: homeserver, register, timing },
      ),
  };
}
