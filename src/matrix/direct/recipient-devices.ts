import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import type { MatrixCall } from '../client.ts';

const answer = z.object({
  device_keys: z
    .record(
      z.string(),
      z.record(z.string(), z.object({ algorithms: z.array(z.string()) }).catch({ algorithms: [] })),
    )
    .default({}),
});

const readable = 'm.megolm.v1.aes-sha2';

/**
 * Whether one of a person's devices has keys, so that something encrypted can be read there.
 *
 * @param keys what `POST /_matrix/client/v3/keys/query` answers
 */
export function canDecrypt(keys: unknown, user: UserId): boolean {
  const devices = answer.parse(keys).device_keys[user] ?? {};
  return Object.values(devices).some(({ algorithms }) => algorithms.includes(readable));
}

/** The same, asked of the homeserver. POST /_matrix/client/v3/keys/query */
export async function hasDecryptingDevice(call: MatrixCall, user: UserId): Promise<boolean> {
  const keys = await call('POST', '/_matrix/client/v3/keys/query', {
    body: { device_keys: { [user]: [] } },
  });
  return canDecrypt(keys, user);
}
