import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import { apiObject, nothing } from '../decode.ts';
import type { SendRequest } from '../http.ts';

/** Both 0 for no limit at all. */
export interface Ratelimit {
  readonly messagesPerSecond: number;
  readonly burstCount: number;
}

const ratelimit = apiObject({ messages_per_second: z.number(), burst_count: z.number() });
const maybeRatelimit = z.union([ratelimit, nothing]);

/**
 * An account's own rate limit, instead of the server's.
 * All throw HomeserverError: 404 unknown account, 400 account of another server.
 */
export function userRatelimitApi(send: SendRequest) {
  const ratelimitPath = '/_synapse/admin/v1/users/{user_id}/override_ratelimit';

  return {
    /**
     * The account's own limit, undefined if the server's applies.
     * GET /_synapse/admin/v1/users/{user_id}/override_ratelimit
     */
    async getRatelimit(user: UserId): Promise<Ratelimit | undefined> {
      return send('GET', ratelimitPath, { path: { user_id: user }, answer: maybeRatelimit });
    },

    /**
     * Sets the account's own limit. Idempotent.
     * POST /_synapse/admin/v1/users/{user_id}/override_ratelimit
     */
    async setRatelimit(user: UserId, limit: Ratelimit): Promise<Ratelimit> {
      return send('POST', ratelimitPath, {
        path: { user_id: user },
        // Always both: the server takes a missing one for 0, and an empty body for no limit.
        body: { messages_per_second: limit.messagesPerSecond, burst_count: limit.burstCount },
        answer: ratelimit,
      });
    },

    /**
     * Removes the account's own limit. Idempotent.
     * DELETE /_synapse/admin/v1/users/{user_id}/override_ratelimit
     */
    async clearRatelimit(user: UserId): Promise<void> {
      return send('DELETE', ratelimitPath, { path: { user_id: user }, answer: nothing });
    },
  };
}
