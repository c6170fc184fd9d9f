import { createHttp, createSendRequest } from '../http.ts';
import type { Around, SendRequest } from '../http.ts';
import { devicesApi } from './devices.ts';
import { eventsApi } from './events.ts';
import { federationApi } from './federation.ts';
import { historyPurgesApi } from './history-purges.ts';
import { mediaApi } from './media.ts';
import { redactionsApi } from './redactions.ts';
import { registrationTokensApi } from './registration-tokens.ts';
import { reportsApi } from './reports.ts';
import { roomsApi } from './rooms.ts';
import { serverNoticesApi } from './server-notices.ts';
import { serverApi } from './server.ts';
import { statisticsApi } from './statistics.ts';
import { usersApi } from './users.ts';

interface AdminApiOptions {
  /** The homeserver's base URL. */
  readonly url: string;
  /** The token of a server admin. */
  readonly accessToken: string;
  /** How long one request may take in all; see `createHttp`. */
  readonly requestTimeoutMs?: number | undefined;
  /** Called before each request that changes something. Throws if this process may change nothing. */
  readonly assertMayChange?: (() => void) | undefined;
  /** Happens around each request. */
  readonly around?: Around | undefined;
}

/**
 * The Synapse admin API, as `/_synapse/admin` serves it. All its functions throw:
 *
 * - HomeserverError: a status other than 2xx, or an answer in an unexpected form
 * - UnreachableError: no answer; the error tells whether the request may have been carried out
 */
export function createAdminApi(options: AdminApiOptions): AdminApi {
  const { url, assertMayChange, around } = options;
  return adminApiOn(createSendRequest(createHttp(options), url, { assertMayChange, around }));
}

/** The same API over another way to send. */
export function adminApiOn(send: SendRequest) {
  return {
    users: usersApi(send),
    devices: devicesApi(send),
    media: mediaApi(send),
    rooms: roomsApi(send),
    events: eventsApi(send),
    historyPurges: historyPurgesApi(send),
    redactions: redactionsApi(send),
    registrationTokens: registrationTokensApi(send),
    reports: reportsApi(send),
    federation: federationApi(send),
    statistics: statisticsApi(send),
    server: serverApi(send),
    serverNotices: serverNoticesApi(send),
  };
}

export type AdminApi = ReturnType<typeof adminApiOn>;
