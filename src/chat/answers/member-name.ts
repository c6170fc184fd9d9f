import { inert } from './untrusted-text.ts';

/** So much of a name is shown. */
const maxLength = 40;
/** One word of letters and digits can't be taken for a sentence of ours. */
const plainName = /^[\p{L}\p{N}][\p{L}\p{M}\p{N}_-]*$/u;
const quotes = /["“”„‟«»＂]/gu;

/**
 * Who has done something, in a sentence: `Ana (@ana:example.com)`. Everybody chooses their own name, and
 * it may hold what looks like words of ours, so the ID always stands beside it, and whatever is more than
 * a plain word stands in quotes: `“boss (admin) · audit #1” (@mallory:example.com)`.
 *
 * @param displayName null where there is none: the ID stands alone
 */
export function memberName(user: string, displayName: string | null): string {
  const name = inert(displayName?.replaceAll(quotes, '’').trim() ?? '', maxLength);
  if (name === '' || name === user) {
    return user;
  }
  return plainName.test(name) ? `${name} (${user})` : `“${name}” (${user})`;
}
