import { UsageError } from '../../core/errors.ts';

/** What Synapse takes for the name of a new account. */
export const usernameRules =
  'Names are made of a–z, 0–9 and `. _ = - / +`, without capitals; they don’t begin with `_`, and are not digits alone.';

const fits = (name: string) => /^(?!_)[a-z0-9=_.\-/+]+$/u.test(name) && !/^\d+$/u.test(name);

/** @throws UsageError Synapse takes no such name for a new account */
export function checkNewUsername(name: string): void {
  if (fits(name)) {
    return;
  }
  const lower = name.toLowerCase();
  throw new UsageError(`\`${name}\` can’t be the name of a new account.`, {
    word: name,
    advice: fits(lower) ? `Names are in lower case: \`${lower}\`.` : usernameRules,
  });
}
