import type { UserId } from '../../core/ids.ts';
import { nothing } from '../decode.ts';
import type { SendRequest } from '../request.ts';
import type { UserDetail } from './user-detail.ts';

/** Sends PUT /_synapse/admin/v2/users/{user_id} for an account that exists. */
export type PutExisting = (
  user: UserId,
  body: Readonly<Record<string, unknown>>,
) => Promise<UserDetail>;

/** What a moderator does to an account. */
export function userModerationApi(send: SendRequest, putExisting: PutExisting) {
  return {
    /**
     * Closes an account for good; with `erase`, also asks that its messages be hidden from people
     * who join later. Idempotent. Leaving the rooms goes on after the answer.
     * POST /_synapse/admin/v1/deactivate/{user_id}
     *
     * @throws HomeserverError 404 unknown, 400 of another server
     */
    async deactivate(user: UserId, options: { erase: boolean }): Promise<void> {
      return send('POST', '/_synapse/admin/v1/deactivate/{user_id}', {
        path: { user_id: user },
        body: { erase: options.erase },
        answer: nothing,
      });
    },

    /**
     * Makes a deactivated account active again, without a password. Idempotent.
     * PUT /_synapse/admin/v2/users/{user_id} with `deactivated: false` alone
     *
     * @throws HomeserverError 404 unknown, 400 of another server
     */
    async reactivate(user: UserId): Promise<UserDetail> {
      return putExisting(user, { deactivated: false });
    },

    /**
     * Lets an account's messages reach nobody, without telling it. Idempotent.
     * POST /_synapse/admin/v1/users/{user_id}/shadow_ban
     *
     * @throws HomeserverError 404 unknown, 400 of another server
     */
    async shadowBan(user: UserId): Promise<void> {
      return send('POST', '/_synapse/admin/v1/users/{user_id}/shadow_ban', {
        path: { user_id: user },
        answer: nothing,
      });
    },

    /** Takes a shadow-ban back. Idempotent. DELETE /_synapse/admin/v1/users/{user_id}/shadow_ban */
    async unshadowBan(user: UserId): Promise<void> {
      return send('DELETE', '/_synapse/admin/v1/users/{user_id}/shadow_ban', {
        path: { user_id: user },
        answer: nothing,
      });
    },

    /**
     * Stops an account's sessions until it is unlocked; they then work again. Idempotent.
     * PUT /_synapse/admin/v2/users/{user_id} with `locked` alone
     *
     * @throws HomeserverError 404 unknown, 400 of another server
     */
    async setLocked(user: UserId, locked: boolean): Promise<UserDetail> {
      return putExisting(user, { locked });
    },

    /**
     * Lets an account read, but not send, join, invite or change its profile. Idempotent.
     * PUT /_synapse/admin/v1/suspend/{user_id}
     *
     * @throws HomeserverError 404 unknown, 400 of another server
     */
    async setSuspended(user: UserId, suspended: boolean): Promise<void> {
      return send('PUT', '/_synapse/admin/v1/suspend/{user_id}', {
        path: { user_id: user },
        body: { suspend: suspended },
        answer: nothing,
      });
    },
  };
}
