import { createHmac, randomBytes } from 'node:crypto';

import type { Homeserver } from './homeserver.ts';
import { request } from './http.ts';

export interface Account {
  readonly userId: string;
  readonly localpart: string;
  readonly password: string;
  readonly accessToken: string;
  readonly deviceId: string;
}

export interface RegisterOptions {
  /** Synapse converts it to lower case. */
  readonly localpart: string;
  /** Whether the account is a server admin. Default: false. */
  readonly admin?: boolean;
  readonly displayName?: string;
  /** Default: a random password. */
  readonly password?: string;
}

/** What Synapse answers when it registers an account or logs it in. */
export interface Session {
  readonly user_id: string;
  readonly access_token: string;
  readonly device_id: string;
}

/**
 * Registers an account with the server's shared secret: `POST /_synapse/admin/v1/register`.
 *
 * @throws RequestError `M_USER_IN_USE` if the localpart is taken.
 */
export async function registerUser(
  { url, sharedSecret }: Pick<Homeserver, 'url' | 'sharedSecret'>,
  options: RegisterOptions,
): Promise<Account> {
  const { localpart: username, admin = false, displayName: displayname } = options;
  const password = options.password ?? randomBytes(12).toString('base64url');
  const path = '/_synapse/admin/v1/register';
  const { nonce } = await request<{ nonce: string }>(url, 'GET', path);
  const signed = [nonce, username, password, admin ? 'admin' : 'notadmin'].join('\0');
  const mac = createHmac('sha1', sharedSecret).update(signed).digest('hex');
  const json = { nonce, username, password, admin, mac, displayname };
  return accountOf(await request<Session>(url, 'POST', path, { json }), password);
}

export function accountOf(session: Session, password: string): Account {
  const userId = session.user_id;
  return {
    userId,
    localpart: userId.slice(1, userId.indexOf(':')),
    password,
    accessToken: session.access_token,
    deviceId: session.device_id,
  };
}
