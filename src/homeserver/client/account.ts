import { z } from 'zod';

import { HomeserverError } from '../../core/errors.ts';
import { present } from '../../core/present.ts';
import { apiObject, maybe, userId } from '../decode.ts';
import type { Retry } from '../http-retries.ts';
import type { SendRequest } from '../http.ts';

/** Accounts: the bot's own, and how people log in. */
export function accountApi(send: SendRequest) {
  return {
    /**
     * The account and the device of the bot's access token; some tokens have no device.
     * GET /_matrix/client/v3/account/whoami
     */
    async whoami({ retry }: { readonly retry?: Retry } = {}) {
      return send('GET', '/_matrix/client/v3/account/whoami', {
        ...present({ retry }),
        answer: apiObject({ user_id: userId, device_id: maybe(z.string()) }),
      });
    },

    /**
     * Whether people can log in with a password; undefined if the server doesn't say.
     * GET /_matrix/client/v3/login
     *
     * @throws UnreachableError
     */
    async hasPasswordLogin(): Promise<boolean | undefined> {
      try {
        const { flows } = await send('GET', '/_matrix/client/v3/login', {
          answer: apiObject({ flows: z.array(apiObject({ type: z.string() })) }),
        });
        return flows.some(({ type }) => type === 'm.login.password');
      } catch (error) {
        if (error instanceof HomeserverError) {
          return undefined;
        }
        throw error;
      }
    },
  };
}
