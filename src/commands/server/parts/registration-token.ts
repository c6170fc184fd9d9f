import { bold, facts } from '../../../chat/answers/answer.ts';
import type { Block } from '../../../chat/answers/answer.ts';
import { count, when, whole } from '../../../chat/answers/phrases.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import { writeDuration } from '../../../core/duration.ts';
import { TargetError, UsageError } from '../../../core/errors.ts';
import { isTokenFingerprint } from '../../../services/server/registration-token-service.ts';
import type { RegistrationToken } from '../../../services/services.ts';

/**
 * What Synapse accepts. Three names mean something else in a path, so no request could use a token of that
 * name.
 */
const tokenPattern = /^[A-Za-z0-9._~-]{1,64}$/u;
const unreachableNames = new Set(['.', '..', 'new']);

/** @throws UsageError no token can look like this */
export function checkToken(token: string): void {
  if (!tokenPattern.test(token) || unreachableNames.has(token)) {
    throw new UsageError('This can’t be a registration token.', {
      word: token,
      advice:
        'A token has 1 to 64 characters: letters A to Z, digits, `.`, `_`, `~` and `-`. `.`, `..` and `new` are not allowed.',
    });
  }
}

/** @throws UsageError it is neither a fingerprint nor what a token can look like */
export function checkTokenName(name: string): void {
  if (!isTokenFingerprint(name)) {
    checkToken(name);
  }
}

/** The latest time that `--expires-at` accepts. */
const lastExpiry = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

/** @throws UsageError the token would live for thousands of years, or not at all */
export function checkLifetime(expires: number | undefined, now: number): void {
  if (expires !== undefined && expires > lastExpiry) {
    throw new UsageError('`--expires` is too long.', {
      word: writeDuration(expires - now),
      advice: 'Without an expiry, a token never expires.',
    });
  }
  if (expires !== undefined && expires <= now) {
    throw new UsageError('`--expires` is in the past.', {
      advice: 'Give a duration, for example `7d`.',
    });
  }
}

/**
 * @param name the token or its fingerprint
 * @throws TargetError there is no such token
 */
export async function requireToken(
  { services, prefix }: Pick<Context, 'services' | 'prefix'>,
  name: string,
): Promise<RegistrationToken> {
  const token = await services.registrationTokens.find(name);
  if (token === undefined) {
    throw new TargetError(
      'unknown',
      `there is no registration token \`${name}\``,
      `See \`${prefix}tokens\`.`,
    );
  }
  return token;
}

/** Whether people can register with it now. */
export function tokenState(
  { usesAllowed, completed, pending, expiryTime }: RegistrationToken,
  now: number,
): 'valid' | 'expired' | 'used up' | 'all uses in progress' {
  if (expiryTime !== null && expiryTime <= now) {
    return 'expired';
  }
  if (usesAllowed === null || completed + pending < usesAllowed) {
    return 'valid';
  }
  return completed < usesAllowed ? 'all uses in progress' : 'used up';
}

/** `Used 2 of 5 times`, `Not used yet, no limit` */
export function usesOf({ usesAllowed, completed }: RegistrationToken): string {
  if (usesAllowed === null) {
    return `${completed === 0 ? 'Not used yet' : `Used ${count(completed, 'time')}`}, no limit`;
  }
  return `Used ${whole(completed)} of ${count(usesAllowed, 'time')}`;
}

/** `Used 2 of 5 times · 1 registration in progress · expires in 7 days (…)` */
export function tokenFacts(token: RegistrationToken, now: number, label = ''): Block {
  const { pending, expiryTime } = token;
  return facts(
    [...(label === '' ? [] : [bold(`${label} `)]), usesOf(token)],
    pending > 0 && `${count(pending, 'registration')} in progress`,
    expiryTime === null
      ? 'never expires'
      : `${expiryTime <= now ? 'expired' : 'expires'} ${when(expiryTime, now)}`,
  );
}
