import { HomeserverError } from '../core/errors.ts';
import { matrixErrorIn } from './http-errors.ts';
import type { SendError } from './http-errors.ts';

/** How often a request is sent again. */
export const maxRepeats = 2;
/** How long to wait before that, if the server doesn't say. */
export const repeatDelays = { firstMs: 1000, maxMs: 2000 };
/** Another attempt may succeed after these. */
const passingStatuses = new Set([429, 502, 503, 504]);
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

/** What one attempt led to. */
export type Attempted<Answer> =
  | { readonly answer: Answer; readonly retryAfter: string | undefined }
  | { readonly error: SendError };

/** Whether this attempt certainly changed nothing: it did not arrive, or was rate-limited. */
export function wasNotDone(result: Attempted<{ readonly status: number }>): boolean {
  return 'error' in result ? result.error.neverLeft : result.answer.status === 429;
}

/** How long to wait before a request is sent again, in milliseconds; undefined if it is not. */
export function delayBefore(
  { method, retry }: { readonly method: string; readonly retry: Retry },
  result: Attempted<{ readonly status: number; readonly body: Buffer }>,
  delayMs: number,
): number | undefined {
  const isHarmless = method === 'GET' || retry === 'idempotent' || wasNotDone(result);
  if ('error' in result) {
    return isHarmless && result.error.isTransient ? delayMs : undefined;
  }
  const { status, body } = result.answer;
  if (!isHarmless || !passingStatuses.has(status)) {
    return undefined;
  }
  const askedMs = millisecondsIn(result.retryAfter) ?? matrixErrorIn(body)?.retryAfterMs;
  return askedMs !== undefined && askedMs > maxRetryAfterMs ? undefined : (askedMs ?? delayMs);
}

/** What a `Retry-After` header says: seconds, or a time. */
function millisecondsIn(retryAfter: string | undefined): number | undefined {
  if (retryAfter === undefined) {
    return undefined;
  }
  const ms = /^\d+(?:\.\d+)?$/u.test(retryAfter)
    ? Number(retryAfter) * 1000
    : Date.parse(retryAfter) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

/**
 * How long to wait before the next attempt, in milliseconds: `delayMs`, or longer if the server asks for
 * it. It can ask for a minute at most.
 */
export function retryDelay(error: unknown, delayMs: number): number {
  const askedMs = error instanceof HomeserverError ? (error.retryAfterMs ?? 0) : 0;
  return Math.max(delayMs, Math.min(askedMs, maxRetryAfterMs));
}
