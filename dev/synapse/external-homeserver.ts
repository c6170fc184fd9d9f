import { randomBytes } from 'node:crypto';

import { SetupError } from '../../src/core/errors.ts';
import { registerUser } from './accounts.ts';
import type { Homeserver } from './homeserver.ts';
import { request } from './http.ts';

const URL_NAME = 'LAWSPEAKER_TEST_HOMESERVER_URL';
const SECRET_NAME = 'LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET';

/**
 * Uses a Synapse that already runs, and never stops it. Registers one account on it, to check the
 * secret and to learn the server's name.
 *
 * @throws SetupError if it can't be reached, isn't Synapse, or the secret is missing or wrong.
 */
export async function useExternal(
  givenUrl: string,
  sharedSecret: string | undefined,
): Promise<Homeserver> {
  if (sharedSecret === undefined || sharedSecret === '') {
    throw new SetupError(
      `${URL_NAME} is set, but ${SECRET_NAME} is not: set it to that Synapse's registration_shared_secret.`,
    );
  }
  if (!URL.canParse(givenUrl) || !/^https?:/u.test(givenUrl)) {
    throw new SetupError(`${URL_NAME}=${givenUrl} is not an http or https URL.`);
  }
  const url = givenUrl.replace(/\/+$/u, '');
  const explain = (problem: string) => (error: unknown) => {
    throw new SetupError(`${URL_NAME}=${url}: ${problem} (${String(error)}).`);
  };
  const version = await request<{ server_version: string }>(
    url,
    'GET',
    '/_synapse/admin/v1/server_version',
  ).catch(explain('no Synapse answers there'));
  const account = await registerUser(
    { url, sharedSecret },
    { localpart: `lawspeaker-${randomBytes(6).toString('hex')}` },
  ).catch(explain(`can't register an account; check ${SECRET_NAME} and access to /_synapse/admin`));
  const leaveAlone = async () => undefined;
  return {
    url,
    serverName: account.userId.slice(account.userId.indexOf(':') + 1),
    sharedSecret,
    version: version.server_version,
    exited: new Promise(() => undefined),
    stop: leaveAlone,
    kill: leaveAlone,
    [Symbol.asyncDispose]: leaveAlone,
  };
}
