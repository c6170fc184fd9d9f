import { createHmac } from 'node:crypto';

import { z } from 'zod';

import { apiObject, maybe, userId } from '../decode.ts';
import { createHttp, createSendRequest } from '../http.ts';

const template = '/_synapse/admin/v1/register';

/**
 * The part of the admin API that needs no access token. All its functions throw HomeserverError and
 * UnreachableError.
 *
 * @param url where `/_synapse/admin` answers
 */
export function createRegistrationApi(url: string) {
  const send = createSendRequest(createHttp({}), url);
  return {
    /** Synapse's version, such as `1.163.2`. GET /_synapse/admin/v1/server_version */
    async version(): Promise<string> {
      const answer = await send('GET', '/_synapse/admin/v1/server_version', {
        answer: apiObject({ server_version: z.string() }),
      });
      return answer.serverVersion;
    },

    /**
     * Registers a bot that is a server admin, and logs it in, with `registration_shared_secret` of the
     * server's configuration. GET and POST /_synapse/admin/v1/register
     *
     * @throws HomeserverError 400 the server has no such secret, the name is not valid, or
     * `M_USER_IN_USE`; 403 another secret
     */
    async registerBot(account: {
      readonly localpart: string;
      readonly password: string;
      readonly displayName: string;
      readonly sharedSecret: string;
    }) {
      const { localpart: username, password, displayName, sharedSecret } = account;
      const { nonce } = await send('GET', template, { answer: apiObject({ nonce: z.string() }) });
      const mac = createHmac('sha1', sharedSecret)
        .update([nonce, username, password, 'admin', 'bot'].join('\0'))
        .digest('hex');
      return send('POST', template, {
        body: {
          nonce,
          username,
          password,
          displayname: displayName,
          admin: true,
          user_type: 'bot',
          mac,
        },
        answer: apiObject({
          user_id: userId,
          access_token: z.string(),
          device_id: maybe(z.string()),
        }),
      });
    },
  };
}
