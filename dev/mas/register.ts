import { createMasApi } from '../../src/homeserver/mas/mas-api.ts';
import { MatrixUser } from '../synapse/matrix-user.ts';
import type { RegisterOptions } from '../synapse/matrix-user.ts';
import type { DelegatedHomeserver } from './delegated-homeserver.ts';

/**
 * Makes an account at MAS and logs it in, as an older client does. An admin's token has the scope that makes a
 * server admin of Synapse; MAS itself does not call the account an admin.
 */
export async function registerAtMas(
  { homeserver, mas }: DelegatedHomeserver,
  { localpart, admin = false, displayName }: RegisterOptions,
): Promise<MatrixUser> {
  const { users } = createMasApi({ url: mas.url, credentials: mas.client });
  await users.create({ localpart, displayName });
  const deviceId = `DEVICE${localpart.toUpperCase()}`;
  const accessToken = await mas.issueCompatToken(localpart, { deviceId, isSynapseAdmin: admin });
  const userId = `@${localpart}:${homeserver.serverName}`;
  const account = { userId, localpart, password: '', accessToken, deviceId };
  return new MatrixUser(homeserver, account);
}
