import { UsageError } from '../../../core/errors.ts';

/** The usernames that Synapse accepts for new accounts. */
export const usernameRules =
  'Usernames can contain a–z, 0–9 and `. _ = - / +`. They can’t start with `_` or consist only of digits.';

const isUsername = (name: string) => /^(?!_)[a-z0-9=_.\-/+]+$/u.test(name) && !/^\d+$/u.test(name);

/** @throws UsageError Synapse does not accept the name for a new account */
export function checkNewUsername(name: string): void {
  if (isUsername(name)) {
    return;
  }
  const lower = name.toLowerCase();
  throw new UsageError(`\`${name}\` is not a valid username for a new account.`, {
    word: name,
    advice: isUsername(lower) ? `Usernames are lower case: \`${lower}\`.` : usernameRules,
  });
}
