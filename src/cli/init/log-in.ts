import { SetupError } from '../../core/errors.ts';
import { createClientApi } from '../../homeserver/client/client-api.ts';
import { createSessionApi } from '../../homeserver/client/session.ts';
import type { Session } from '../../homeserver/client/session.ts';
import { WrongAnswerError } from './asking.ts';
import { attempt } from './attempt.ts';
import type { Place } from './find-homeserver.ts';

/** The homeserver does not accept a password. */
export class WrongPasswordError extends WrongAnswerError {}

/**
 * Asks the homeserver whose access token this is.
 *
 * @throws SetupError it is not accepted
 */
export async function whoami({ url }: Place, accessToken: string, whose: string) {
  const client = createClientApi({ url, accessToken, stop: new AbortController().signal });
  return attempt(
    `use ${whose}`,
    async () => client.account.whoami(),
    ({ status, errcode }) =>
      status === 401
        ? new WrongAnswerError(
            `The homeserver does not accept ${whose} (${errcode}).`,
            'It may have been logged out. Log in again, and use the token from there.',
          )
        : undefined,
  );
}

/**
 * Logs in with a password.
 *
 * @throws SetupError why the homeserver refuses
 */
export async function logIn(
  { url }: Place,
  user: string,
  password: string,
  deviceName: string,
): Promise<Session> {
  return attempt(
    `log in as ${user}`,
    async () => createSessionApi(url).login(user, { password, deviceName }),
    ({ status, errcode, retryAfterMs }) => {
      if (status === 429) {
        return new SetupError(
          `Can’t log in as ${user}: too many logins from this address (${errcode}).`,
          `Wait ${waitingTime(retryAfterMs)}, then run lawspeaker init again: it continues where it stopped.`,
        );
      }
      if (status === 403) {
        return new WrongPasswordError(
          `The homeserver does not accept the password of ${user} (${errcode}).`,
          'Check the user name and the password. Deactivated accounts can’t log in.',
        );
      }
      return status === 400 && errcode === 'M_UNKNOWN' ? noPasswordLogin() : undefined;
    },
  );
}

/** Such as `6 minutes`: rounded up, because a login that comes too early may count. */
function waitingTime(ms: number | undefined): string {
  const minutes = Math.ceil((ms ?? 0) / 60_000);
  return ms === undefined ? 'a few minutes' : `${minutes} ${minutes === 1 ? 'minute' : 'minutes'}`;
}

export function noPasswordLogin(): SetupError {
  return new SetupError(
    'This homeserver does not let accounts log in with a password.',
    'Make the bot’s account the way your server makes accounts, and give its access token in LAWSPEAKER_INIT_BOT_TOKEN.',
  );
}
