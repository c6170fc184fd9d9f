import type { UserId } from '../../core/ids.ts';
import { nothing } from '../decode.ts';
import type { SendRequest } from '../request.ts';
import type { UserDetail } from './user-detail.ts';

/** Calls PUT /_synapse/admin/v2/users/{user_id} for an account that exists. */
type PutExisting = (user: UserId, body: Readonly<Record<string, unknown>>) => Promise<UserDetail>;

/** Restricting accounts. */
export function userModerationApi(send: SendRequest, putExisting: PutExisting) {
  const shadowBanPath = '/_synapse/admin/v1/users/{user_id}/shadow_ban';

  return {
    /**
     * Deactivates an account; with `erase`, also hides its messages from people who join later.
     * Idempotent. The server removes the account from its rooms after it has answered.
     * POST /_synapse/admin/v1/deactivate/{user_id}
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
     */
    async deactivate(user: UserId, options: { erase: boolean }): Promise<void> {
      return send('POST', '/_synapse/admin/v1/deactivate/{user_id}', {
        path: { user_id: user },
        body: { erase: options.erase },
        answer: nothing,
      });
    },

    /**
     * Reactivates an account, without a password. Idempotent.
     * PUT /_synapse/admin/v2/users/{user_id} with `deactivated: false` alone
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
     */
    async reactivate(user: UserId): Promise<UserDetail> {
      return putExisting(user, { deactivated: false });
    },

    /**
     * Hides an account's messages from everybody else, without telling the user. Idempotent.
     * POST /_synapse/admin/v1/users/{user_id}/shadow_ban
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
     */
    async shadowBan(user: UserId): Promise<void> {
      return send('POST', shadowBanPath, {
        path: { user_id: user },
        answer: nothing,
      });
    },

    /** Lifts a shadow-ban. Idempotent. DELETE /_synapse/admin/v1/users/{user_id}/shadow_ban */
    async unshadowBan(user: UserId): Promise<void> {
      return send('DELETE', shadowBanPath, {
        path: { user_id: user },
        answer: nothing,
      });
    },

    /**
     * Locks or unlocks an account. While it is locked, its sessions don't work. Idempotent.
     * PUT /_synapse/admin/v2/users/{user_id} with `locked` alone
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
     */
    async setLocked(user: UserId, locked: boolean): Promise<UserDetail> {
      return putExisting(user, { locked });
    },

    /**
     * Suspends or unsuspends an account. While it is suspended, it can read, but not send, join, invite or
     * change its profile. Idempotent.
     * PUT /_synapse/admin/v1/suspend/{user_id}
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
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
