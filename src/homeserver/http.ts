import got, { HTTPError, RequestError, TimeoutError } from 'got';
import type { Got } from 'got';

import {
  ForeignAnswerError,
  HomeserverError,
  LawspeakerError,
  TooLargeError,
  UnreachableError,
} from '../core/errors.ts';
import { boundedAnswer, maxAnswerBytes } from './bounded-answer.ts';

/** How long one request may take in all. Long jobs are polled, so nothing legitimate takes longer. */
const maxRequestMs = 30_000;
/** A server that asks us to wait longer than this gets its 429 passed on to the moderator. */
const maxRetryAfterMs = 60_000;

/** Errors that come before the request has left: it can't have been carried out. */
const beforeSending = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_INVALID_URL',
]);

/** Errors that end a GET's attempt but not the GET: got's own list lacks the answers cut short. */
const transient = [
  ...beforeSending,
  'ETIMEDOUT',
  'ECONNRESET',
  'EPIPE',
  'EADDRINUSE',
  'ERR_READING_RESPONSE_STREAM',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
];

function neverLeft(error: RequestError): boolean {
  if (error instanceof TimeoutError) {
    return ['lookup', 'connect', 'secureConnect'].includes(error.event);
  }
  return beforeSending.has(error.code);
}

/**
 * The one HTTP client of the bot: token, timeouts and retries. A GET is retried by itself; a
 * changing call only when it was refused by a rate limit or certainly never arrived.
 *
 * @param options.requestTimeoutMs how long one request may take in all, 30 s by default
 */
export function createHttp(options: {
  accessToken: string;
  requestTimeoutMs?: number | undefined;
}): Got {
  const { requestTimeoutMs = maxRequestMs } = options;
  return got.extend({
    headers: { authorization: `Bearer ${options.accessToken}`, 'user-agent': 'lawspeaker' },
    timeout: { request: requestTimeoutMs, connect: 5_000 },
    followRedirect: false,
    retry: {
      limit: 2,
      methods: ['GET', 'POST', 'PUT', 'DELETE'],
      statusCodes: [429, 502, 503, 504],
      errorCodes: transient,
      maxRetryAfter: maxRetryAfterMs,
      calculateDelay: ({ error, computedValue }) => {
        const repeatable =
          error.options.method === 'GET' ||
          (error instanceof HTTPError && error.response.statusCode === 429) ||
          neverLeft(error);
        return repeatable ? computedValue : 0;
      },
    },
  });
}

/**
 * What an error of got's means, without got's own message or cause: those can hold the token.
 *
 * @param request method and path template, for people
 */
export function translateHttpError(error: unknown, request: string): Error {
  if (error instanceof LawspeakerError) {
    return error;
  }
  if (error instanceof HTTPError) {
    return answeredError(error.response.statusCode, error.response.body, request);
  }
  if (error instanceof TimeoutError && !neverLeft(error)) {
    const seconds = Math.round((error.timings?.phases.total ?? maxRequestMs) / 1000);
    return new UnreachableError(request, `did not answer for ${seconds} s`, true);
  }
  if (error instanceof RequestError) {
    return new UnreachableError(request, `can't be reached (${error.code})`, !neverLeft(error));
  }
  return new UnreachableError(request, "can't be reached", true);
}

/** What an answer with an error status means: the homeserver's word only if it is a Matrix error. */
export function answeredError(status: number, body: unknown, request: string): Error {
  const errcode = errcodeIn(body);
  return errcode === undefined
    ? new ForeignAnswerError(status, request)
    : new HomeserverError(status, errcode, request);
}

/** The errcode of a Matrix error, undefined if it is none: a proxy's HTML page, or half an answer. */
function errcodeIn(body: unknown): string | undefined {
  try {
    const parsed: unknown = JSON.parse(String(body));
    return typeof parsed === 'object' &&
      parsed !== null &&
      'errcode' in parsed &&
      typeof parsed.errcode === 'string'
      ? parsed.errcode
      : undefined;
  } catch {
    return undefined;
  }
}

/** One request as the Matrix SDK wants it done: the status is the caller's business. */
export interface RawRequest {
  readonly method: string;
  readonly url: string;
  readonly query: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Buffer | undefined;
  readonly timeoutMs: number;
  /** Give the body as bytes. */
  readonly binary: boolean;
}

export interface RawResponse {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string | Buffer;
}

/** The most bytes that are read of an answer in bytes, which is a file that somebody has sent. */
const maxBinaryBytes = 512 * 1024;

export type RawCall = (request: RawRequest) => Promise<RawResponse>;

/**
 * The same client for the client-server API. It never retries: sync and sending have their own ways.
 *
 * @param signal ends what is under way when the bot stops
 * @param maxMs no request may take longer, whatever it says itself
 * @throws UnreachableError no answer
 * @throws TooLargeError more bytes than `maxBinaryBytes`; the rest is not read
 */
export function createRawCall(
  http: Got,
  signal: AbortSignal,
  maxMs = Number.POSITIVE_INFINITY,
): RawCall {
  return async (request) => {
    const url = new URL(request.url);
    for (const [name, value] of Object.entries(request.query)) {
      for (const item of [value].flat()) {
        url.searchParams.append(name, String(item));
      }
    }
    const name = `${request.method} ${url.pathname}`;
    try {
      const options = {
        method: request.method as 'GET',
        headers: { ...request.headers },
        ...(request.body === undefined ? {} : { body: request.body }),
        timeout: { request: Math.min(request.timeoutMs, maxMs) },
        retry: { limit: 0 },
        throwHttpErrors: false,
      } as const;
      if (request.binary) {
        return await readBytes(http.stream(url, { ...options, signal, decompress: false }));
      }
      const { statusCode, headers, body } = await boundedAnswer(
        name,
        maxAnswerBytes,
        signal,
        (bounded) => http(url, { ...options, signal: bounded, responseType: 'text' }),
      );
      return { statusCode, headers, body };
    } catch (error) {
      throw translateHttpError(error, name);
    }
  };
}

/** Reads a file as it comes, whatever size it is said to have, and stops where it is too large. */
async function readBytes(stream: ReturnType<Got['stream']>): Promise<RawResponse> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop ends the connection.
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBinaryBytes) {
      throw new TooLargeError(`it has more than ${maxBinaryBytes / 1024} KiB`);
    }
    chunks.push(chunk);
  }
  return {
    statusCode: stream.response?.statusCode ?? 0,
    headers: stream.response?.headers ?? {},
    body: Buffer.concat(chunks),
  };
}
