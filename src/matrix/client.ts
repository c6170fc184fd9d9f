import {
  ForeignAnswerError,
  HomeserverError,
  LawspeakerError,
  UnreachableError,
} from '../core/errors.ts';
import type { EventId, RoomAlias, RoomId, UserId } from '../core/ids.ts';
import { mxcParts, parseEventId, parseMxcUri, parseRoomId, parseUserId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { PackedFile, RoomCrypto } from './crypto/room-crypto.ts';
import { LogLevel, LogService, MatrixClient, MatrixError, setRequestFn } from './crypto/sdk.ts';

/** The HTTP that `app.ts` hands in; see `createRawCall`. */
export type HttpCall = (request: {
  method: string;
  url: string;
  query: Record<string, unknown>;
  headers: Record<string, string>;
  body: string | Buffer | undefined;
  timeoutMs: number;
  binary: boolean;
}) => Promise<{ statusCode: number; headers: object; body: string | Buffer }>;

interface SdkRequest {
  readonly uri: string;
  readonly method: string;
  readonly qs: Record<string, unknown> | null;
  readonly headers: Record<string, string>;
  readonly body?: string | Buffer;
  readonly timeout: number;
  readonly encoding: null | undefined;
}

type SdkCallback = (error: unknown, response?: object, body?: string | Buffer) => void;

/** Routes the SDK's HTTP and log through ours. Both are global to the SDK. */
export function configureSdk(call: HttpCall, log: Log): void {
  setRequestFn((request: SdkRequest, callback: SdkCallback) => {
    call({
      method: request.method,
      url: request.uri,
      query: request.qs ?? {},
      headers: request.headers,
      body: request.body,
      timeoutMs: request.timeout,
      binary: request.encoding === null,
    }).then(
      (response) => callback(null, response, response.body),
      (error: unknown) => callback(error),
    );
  });
  const quiet = () => undefined;
  LogService.setLevel(LogLevel.WARN);
  LogService.setLogger({
    trace: quiet,
    debug: quiet,
    info: quiet,
    warn: (module) => log.warn({ module }, 'a warning of the Matrix SDK'),
    // Every failed request comes here, and to its caller, who knows what it means.
    error: quiet,
  });
}

/**
 * One call of the client-server API, for all of this folder. `path` is encoded already. A body of
 * bytes goes as it is, under `contentType`.
 */
export type MatrixCall = (
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  options?: {
    query?: Record<string, string | number>;
    body?: unknown;
    contentType?: string;
    timeoutMs?: number;
    /** Give the answer as bytes. */
    binary?: boolean;
  },
) => Promise<unknown>;

/** A server that asks to wait longer than this is asked again all the same. */
const maxRetryAfterMs = 60_000;

/** How long to wait before the next try: `delayMs`, or what the server asks for. */
export function waitAfter(error: Error, delayMs: number): number {
  const asked = error instanceof HomeserverError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(delayMs, Math.min(asked, maxRetryAfterMs));
}

/** The SDK throws its own error, or the bare response: both become ours. */
export function translateSdkError(error: unknown, request: string): Error {
  if (error instanceof LawspeakerError) {
    return error;
  }
  if (error instanceof MatrixError && typeof error.errcode === 'string') {
    const { retryAfterMs } = error as { retryAfterMs?: unknown };
    return new HomeserverError(
      error.statusCode,
      error.errcode,
      request,
      undefined,
      typeof retryAfterMs === 'number' ? retryAfterMs : undefined,
    );
  }
  if (typeof error === 'object' && error !== null && 'statusCode' in error) {
    const status = Number(error.statusCode);
    const errcode = 'body' in error ? errcodeInBytes(error.body) : undefined;
    return errcode === undefined
      ? new ForeignAnswerError(status, request)
      : new HomeserverError(status, errcode, request);
  }
  return new UnreachableError(request, 'gave no usable answer', true);
}

/** Of a request for a file, whose answer the SDK leaves alone, also if it is an error. */
function errcodeInBytes(body: unknown): string | undefined {
  if (!Buffer.isBuffer(body)) {
    return undefined;
  }
  try {
    const { errcode } = JSON.parse(body.toString()) as { errcode?: unknown };
    return typeof errcode === 'string' ? errcode : undefined;
  } catch {
    return undefined;
  }
}

export function createMatrixClient(options: {
  url: string;
  accessToken: string;
}): MatrixClientType {
  return new MatrixClient(options.url, options.accessToken);
}

export type MatrixClientType = InstanceType<typeof MatrixClient>;

export function createMatrixCall(client: MatrixClientType): MatrixCall {
  return async (method, path, options = {}) => {
    const { query, body, contentType, timeoutMs = 30_000, binary = false } = options;
    const request = `${method} ${path.replaceAll(/%[^/]*/gu, '…')}`;
    try {
      const answer: unknown = await client.doRequest(
        method,
        path,
        query ?? null,
        body ?? null,
        timeoutMs,
        false,
        contentType,
        binary,
      );
      if (typeof answer === 'string') {
        // What is not JSON, the SDK gives as it is.
        throw new ForeignAnswerError(200, request);
      }
      return answer;
    } catch (error) {
      throw translateSdkError(error, request);
    }
  };
}

export const roomPath = (room: RoomId): string =>
  `/_matrix/client/v3/rooms/${encodeURIComponent(room)}`;

/** GET /_matrix/client/v3/account/whoami */
export async function whoami(call: MatrixCall): Promise<UserId> {
  const answer = (await call('GET', '/_matrix/client/v3/account/whoami')) as { user_id?: unknown };
  const user = parseUserId(String(answer.user_id));
  if (user === undefined) {
    throw new HomeserverError(200, 'LAWSPEAKER_BAD_ANSWER', 'GET /account/whoami');
  }
  return user;
}

/** GET /_matrix/client/v3/directory/room/{alias} */
export async function resolveAlias(call: MatrixCall, alias: RoomAlias): Promise<RoomId> {
  const path = `/_matrix/client/v3/directory/room/${encodeURIComponent(alias)}`;
  const answer = (await call('GET', path)) as { room_id?: unknown };
  const room = parseRoomId(String(answer.room_id));
  if (room === undefined) {
    throw new HomeserverError(200, 'LAWSPEAKER_BAD_ANSWER', 'GET /directory/room/{alias}');
  }
  return room;
}

/** POST /_matrix/client/v3/join/{room}; nothing changes for who is a member. */
export async function joinRoom(call: MatrixCall, room: RoomId): Promise<void> {
  await call('POST', `/_matrix/client/v3/join/${encodeURIComponent(room)}`, { body: {} });
}

/** GET /_matrix/client/v3/rooms/{room}/state */
export async function roomState(call: MatrixCall, room: RoomId): Promise<unknown[]> {
  const answer = await call('GET', `${roomPath(room)}/state`);
  return Array.isArray(answer) ? answer : [];
}

/**
 * The content of a state event without key; undefined where there is none.
 * GET /_matrix/client/v3/rooms/{room}/state/{type}
 */
export async function stateContent(
  call: MatrixCall,
  room: RoomId,
  type: string,
): Promise<Record<string, unknown> | undefined> {
  try {
    const answer = await call('GET', `${roomPath(room)}/state/${encodeURIComponent(type)}/`);
    return answer as Record<string, unknown>;
  } catch (error) {
    if (error instanceof HomeserverError && error.isNotFound) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Sends an event, encrypted where the room is; a repeated transaction ID gives the event that was sent
 * first, also where it was encrypted anew.
 * PUT /_matrix/client/v3/rooms/{room}/send/{type}/{txn}
 */
export async function sendEvent(
  { call, crypto }: { call: MatrixCall; crypto: RoomCrypto },
  room: RoomId,
  message: { type: string; content: Record<string, unknown> },
  transactionId: string,
): Promise<EventId> {
  const { type, content } = await crypto.encrypt(room, message.type, message.content);
  const path = `${roomPath(room)}/send/${encodeURIComponent(type)}/${encodeURIComponent(transactionId)}`;
  return eventIdIn(await call('PUT', path, { body: content }));
}

/** PUT /_matrix/client/v3/rooms/{room}/redact/{event}/{txn} */
export async function redactEvent(
  call: MatrixCall,
  room: RoomId,
  event: EventId,
  transactionId: string,
  reason?: string,
): Promise<EventId> {
  const path = `${roomPath(room)}/redact/${encodeURIComponent(event)}/${encodeURIComponent(transactionId)}`;
  return eventIdIn(await call('PUT', path, { body: reason === undefined ? {} : { reason } }));
}

function eventIdIn(answer: unknown): EventId {
  const event = parseEventId(String((answer as { event_id?: unknown } | null)?.event_id));
  if (event === undefined) {
    throw new HomeserverError(200, 'LAWSPEAKER_BAD_ANSWER', 'PUT /rooms/{room}/send');
  }
  return event;
}

/** POST /_matrix/media/v3/upload */
export async function uploadFile(
  call: MatrixCall,
  { name, contentType, bytes }: Pick<PackedFile, 'name' | 'contentType' | 'bytes'>,
): Promise<string> {
  const answer = await call('POST', '/_matrix/media/v3/upload', {
    ...(name === undefined ? {} : { query: { filename: name } }),
    body: bytes,
    contentType,
    timeoutMs: 120_000,
  });
  return String((answer as { content_uri?: unknown }).content_uri);
}

/** GET /_matrix/client/v1/media/download/{server}/{media} */
export async function downloadMedia(call: MatrixCall, uri: string): Promise<Buffer> {
  const path = '/_matrix/client/v1/media/download';
  const known = parseMxcUri(uri);
  if (known === undefined) {
    throw new HomeserverError(404, 'M_NOT_FOUND', `GET ${path}/{server}/{media}`);
  }
  const { serverName, mediaId } = mxcParts(known);
  const bytes = await call(
    'GET',
    `${path}/${encodeURIComponent(serverName)}/${encodeURIComponent(mediaId)}`,
    { binary: true },
  );
  return Buffer.isBuffer(bytes) ? bytes : Buffer.alloc(0);
}
