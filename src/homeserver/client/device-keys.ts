import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import { apiObject } from '../decode.ts';
import type { SendRequest } from '../http.ts';

const device = z.object({ algorithms: z.array(z.string()) }).catch({ algorithms: [] });

/** The public keys of devices. */
export function deviceKeysApi(send: SendRequest) {
  return {
    /**
     * A user's devices that have keys, by device ID, with the algorithms that they support.
     * POST /_matrix/client/v3/keys/query
     *
     * @param devices only these; all by default
     */
    async query(user: UserId, devices: readonly string[] = []) {
      const answer = await send('POST', '/_matrix/client/v3/keys/query', {
        body: { device_keys: { [user]: devices } },
        answer: apiObject({
          device_keys: z.record(z.string(), z.record(z.string(), device)).default({}),
        }),
        retry: 'idempotent',
      });
      return answer.deviceKeys[user] ?? {};
    },
  };
}
