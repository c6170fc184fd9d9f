import { z } from 'zod';

import { orUndefined } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { apiObject, maybe, nothing, userId } from '../decode.ts';
import { createHttp, createSendRequest } from '../http.ts';
import { accountApi } from './account.ts';

const session = apiObject({
  user_id: userId,
  access_token: z.string(),
  device_id: maybe(z.string()),
});

/** An account that is logged in. The access token is a secret. */
export type Session = z.output<typeof session>;

/**
 * The part of the client-server API that needs no access token, and logging in. All its functions throw
 * HomeserverError and UnreachableError.
 *
 * @param url the homeserver's base URL
 */
export function createSessionApi(url: string) {
  const send = createSendRequest(createHttp({}), url);
  return {
    /** The versions of the specification that the server supports. GET /_matrix/client/versions */
    async versions(): Promise<string[]> {
      const answer = await send('GET', '/_matrix/client/versions', {
        answer: apiObject({ versions: z.array(z.string()) }),
      });
      return answer.versions;
    },

    /**
     * The base URL of the homeserver behind a server name; undefined if the server doesn't say.
     * GET /.well-known/matrix/client
     */
    async discover(): Promise<string | undefined> {
      const known = await orUndefined(
        send('GET', '/.well-known/matrix/client', {
          answer: z.object({ 'm.homeserver': z.object({ base_url: z.string() }) }),
          retry: 'never',
        }),
      );
      return known?.['m.homeserver'].base_url;
    },

    hasPasswordLogin: accountApi(send).hasPasswordLogin,

    /**
     * Logs in on a new device. POST /_matrix/client/v3/login
     *
     * @param options.deviceName what the account's owner sees in the list of devices
     * @throws HomeserverError 403 unknown account, wrong password, or deactivated
     */
    async login(
      user: UserId | string,
      options: { readonly password: string; readonly deviceName: string },
    ): Promise<Session> {
      return send('POST', '/_matrix/client/v3/login', {
        body: {
          type: 'm.login.password',
          identifier: { type: 'm.id.user', user },
          password: options.password,
          initial_device_display_name: options.deviceName,
        },
        answer: session,
      });
    },
  };
}

/** Ends a session and removes its device. POST /_matrix/client/v3/logout */
export async function logOut(url: string, accessToken: string): Promise<void> {
  const send = createSendRequest(createHttp({ accessToken }), url);
  return send('POST', '/_matrix/client/v3/logout', { body: {}, answer: nothing });
}
