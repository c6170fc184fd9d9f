import { randomBytes } from 'node:crypto';

import { SetupError } from '../../src/core/errors.ts';
import type { Homeserver } from './homeserver.ts';
import { MatrixUser } from './matrix-user.ts';

const urlName = 'LAWSPEAKER_TEST_HOMESERVER_URL';
const secretName = 'LAWSPEAKER_TEST_HOMESERVER_SHARED_SECRET';

/**
 * Uses a Synapse that already runs, and never stops it. Registers one account on it, to check the
 * secret and to learn the server's name.
 *
 * @throws SetupError if it can't be reached, isn't Synapse, or the secret is missing or wrong
 */
export async function useExternal(
  givenUrl: string,
  sharedSecret: string | undefined,
): Promise<Homeserver> {
  if (!sharedSecret) {
    throw new SetupError(
      `${urlName} is set, but ${secretName} is not: set it to that Synapse's registration_shared_secret.`,
    );
  }
  const url = givenUrl.replace(/\/+$/u, '');
  const localpart = `lawspeaker-${randomBytes(6).toString('hex')}`;
  const { userId } = await MatrixUser.register({ url, sharedSecret }, { localpart }).catch(
    (error: unknown) => {
      throw new SetupError(
        `${urlName}=${givenUrl}: can't register an account there (${String(error)}). Check that a Synapse runs there, that /_synapse/admin can be reached, and that ${secretName} is right.`,
      );
    },
  );
  const serverName = userId.slice(userId.indexOf(':') + 1);
  return { url, serverName, sharedSecret, stop: async () => undefined };
}
