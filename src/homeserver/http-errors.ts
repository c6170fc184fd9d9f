import { HTTPError, RequestError, TimeoutError } from 'got';

import {
  ForeignAnswerError,
  HomeserverError,
  LawspeakerError,
  UnreachableError,
} from '../core/errors.ts';

/** How long one request may take in all, by default. Synapse's long-running tasks are polled. */
export const maxRequestMs = 30_000;

/** Errors that occur before the request is sent, so the server can't have carried it out. */
const beforeSending = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_INVALID_URL',
]);

/** Errors after which another attempt may succeed. Got's own list lacks interrupted answers. */
export const transient = [
  ...beforeSending,
  'ETIMEDOUT',
  'ECONNRESET',
  'EPIPE',
  'EADDRINUSE',
  'ERR_READING_RESPONSE_STREAM',
  'ERR_HTTP_CONTENT_LENGTH_MISMATCH',
];

/** Whether the server can't have received the request. */
export function neverLeft(error: RequestError): boolean {
  if (error instanceof TimeoutError) {
    return ['lookup', 'connect', 'secureConnect'].includes(error.event);
  }
  return beforeSending.has(error.code);
}

/**
 * Translates one of got's errors into one of ours, without got's message and cause, which can hold the
 * token.
 *
 * @param request method and path template, for people
 * @param answered reads an answer with an error status
 */
export function translateHttpError(
  error: unknown,
  request: string,
  answered: AnsweredError = answeredError,
): Error {
  if (error instanceof LawspeakerError) {
    return error;
  }
  if (error instanceof HTTPError) {
    return answered(error.response.statusCode, error.response.body, request);
  }
  if (error instanceof TimeoutError && !neverLeft(error)) {
    const seconds = Math.round((error.timings?.phases.total ?? maxRequestMs) / 1000);
    return new UnreachableError(request, `did not answer for ${seconds} s`, true);
  }
  if (error instanceof RequestError) {
    const { code } = error;
    return new UnreachableError(request, `can't be reached (${code})`, !neverLeft(error), {
      networkCode: code,
    });
  }
  return new UnreachableError(request, "can't be reached", true);
}

/**
 * The error for an answer with this status and body.
 *
 * @param redirectsTo see `ForeignAnswerError`
 */
export type AnsweredError = (
  status: number,
  body: unknown,
  request: string,
  redirectsTo?: string,
) => Error;

/** The error for an answer with an error status. Only a Matrix error comes from the homeserver itself. */
export function answeredError(
  status: number,
  body: unknown,
  request: string,
  redirectsTo?: string,
): Error {
  const matrixError = matrixErrorIn(body);
  return matrixError === undefined
    ? new ForeignAnswerError(status, request, redirectsTo)
    : new HomeserverError(
        status,
        matrixError.errcode,
        request,
        undefined,
        matrixError.retryAfterMs,
      );
}

/** Longer origins are not shown: a stranger may have chosen them. */
const maxOriginLength = 200;

/**
 * The origin that a redirect leads to. Its path and query stay out of messages: they could repeat the token.
 *
 * @param from the URL that answered
 * @returns undefined if it stays at the same origin, or can't be read
 */
export function redirectTarget(location: string | undefined, from: string): string | undefined {
  if (location === undefined || !URL.canParse(location, from)) {
    return undefined;
  }
  const { protocol, origin } = new URL(location, from);
  const isShown =
    /^https?:$/u.test(protocol) &&
    origin !== new URL(from).origin &&
    origin.length <= maxOriginLength;
  return isShown ? origin : undefined;
}

interface MatrixError {
  readonly errcode: string;
  readonly retryAfterMs: number | undefined;
}

/** Undefined if the body is not a Matrix error: a proxy's HTML page, or half an answer. */
export function matrixErrorIn(body: unknown): MatrixError | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body instanceof Uint8Array ? Buffer.from(body).toString() : String(body));
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null || !('errcode' in parsed)) {
    return undefined;
  }
  const { errcode, retry_after_ms: retryAfterMs } = parsed as {
    errcode: unknown;
    retry_after_ms?: unknown;
  };
  return typeof errcode === 'string'
    ? { errcode, retryAfterMs: typeof retryAfterMs === 'number' ? retryAfterMs : undefined }
    : undefined;
}
