import got, { HTTPError } from 'got';
import type { Got, RequestError, RequestPromise } from 'got';
import type { z } from 'zod';

import { HomeserverError, TooLargeAnswerError, isNotFound, orUndefined } from '../core/errors.ts';
import { present } from '../core/present.ts';
import { decodeAnswer } from './decode.ts';
import {
  answeredError,
  matrixErrorIn,
  maxRequestMs,
  neverLeft,
  redirectTarget,
  transient,
  translateHttpError,
} from './http-errors.ts';
import type { AnsweredError } from './http-errors.ts';

const connectTimeoutMs = 5_000;
/** If a server asks us to wait longer than this, the caller gets its 429. */
const maxRetryAfterMs = 60_000;

/**
 * Whether the client itself sends a failed request again, up to twice:
 *
 * - `safe`: a GET; anything else only if it was rate-limited or certainly did not arrive
 * - `idempotent`: always, since doing it twice is the same as doing it once
 * - `never`: the caller has its own way to try again
 */
export type Retry = 'safe' | 'idempotent' | 'never';

/** Got's options for a request with this retry rule. */
function retryOptions(retry: Retry) {
  return { context: { retry }, ...(retry === 'never' ? { retry: { limit: 0 } } : {}) };
}

function mayRepeat(error: RequestError): boolean {
  return (
    error.options.method === 'GET' ||
    error.options.context['retry'] === 'idempotent' ||
    (error instanceof HTTPError && error.response.statusCode === 429) ||
    neverLeft(error)
  );
}

/**
 * The bot's one HTTP client: token, timeouts and retries. Redirects are not followed: the token is for
 * this server only, and Synapse sends none.
 *
 * @param options.accessToken left out for requests that need no login
 * @param options.requestTimeoutMs how long one request may take in all, 30 s by default
 * @param options.assertMayChange called before a request is sent again. Throws if this process may change nothing
 */
export function createHttp(options: {
  readonly accessToken?: string | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly assertMayChange?: (() => void) | undefined;
}): Got {
  const { accessToken, requestTimeoutMs = maxRequestMs, assertMayChange } = options;
  return got.extend({
    headers: {
      ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
      'user-agent': 'lawspeaker',
    },
    // A server that speaks plain HTTP, such as Synapse, doesn't answer a TLS handshake, but waits for more.
    timeout: {
      request: requestTimeoutMs,
      connect: connectTimeoutMs,
      secureConnect: connectTimeoutMs,
    },
    followRedirect: false,
    ...(assertMayChange === undefined ? {} : { hooks: { beforeRetry: [() => assertMayChange()] } }),
    retry: {
      limit: 2,
      methods: ['GET', 'POST', 'PUT', 'DELETE'],
      statusCodes: [429, 502, 503, 504],
      errorCodes: transient,
      maxRetryAfter: maxRetryAfterMs,
      calculateDelay({ error, computedValue, retryAfter }) {
        if (computedValue === 0 || !mayRepeat(error)) {
          return 0;
        }
        const askedMs =
          retryAfter === undefined && error instanceof HTTPError
            ? (matrixErrorIn(error.response.body)?.retryAfterMs ?? 0)
            : 0;
        return askedMs > maxRetryAfterMs ? 0 : Math.max(computedValue, askedMs);
      },
    },
  });
}

/**
 * Reads one answer and stops as soon as it is larger than `maxBytes`, counted after decompression:
 * a small answer must not unpack to something that fills the memory.
 *
 * @param request method and path template, for the error
 * @param stop ends the request for other reasons
 * @param send makes the request, under the signal it is given
 * @throws TooLargeAnswerError the answer is larger; and what `send` throws
 */
async function boundedAnswer<Answer>(
  request: string,
  maxBytes: number,
  stop: AbortSignal | undefined,
  send: (signal: AbortSignal) => RequestPromise<Answer>,
): Promise<Answer> {
  const tooLarge = new AbortController();
  const sent = send(
    stop === undefined ? tooLarge.signal : AbortSignal.any([stop, tooLarge.signal]),
  );
  // Every attempt starts again at 0.
  void sent.on('downloadProgress', ({ transferred }) => {
    if (transferred > maxBytes) {
      tooLarge.abort();
    }
  });
  try {
    return await sent;
  } catch (error) {
    throw tooLarge.signal.aborted ? new TooLargeAnswerError(request, maxBytes) : error;
  }
}

/**
 * How long to wait before the next attempt, in milliseconds: `delayMs`, or longer if the server asks for
 * it. It can ask for a minute at most.
 */
export function retryDelay(error: unknown, delayMs: number): number {
  const askedMs = error instanceof HomeserverError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(delayMs, Math.min(askedMs, maxRetryAfterMs));
}

/** The largest answer, in bytes after decompression. No page of a Synapse list is that large. */
const maxAnswerBytes = 32 * 1024 * 1024;

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

interface PathAndQuery {
  /** Values of the template's `{names}`; each becomes one encoded segment. */
  readonly path?: Readonly<Record<string, string>>;
  readonly query?: Query;
}

export interface RequestOptions<Schema extends z.ZodType> extends PathAndQuery {
  /** What the answer must look like; unknown fields are dropped. */
  readonly answer: Schema;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead of `body`. */
  readonly file?: { readonly bytes: Buffer; readonly contentType: string };
  /** How long this request may take in all, if that differs from the client's default. */
  readonly timeoutMs?: number;
  /** `safe` by default. */
  readonly retry?: Retry;
}

/**
 * Calls an endpoint given as method and path template, and decodes its answer.
 *
 * @throws HomeserverError a Matrix error, or an answer that is not what it should be, or too large
 * @throws ForeignAnswerError something other than the homeserver answered
 * @throws UnreachableError no answer
 */
export type SendRequest = <Schema extends z.ZodType>(
  method: Method,
  template: string,
  options: RequestOptions<Schema>,
) => Promise<z.output<Schema>>;

/**
 * Reads the answer to a GET, as bytes.
 *
 * @throws TooLargeAnswerError there are more than `maxBytes`; the rest is not read
 * @throws as `SendRequest`
 */
export type Download = (
  template: string,
  options: PathAndQuery & { readonly maxBytes: number },
) => Promise<Buffer>;

/**
 * What happens around each request to a server.
 *
 * @param request method and path template
 * @param send makes the request, and reads its answer
 */
export type Around = <Answer>(request: string, send: () => Promise<Answer>) => Promise<Answer>;

/** Bounds for all requests of one client. */
interface RequestBounds {
  /** Ends all requests. */
  readonly stop?: AbortSignal | undefined;
  /** No request takes longer, whatever its own timeout. */
  readonly maxTimeoutMs?: number | undefined;
  /** Called before each request that changes something. Throws if this process may change nothing. */
  readonly assertMayChange?: (() => void) | undefined;
  /** Answers that nest deeper are refused: see `decodeAnswer`. */
  readonly maxDepth?: number | undefined;
  /** May refuse a request, and sees how it ends. */
  readonly around?: Around | undefined;
}

const justSend: Around = async (_, send) => send();

interface SendOptions extends RequestBounds {
  /** Reads answers with an error status; by default, only a Matrix error comes from the server itself. */
  readonly answered?: AnsweredError | undefined;
}

/** Requests to the API at `baseUrl`. */
export function createSendRequest(
  http: Got,
  baseUrl: string,
  { answered = answeredError, around = justSend, ...bounds }: SendOptions = {},
): SendRequest {
  const sendOne: SendRequest = async (method, template, options) => {
    const request = `${method} ${template}`;
    if (method !== 'GET') {
      bounds.assertMayChange?.();
    }
    const { answer, body, file, timeoutMs, retry = 'safe' } = options;
    const url = urlOf(baseUrl, template, options);
    const {
      statusCode: status,
      body: text,
      headers,
    } = await sent(
      request,
      async () =>
        boundedAnswer(request, maxAnswerBytes, bounds.stop, (signal) =>
          http(url, {
            method,
            responseType: 'text',
            signal,
            ...retryOptions(retry),
            ...timeoutOptions(timeoutMs, bounds),
            ...present({ json: body }),
            ...(file === undefined
              ? {}
              : { body: file.bytes, headers: { 'content-type': file.contentType } }),
          }),
        ),
      answered,
    );
    if (status >= 300) {
      throw answered(status, text, request, redirectTarget(headers.location, url));
    }
    return decodeAnswer(answer, {
      // "No content": MAS answers some changes with it, and it has no body.
      text: status === 204 ? 'null' : text,
      status,
      request,
      maxDepth: bounds.maxDepth,
    });
  };
  return async (method, template, options) =>
    around(`${method} ${template}`, async () => sendOne(method, template, options));
}

/** Downloads from the API at `baseUrl`. */
export function createDownload(
  http: Got,
  baseUrl: string,
  { around = justSend, ...bounds }: RequestBounds = {},
): Download {
  const downloadOne: Download = async (template, { maxBytes, ...options }) => {
    const request = `GET ${template}`;
    const url = urlOf(baseUrl, template, options);
    const { statusCode: status, body } = await sent(request, async () =>
      boundedAnswer(request, maxBytes, bounds.stop, (signal) =>
        http(url, {
          responseType: 'buffer',
          decompress: false,
          signal,
          ...timeoutOptions(undefined, bounds),
        }),
      ),
    );
    if (status >= 300) {
      throw answeredError(status, body, request);
    }
    return Buffer.from(body);
  };
  return async (template, options) =>
    around(`GET ${template}`, async () => downloadOne(template, options));
}

async function sent<Answer>(
  request: string,
  send: () => Promise<Answer>,
  answered?: AnsweredError,
): Promise<Answer> {
  try {
    return await send();
  } catch (error) {
    throw translateHttpError(error, request, answered);
  }
}

/** Got's `timeout` option: the request's own limit or the client's, whichever is shorter, if any. */
function timeoutOptions(timeoutMs: number | undefined, { maxTimeoutMs }: RequestBounds) {
  if (timeoutMs === undefined && maxTimeoutMs === undefined) {
    return {};
  }
  const request = Math.min(
    timeoutMs ?? Number.POSITIVE_INFINITY,
    maxTimeoutMs ?? Number.POSITIVE_INFINITY,
  );
  return { timeout: { request } };
}

function urlOf(baseUrl: string, template: string, { path = {}, query = {} }: PathAndQuery): string {
  return `${baseUrl.replace(/\/+$/, '')}${fillTemplate(template, path)}${queryString(query)}`;
}

/** Encodes every value as one segment: an ID with `?`, `#` or `/` must not reach another path. */
export function fillTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined || value === '') {
      throw new TypeError(`no value for {${name}} in ${template}`);
    }
    // `.` and `..` survive percent-encoding, and URL parsers then walk up the path.
    if (/^\.{1,2}$/.test(value)) {
      throw new TypeError(`{${name}} may not be ${value}`);
    }
    // JSON can hold half a surrogate pair, but it can't be encoded.
    if (!value.isWellFormed()) {
      throw new TypeError(`{${name}} is not Unicode`);
    }
    return encodeURIComponent(value);
  });
}

function queryString(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const item of Array.isArray(value) ? (value as readonly string[]) : [value]) {
      if (item !== undefined) {
        parameters.append(name, String(item));
      }
    }
  }
  return parameters.size === 0 ? '' : `?${parameters.toString()}`;
}

/** The result of `call`; undefined if the server says that it has no such thing. */
export async function ifFound<Value>(call: () => Promise<Value>): Promise<Value | undefined> {
  return orUndefined(call(), isNotFound);
}
