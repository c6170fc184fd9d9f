import { createHmac, randomBytes } from 'node:crypto';

import type { Homeserver } from './homeserver.ts';
import { request } from './http.ts';

export interface Account {
  userId: string;
  localpart: string;
  password: string;
  accessToken: string;
  deviceId: string;
}

export interface RegisterOptions {
  /** Synapse lower-cases it. */
  localpart: string;
  /** A Synapse server administrator. Default: no. */
  admin?: boolean;
  displayName?: string;
  /** Default: a random one. */
  password?: string;
}

/**
 * Registers an account by the server's shared secret: `POST /_synapse/admin/v1/register`.
 *
 * @throws RequestError `M_USER_IN_USE` when the localpart is taken.
 */
export async function registerUser(
  homeserver: Pick<Homeserver, 'url' | 'sharedSecret'>,
  options: RegisterOptions,
): Promise<Account> {
  const { localpart, admin = false, displayName } = options;
  const password = options.password ?? randomBytes(12).toString('base64url');
  const path = '/_synapse/admin/v1/register';
  const { nonce } = await request<{ nonce: string }>(homeserver.url, 'GET', path);
  const signed = [nonce, localpart, password, admin ? 'admin' : 'notadmin'].join('\0');
  const mac = createHmac('sha1', homeserver.sharedSecret).update(signed).digest('hex');
  const answer = await request<{ user_id: string; access_token: string; device_id: string }>(
    homeserver.url,
    'POST',
    path,
    { json: { nonce, username: localpart, password, admin, mac, displayname: displayName } },
  );
  const userId = answer.user_id;
  return {
    userId,
    localpart: userId.slice(1, userId.indexOf(':')),
    password,
    accessToken: answer.access_token,
    deviceId: answer.device_id,
  };
}
