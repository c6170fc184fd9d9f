import {
  ForeignAnswerError,
  HomeserverError,
  LawspeakerError,
  UnreachableError,
} from '../core/errors.ts';

/** Errors after which another attempt may succeed. */
const transient = new Set([
  'EADDRINUSE',
  'EAI_AGAIN',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

interface SendErrorDetails {
  /** How long the client waited, if the answer took too long. */
  readonly timeoutMs?: number;
  /** The server can't have received the request. */
  readonly neverLeft?: boolean;
}

/** Why a request got no answer. Contains nothing of the request, whose headers have the token. */
export class SendError extends Error {
  /** Node's: `ECONNREFUSED`. */
  readonly code: string;
  /** The server can't have received the request. */
  readonly neverLeft: boolean;
  /** Another attempt may succeed. */
  readonly isTransient: boolean;
  /** How long the client waited, if the answer took too long. */
  readonly timeoutMs: number | undefined;

  constructor(code: string, { timeoutMs, neverLeft = false }: SendErrorDetails = {}) {
    super(code);
    this.code = code;
    this.neverLeft = neverLeft;
    this.isTransient = transient.has(code);
    this.timeoutMs = timeoutMs;
  }
}

/** Translates an error of Node, which can contain the token. */
export function sendErrorFrom(
  error: unknown,
  details: Pick<SendErrorDetails, 'neverLeft'>,
): SendError {
  if (error instanceof SendError) {
    return error;
  }
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return new SendError(typeof code === 'string' ? code : 'ERR_UNKNOWN', details);
}

/**
 * The error for a request that got no answer.
 *
 * @param request method and path template, for people
 */
export function unreachable(error: unknown, request: string): Error {
  if (!(error instanceof SendError)) {
    return error instanceof LawspeakerError
      ? error
      : new UnreachableError(request, "can't be reached", true);
  }
  const { code, neverLeft, timeoutMs } = error;
  return timeoutMs === undefined
    ? new UnreachableError(request, `can't be reached (${code})`, !neverLeft, { networkCode: code })
    : new UnreachableError(request, `did not answer for ${Math.round(timeoutMs / 1000)} s`, true);
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
    ? {
        errcode,
        retryAfterMs: typeof retryAfterMs === 'number' ? Math.max(retryAfterMs, 0) : undefined,
      }
    : undefined;
}
