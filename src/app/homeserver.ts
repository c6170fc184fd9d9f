import type { Config } from '../config/schema.ts';
import { durationMs } from '../core/duration.ts';
import type { UserId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import { createAdminApi } from '../homeserver/admin/admin-api.ts';
import type { AdminApi } from '../homeserver/admin/admin-api.ts';
import { createClientApi } from '../homeserver/client/client-api.ts';
import type { ClientApi } from '../homeserver/client/client-api.ts';
import type { Around } from '../homeserver/http.ts';
import { namedServer } from '../homeserver/named-server.ts';
import type { DelegationService } from '../services/delegation/delegation.ts';
import type { Lease } from '../store/files/lock.ts';
import type { HomeserverSetup } from './setup/homeserver.ts';
import type { Timing } from './timing.ts';
import { watchMas } from './watch-mas.ts';
import type { MasWatch, WatchMasOptions } from './watch-mas.ts';

/** A homeserver that the bot works on, with all that belongs to this one. */
export interface Homeserver {
  readonly serverName: string;
  /** The bot's account there. */
  readonly botUser: UserId;
  /** The version of Synapse. */
  readonly version: string;
  readonly client: ClientApi;
  /** Its admin API, which may be Synapse's and MAS's together. */
  readonly api: AdminApi;
  /** How long it may work on a request, at most. */
  readonly requestTimeoutMs: number;
  /** Undefined if it keeps its accounts itself; the same for `masWatch`. */
  readonly delegation: DelegationService | undefined;
  readonly masWatch: MasWatch | undefined;
}

/**
 * The client-server API of a homeserver.
 *
 * @param around happens around each request
 */
export function createClient(
  { homeserver }: Pick<Config, 'homeserver'>,
  stop: AbortSignal,
  { requestTimeoutMs }: Pick<Timing, 'requestTimeoutMs'> = {},
  lease?: Lease,
  around = usuallyAround(homeserver),
): ClientApi {
  const { url, accessToken } = homeserver;
  return createClientApi({
    url,
    accessToken,
    stop,
    maxTimeoutMs: requestTimeoutMs,
    assertMayChange: lease?.assertHeld,
    around,
  });
}

/** If there are several homeservers, errors say which. */
function usuallyAround({ serverName }: Config['homeserver']): Around | undefined {
  return serverName === undefined ? undefined : namedServer(serverName);
}

/**
 * Builds what belongs to one homeserver.
 *
 * @param config where it is, and the bot's token there
 * @param setup what it told about this configuration
 */
export async function createHomeserver(
  config: Pick<Config, 'homeserver'>,
  setup: HomeserverSetup,
  options: {
    readonly client: ClientApi;
    readonly log: Log;
    readonly timing: Pick<Timing, 'masArrival' | 'masProbeMs' | 'requestTimeoutMs'>;
    readonly lease: Lease | undefined;
    /** Happens around each request to the admin API. */
    readonly around?: Around;
    /** Tells the admins of the room, once the bot has started. */
    readonly alarm: WatchMasOptions['alarm'];
  },
): Promise<Homeserver> {
  const { url, adminUrl = url, accessToken, requestTimeout } = config.homeserver;
  const { client, log, timing, lease, alarm, around = usuallyAround(config.homeserver) } = options;
  const { requestTimeoutMs = durationMs(requestTimeout) } = timing;
  const { botUser, serverName, serverVersion: version, delegatedTo } = setup;
  const synapse = createAdminApi({
    url: adminUrl,
    accessToken,
    requestTimeoutMs,
    assertMayChange: lease?.assertHeld,
    around,
  });
  const known = { botUser, serverName, version, client, requestTimeoutMs };
  if (delegatedTo === undefined) {
    return { ...known, api: synapse, delegation: undefined, masWatch: undefined };
  }
  // Loaded only if it is used.
  const { createDelegatedApi } = await import('../services/delegation/delegation.ts');
  const { mas, version: masVersion } = delegatedTo;
  const arrivalTimes = timing.masArrival;
  return {
    ...known,
    ...createDelegatedApi({ synapse, mas, masVersion, serverName, arrivalTimes }),
    masWatch: watchMas({
      mas,
      log,
      intervalMs: timing.masProbeMs,
      alarm,
      serverName: config.homeserver.serverName,
    }),
  };
}
