import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';
import { apiObject, bool, nothing } from '../decode.ts';
import type { SendRequest } from '../http.ts';

/** Passwords, sessions and admin rights. */
export function userAccessApi(send: SendRequest) {
  const adminPath = '/_synapse/admin/v1/users/{user_id}/admin';

  return {
    /**
     * Sets a new password. The server accepts any, even an empty one.
     * POST /_synapse/admin/v1/reset_password/{user_id}
     *
     * @param options.logoutDevices whether to end all sessions
     * @throws HomeserverError 404 unknown account or account of another server
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
     * @throws HomeserverError 400 account of another server
     */
    async getAdmin(user: UserId): Promise<boolean> {
      const answer = await send('GET', adminPath, {
        path: { user_id: user },
        answer: apiObject({ admin: bool }),
      });
      return answer.admin;
    },

    /**
     * Grants or removes server admin rights. Idempotent.
     * PUT /_synapse/admin/v1/users/{user_id}/admin
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server or the caller's own rights
     */
    async setAdmin(user: UserId, admin: boolean): Promise<void> {
      return send('PUT', adminPath, {
        path: { user_id: user },
        body: { admin },
        answer: nothing,
      });
    },

    /**
     * Creates an access token that acts as the account, without a device. A secret. Works for
     * deactivated accounts too. POST /_synapse/admin/v1/users/{user_id}/login
     *
     * @param options.validUntilMs when the token expires, in milliseconds since 1970
     * @throws HomeserverError 404 unknown account, 400 account of another server or the caller itself
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
