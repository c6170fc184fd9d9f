import { randomBytes } from 'node:crypto';

import { registerUser } from './accounts.ts';
import type { Homeserver } from './homeserver.ts';
import { RequestError, request } from './http.ts';
import { SetupError } from './setup-error.ts';

const URL_NAME = 'LAWSPEAKER_TEST_HOMESERVER_URL';
const SECRET_NAME = 'LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET';

/**
 * A Synapse that runs already, which is left running. One account is registered on it, to see that
 * the secret is right and to learn the server's name.
 *
 * @throws SetupError when it can't be reached, is no Synapse, or the secret is missing or wrong.
 */
export async function startExternal(
  givenUrl: string,
  sharedSecret: string | undefined,
): Promise<Homeserver> {
  if (sharedSecret === undefined || sharedSecret === '') {
    throw new SetupError(
      `${URL_NAME} is set, but ${SECRET_NAME} is not: set it to that Synapse's ` +
        'registration_shared_secret.',
    );
  }
  if (!URL.canParse(givenUrl) || !/^https?:/.test(givenUrl)) {
    throw new SetupError(`${URL_NAME}=${givenUrl} is no http or https URL.`);
  }
  const url = givenUrl.replace(/\/+$/, '');
  const version = await askVersion(url);
  const serverName = await askServerName(url, sharedSecret);
  const leaveAlone = async (): Promise<void> => undefined;
  return {
    url,
    serverName,
    sharedSecret,
    version,
    external: true,
    exited: new Promise(() => undefined),
    stop: leaveAlone,
    kill: leaveAlone,
    [Symbol.asyncDispose]: leaveAlone,
  };
}

async function askVersion(url: string): Promise<string> {
  try {
    const health = await fetch(`${url}/health`, { signal: AbortSignal.timeout(10_000) });
    await health.body?.cancel();
    if (!health.ok) throw new SetupError(`${url}/health (${URL_NAME}) answers ${health.status}.`);
    const answer = await request<{ server_version: string }>(
      url,
      'GET',
      '/_synapse/admin/v1/server_version',
    );
    return answer.server_version;
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const why = error instanceof RequestError ? error.message : 'it does not answer';
    throw new SetupError(`${URL_NAME}=${url} is no Synapse that can be used: ${why}.`, {
      cause: error,
    });
  }
}

async function askServerName(url: string, sharedSecret: string): Promise<string> {
  const localpart = `lawspeaker-${randomBytes(6).toString('hex')}`;
  try {
    const account = await registerUser({ url, sharedSecret }, { localpart });
    return account.userId.slice(account.userId.indexOf(':') + 1);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new SetupError(
      `No account can be registered at ${url}: ${why}. Is ${SECRET_NAME} its ` +
        'registration_shared_secret, and is /_synapse/admin reachable?',
      { cause: error },
    );
  }
}
