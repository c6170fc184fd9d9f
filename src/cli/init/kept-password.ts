import { readFileSync, rmSync, writeFileSync } from 'node:fs';

import { SetupError } from '../../core/errors.ts';
import { systemCodeOf } from '../../core/system-error.ts';

/** Which password: of a bot with this user name, for this configuration. */
interface Owner {
  readonly configFile: string;
  readonly botName: string;
}

/** The file that holds the password of a new account until the configuration holds its access token. */
function passwordFile({ configFile, botName }: Owner): string {
  return `${configFile}.password-of-${encodeURIComponent(botName)}`;
}

/** The password that an earlier run has kept; undefined if there is none. */
export function keptPassword(owner: Owner): string | undefined {
  try {
    return readFileSync(passwordFile(owner), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Keeps the password in a file that only its owner can read. Do this before the account is made: a login
 * that fails, or Ctrl-C, must not leave an account whose password nobody knows.
 *
 * @throws SetupError the file can't be written
 */
export function keepPassword(owner: Owner, password: string): void {
  const file = passwordFile(owner);
  try {
    writeFileSync(file, `${password}\n`, { mode: 0o600, flush: true });
  } catch (error) {
    const code = systemCodeOf(error);
    throw new SetupError(
      `Can’t write ${file} (${code}).`,
      'Check the permissions of its folder, or choose another file with --config.',
    );
  }
}

/** Removes the password: the configuration holds the access token now. */
export function forgetPassword(owner: Owner): void {
  rmSync(passwordFile(owner), { force: true });
}
