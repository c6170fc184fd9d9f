import { setTimeout as wait } from 'node:timers/promises';

import type { z } from 'zod';

import { createBackoff } from '../core/async/backoff.ts';
import { TooLargeAnswerError, isNotFound, orUndefined } from '../core/errors.ts';
import { decodeAnswer } from './decode.ts';
import {
  SendError,
  answeredError,
  redirectTarget,
  sendErrorFrom,
  unreachable,
} from './http-errors.ts';
import type { AnsweredError } from './http-errors.ts';
import { delayBefore, maxRepeats, repeatDelays, wasNotDone } from './http-retries.ts';
import type { Attempted, Retry } from './http-retries.ts';
import { readAll, send } from './http-send.ts';

/** How long one request may take in all, by default. Synapse's long-running tasks are polled. */
const maxRequestMs = 30_000;
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

interface Body {
  readonly bytes: string | Buffer;
  readonly contentType: string;
}

interface HttpRequest {
  readonly method: Method;
  readonly body?: Body | undefined;
  readonly retry: Retry;
  /** How long one attempt may take in all, if that differs from the client's default. */
  readonly timeoutMs?: number | undefined;
  /** The rest of a larger answer is not read. */
  readonly maxBytes: number;
  /** Ends the request. */
  readonly stop?: AbortSignal | undefined;
}

interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Where a redirect leads. */
  readonly location?: string | undefined;
}

/**
 * Sends a request, and reads the answer, whatever its status.
 *
 * @throws SendError there was no answer, or it was too large
 */
export type Http = (url: string, request: HttpRequest) => Promise<HttpAnswer>;

/**
 * The bot's one HTTP client: token, time limits and retries. Redirects are not followed: the token is for
 * this server only, and Synapse sends none. Answers are not compressed: a small one can't unpack to something that
 * fills the memory.
 *
 * @param options.accessToken left out for requests that need no login
 * @param options.client an OAuth client that logs in with its secret instead of a token
 * @param options.requestTimeoutMs how long one attempt may take in all, 30 s by default
 * @param options.assertMayChange called before a change is sent again. Throws if this process may change nothing
 */
export function createHttp(options: {
  readonly accessToken?: string | undefined;
  readonly client?: { readonly id: string; readonly secret: string } | undefined;
  readonly requestTimeoutMs?: number | undefined;
  readonly assertMayChange?: (() => void) | undefined;
}): Http {
  const { accessToken, client, requestTimeoutMs = maxRequestMs, assertMayChange } = options;
  const headers = {
    'accept-encoding': 'identity',
    'user-agent': 'lawspeaker',
    ...(accessToken === undefined ? {} : { authorization: `Bearer ${accessToken}` }),
    ...(client === undefined ? {} : { authorization: basicAuthorization(client) }),
  };
  return async (url, request) => {
    const { method, retry, stop, timeoutMs = requestTimeoutMs } = request;
    const delays = createBackoff(repeatDelays);
    let unsure: Attempted<HttpAnswer> | undefined;
    for (let repeats = retry === 'never' ? 0 : maxRepeats; ; repeats -= 1) {
      const result = await attempt(url, request, { headers, timeoutMs });
      if ('answer' in result && result.answer.status < 300) {
        return result.answer;
      }
      if (method !== 'GET' && !wasNotDone(result)) {
        unsure ??= result;
      }
      const delayMs = repeats === 0 ? undefined : delayBefore(request, result, delays.next());
      if (delayMs === undefined) {
        // An earlier attempt may have done what a later one certainly did not.
        return answerIn(unsure ?? result);
      }
      await wait(delayMs, undefined, stop && { signal: stop });
      if (method !== 'GET') {
        assertMayChange?.();
      }
    }
  };
}

/** RFC 6749 encodes the two; MAS does not decode them. */
const basicAuthorization = ({ id, secret }: { readonly id: string; readonly secret: string }) =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

type Headers = Readonly<Record<string, string>>;

function answerIn(result: Attempted<HttpAnswer>): HttpAnswer {
  if ('error' in result) {
    throw result.error;
  }
  return result.answer;
}

/** Sends a request once. Whatever goes wrong is the result. */
async function attempt(
  url: string,
  request: HttpRequest,
  { headers, timeoutMs }: { readonly headers: Headers; readonly timeoutMs: number },
): Promise<Attempted<HttpAnswer>> {
  const { method, body, maxBytes, stop } = request;
  const ending = new AbortController();
  const end = () => ending.abort(new SendError('ERR_ABORTED'));
  const timer = setTimeout(() => {
    ending.abort(new SendError('ETIMEDOUT', { timeoutMs }));
  }, timeoutMs);
  stop?.addEventListener('abort', end);
  let isConnected = false;
  try {
    if (stop?.aborted === true) {
      end();
    }
    const received = await send(new URL(url), {
      method,
      headers: body === undefined ? headers : { ...headers, ...headersOf(body) },
      bytes: body?.bytes,
      signal: ending.signal,
      onConnected() {
        isConnected = true;
      },
    });
    const { location, 'retry-after': retryAfter } = received.headers;
    const bytes = await readAll(received, maxBytes);
    // Node takes the end of the connection for the end of an answer without a length.
    ending.signal.throwIfAborted();
    return { answer: { status: received.statusCode ?? 0, body: bytes, location }, retryAfter };
  } catch (error) {
    const reason: unknown = ending.signal.aborted ? ending.signal.reason : error;
    return { error: sendErrorFrom(reason, { neverLeft: !isConnected }) };
  } finally {
    clearTimeout(timer);
    stop?.removeEventListener('abort', end);
  }
}

/** Node gives the length of some bodies, and not that of a DELETE's. */
const headersOf = ({ bytes, contentType }: Body): Headers => ({
  'content-length': String(Buffer.byteLength(bytes)),
  'content-type': contentType,
});

/** The largest answer, in bytes. No page of a Synapse list is that large. */
const maxAnswerBytes = 32 * 1024 * 1024;

type Query = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface PathAndQuery {
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
 * What happens around each request to a server.
 *
 * @param request method and path template
 * @param send makes the request, and reads its answer
 */
export type Around = <Answer>(request: string, send: () => Promise<Answer>) => Promise<Answer>;

/** Bounds for all requests of one client. */
export interface RequestBounds {
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

export const justSend: Around = async (_, send) => send();

interface SendOptions extends RequestBounds {
  /** Reads answers with an error status; by default, only a Matrix error comes from the server itself. */
  readonly answered?: AnsweredError | undefined;
}

/** Requests to the API at `baseUrl`. */
export function createSendRequest(
  http: Http,
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
      status,
      body: bytes,
      location,
    } = await sent(request, maxAnswerBytes, async () =>
      http(url, {
        method,
        body:
          body === undefined
            ? file
            : { bytes: JSON.stringify(body), contentType: 'application/json' },
        retry,
        timeoutMs: shorter(timeoutMs, bounds.maxTimeoutMs),
        maxBytes: maxAnswerBytes,
        stop: bounds.stop,
      }),
    );
    if (status >= 300) {
      throw answered(status, bytes, request, redirectTarget(location, url));
    }
    return decodeAnswer(answer, {
      // "No content": MAS answers some changes with it, and it has no body.
      text: status === 204 ? 'null' : bytes.toString(),
      status,
      request,
      maxDepth: bounds.maxDepth,
    });
  };
  return async (method, template, options) =>
    around(`${method} ${template}`, async () => sendOne(method, template, options));
}

export async function sent(
  request: string,
  maxBytes: number,
  send: () => Promise<HttpAnswer>,
): Promise<HttpAnswer> {
  try {
    return await send();
  } catch (error) {
    throw error instanceof SendError && error.code === 'ERR_TOO_LARGE'
      ? new TooLargeAnswerError(request, maxBytes)
      : unreachable(error, request);
  }
}

/** The shorter of two time limits, if there is one. */
function shorter(one: number | undefined, other: number | undefined): number | undefined {
  const shortest = Math.min(one ?? Number.POSITIVE_INFINITY, other ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(shortest) ? shortest : undefined;
}

export function urlOf(
  baseUrl: string,
  template: string,
  { path = {}, query = {} }: PathAndQuery,
): string {
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
