import type { PollTimes } from '../../core/async/poll.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { ifFound } from '../../homeserver/http.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import { delegatedDevicesApi } from './delegated-devices.ts';
import { delegatedTokensApi } from './delegated-tokens.ts';
import { delegatedUsersApi } from './delegated-users.ts';
import { createLogins } from './logins.ts';
import { createMasAccounts } from './mas-accounts.ts';
import type { Session } from './sessions.ts';
import { usualArrivalTimes } from './until-shown.ts';

/** What only a homeserver that delegates accounts has. */
export interface DelegationService {
  /** Version of MAS, such as `v1.22.0`. */
  readonly version: string;
  hasPasswordLogin(): Promise<boolean | undefined>;
  /** The sessions of an account, of all kinds. */
  sessionsOf(user: UserId): Promise<Session[]>;
  /** Ends all sessions of an account, of all kinds. Returns their number. */
  endAllSessions(user: UserId): Promise<number>;
}

/**
 * The admin API of a homeserver that delegates accounts to the Matrix Authentication Service (MAS): each call
 * goes to Synapse, to MAS, or to both. Services and commands use it as they use Synapse's own.
 */
export function createDelegatedApi(options: {
  readonly synapse: AdminApi;
  readonly mas: MasApi;
  readonly masVersion: string;
  readonly serverName: string;
  /** How often to look whether Synapse shows what MAS has done, and for how long. */
  readonly arrivalTimes?: PollTimes | undefined;
}): { readonly api: AdminApi; readonly delegation: DelegationService } {
  const { synapse, mas, masVersion, serverName, arrivalTimes = usualArrivalTimes } = options;
  const accounts = createMasAccounts(mas, serverName);
  const logins = createLogins(mas, serverName);
  const devices = delegatedDevicesApi({ synapse: synapse.devices, mas, accounts, arrivalTimes });
  const users = delegatedUsersApi({
    synapse: synapse.users,
    mas,
    accounts,
    logins,
    devices,
    arrivalTimes,
  });
  return {
    api: {
      ...synapse,
      users,
      devices,
      media: {
        ...synapse.media,
        // Synapse may not know an account that MAS knows.
        list: async (user, query) =>
          (await ifFound(async () => synapse.media.list(user, query))) ?? {
            media: [],
            total: 0,
            nextToken: null,
          },
      },
      registrationTokens: delegatedTokensApi(mas),
    },
    delegation: {
      version: masVersion,
      hasPasswordLogin: async () =>
        (await mas.server.siteConfig()).passwordLoginEnabled ?? undefined,
      sessionsOf: devices.sessionsOf,
      endAllSessions: devices.endAll,
    },
  };
}
