import { z } from 'zod';

import { apiObject, maybe, userId } from '../decode.ts';
import type { SendRequest } from '../request.ts';

/** The bot's own account. */
export function accountApi(send: SendRequest) {
  return {
    /**
     * Whose access token the bot has, and of which device; some tokens have none.
     * GET /_matrix/client/v3/account/whoami
     */
    async whoami() {
      return send('GET', '/_matrix/client/v3/account/whoami', {
        answer: apiObject({ user_id: userId, device_id: maybe(z.string()) }),
      });
    },
  };
}
