import { createDownload } from '../download.ts';
import type { Download } from '../download.ts';
import { createHttp, createSendRequest } from '../http.ts';
import type { Around, SendRequest } from '../http.ts';
import { accountApi } from './account.ts';
import { deviceKeysApi } from './device-keys.ts';
import { eventsApi } from './events.ts';
import { mediaApi } from './media.ts';
import { roomsApi } from './rooms.ts';
import { syncApi } from './sync.ts';

interface ClientApiOptions {
  /** The homeserver's base URL. */
  readonly url: string;
  /** The bot's. */
  readonly accessToken: string;
  /** Ends all requests. */
  readonly stop: AbortSignal;
  /** No request takes longer, whatever its own timeout. */
  readonly maxTimeoutMs?: number | undefined;
  /** Called before each request that changes something. Throws if this process may change nothing. */
  readonly assertMayChange?: (() => void) | undefined;
  /** Happens around each request. */
  readonly around?: Around | undefined;
}

/**
 * The part of the client-server API that the bot uses, with the bot's own account. All its functions
 * throw:
 *
 * - HomeserverError: a status other than 2xx, or an answer in an unexpected form
 * - UnreachableError: no answer; the error tells whether the request may have been carried out
 */
export function createClientApi(options: ClientApiOptions): ClientApi {
  const { url, accessToken, stop, maxTimeoutMs, assertMayChange, around } = options;
  const http = createHttp({ accessToken, assertMayChange });
  // Anybody in a room can send events that nest deep. They must not keep the bot from reading the room.
  const bounds = {
    stop,
    maxTimeoutMs,
    assertMayChange,
    maxDepth: Number.POSITIVE_INFINITY,
    around,
  };
  return clientApiOn({
    send: createSendRequest(http, url, bounds),
    download: createDownload(http, url, bounds),
  });
}

/** The same API over another way to send. */
export function clientApiOn({ send, download }: { send: SendRequest; download: Download }) {
  return {
    /** Any request, for the Matrix SDK, which makes its own. */
    send,
    account: accountApi(send),
    rooms: roomsApi(send),
    events: eventsApi(send),
    media: mediaApi(send, download),
    deviceKeys: deviceKeysApi(send),
    sync: syncApi(send),
  };
}

export type ClientApi = ReturnType<typeof clientApiOn>;
