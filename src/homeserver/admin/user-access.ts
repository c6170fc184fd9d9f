import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import { apiObject, bool, nothing } from '../decode.ts';
import type { SendRequest } from '../request.ts';

/** What lets somebody in, and how far. */
export function userAccessApi(send: SendRequest) {
  return {
    /**
     * Sets a new password. The server takes any, also an empty one.
     * POST /_synapse/admin/v1/reset_password/{user_id}
     *
     * @param options.logoutDevices whether all sessions end
     * @throws HomeserverError 404 unknown or of another server
     */
    async resetPassword(
      user: UserId,
      options: { newPassword: string; logoutDevices: boolean },
    ): Promise<void> {
      return send('POST', '/_synapse/admin/v1/reset_password/{user_id}', {
        path: { user_id: user },
        body: { new_password: options.newPassword, logout_devices: options.logoutDevices },
        answer: nothing,
      });
    },

    /**
     * Whether an account is a server admin; false for an unknown account.
     * GET /_synapse/admin/v1/users/{user_id}/admin
     *
     * @throws HomeserverError 400 of another server
     */
    async getAdmin(user: UserId): Promise<boolean> {
      const answer = await send('GET', '/_synapse/admin/v1/users/{user_id}/admin', {
        path: { user_id: user },
        answer: apiObject({ admin: bool }),
      });
      return answer.admin;
    },

    /**
     * Makes an account a server admin, or no longer. Idempotent.
     * PUT /_synapse/admin/v1/users/{user_id}/admin
     *
     * @throws HomeserverError 404 unknown, 400 of another server or one's own demotion
     */
    async setAdmin(user: UserId, admin: boolean): Promise<void> {
      return send('PUT', '/_synapse/admin/v1/users/{user_id}/admin', {
        path: { user_id: user },
        body: { admin },
        answer: nothing,
      });
    },

    /**
     * An access token that acts as the account, without a device. A secret. It works for
     * deactivated accounts too. POST /_synapse/admin/v1/users/{user_id}/login
     *
     * @param options.validUntilMs when the token dies, in milliseconds since 1970: without it, never
     * @throws HomeserverError 404 unknown, 400 of another server or the caller itself
     */
    async loginAs(user: UserId, options: { validUntilMs: number }) {
      return send('POST', '/_synapse/admin/v1/users/{user_id}/login', {
        path: { user_id: user },
        body: { valid_until_ms: Math.trunc(options.validUntilMs) },
        answer: apiObject({ access_token: z.string() }),
      });
    },
  };
}
