import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { nothing } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { userAccessApi } from './user-access.ts';
import { userActivityApi } from './user-activity.ts';
import { userDetail } from './user-detail.ts';
import type { UserDetail } from './user-detail.ts';
import { userListApi } from './user-list.ts';
import { userLookupApi } from './user-lookup.ts';
import { userRatelimitApi } from './user-ratelimit.ts';
import { userSettingsApi } from './user-settings.ts';

export type { UserDetail } from './user-detail.ts';
export type { UserPage, UserQuery, UserSummary } from './user-list.ts';
export { userOrders } from './user-list.ts';

export interface ThreepidInput {
  readonly medium: 'email' | 'msisdn';
  readonly address: string;
}

export interface ExternalIdInput {
  readonly authProvider: string;
  readonly externalId: string;
}

interface Profile {
  /** Empty to remove it. */
  readonly displayname?: string | undefined;
  /** An mxc URI; empty to remove it. */
  readonly avatarUrl?: string | undefined;
}

interface Account {
  readonly password?: string | undefined;
  readonly admin?: boolean | undefined;
  /** Replaces all. Another account that has one of the addresses loses it. */
  readonly threepids?: readonly ThreepidInput[] | undefined;
  /** Replaces all. */
  readonly externalIds?: readonly ExternalIdInput[] | undefined;
  /** `bot`, `support` or a type from the server's configuration; null for an ordinary account. */
  readonly userType?: string | null | undefined;
}

export type NewUser = Profile & Account;

type Without<Fields> = { readonly [Name in keyof Fields]?: undefined };

/**
 * Either the profile or the rest. The server counts a profile change against the account's own message
 * rate limit, so a spammer who has reached it would block the rest with a 429.
 */
type UserChange =
  | (Profile & Without<Account> & { readonly logoutDevices?: undefined })
  | (Account &
      Without<Profile> & {
        /** With a password: whether to end all sessions; true by default. */
        readonly logoutDevices?: boolean | undefined;
      });

function toBody(fields: NewUser & { readonly logoutDevices?: boolean | undefined }) {
  return {
    displayname: fields.displayname,
    avatar_url: fields.avatarUrl,
    password: fields.password,
    logout_devices: fields.logoutDevices,
    admin: fields.admin,
    threepids: fields.threepids?.map(({ medium, address }) => ({ medium, address })),
    external_ids: fields.externalIds?.map(({ authProvider, externalId }) => ({
      auth_provider: authProvider,
      external_id: externalId,
    })),
    user_type: fields.userType,
  };
}

/** Accounts, by `/_synapse/admin/v1/users` and `/v2/users`. */
export function usersApi(send: SendRequest) {
  const userPath = '/_synapse/admin/v2/users/{user_id}';

  async function get(user: UserId): Promise<UserDetail> {
    return send('GET', userPath, { path: { user_id: user }, answer: userDetail });
  }

  async function find(user: UserId): Promise<UserDetail | undefined> {
    return ifFound(async () => get(user));
  }

  async function put(user: UserId, body: Readonly<Record<string, unknown>>): Promise<UserDetail> {
    return send('PUT', userPath, { path: { user_id: user }, body, answer: userDetail });
  }

  /** The endpoint would create an account that doesn't exist, for example after a typing error. */
  async function putExisting(
    user: UserId,
    body: Readonly<Record<string, unknown>>,
  ): Promise<UserDetail> {
    await get(user);
    return put(user, body);
  }

  return {
    /**
     * One account. GET /_synapse/admin/v2/users/{user_id}
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
     */
    get,

    /** Like `get`, but undefined for an unknown account. */
    find,

    /**
     * Creates an account. PUT /_synapse/admin/v2/users/{user_id}
     *
     * @throws TargetError `state`: the account exists, possibly deactivated
     * @throws HomeserverError 400 invalid username; 400 or 409 the server has refused `threepids` or
     * `externalIds`, but has created the account without them
     */
    async create(user: UserId, fields: NewUser): Promise<UserDetail> {
      if ((await find(user)) !== undefined) {
        throw new TargetError('state', `the account ${user} exists already`);
      }
      return put(user, toBody(fields));
    },

    /**
     * Changes an account that exists. PUT /_synapse/admin/v2/users/{user_id}
     *
     * If the server refuses one field, it may still have set others.
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server or the caller's own admin
     * rights, 409 another account has the external ID
     */
    async modify(user: UserId, change: UserChange): Promise<UserDetail> {
      return putExisting(user, toBody(change));
    },

    ...userListApi(send),
    ...userLookupApi(send),
    ...userModerationApi(send, putExisting),
    ...userAccessApi(send),
    ...userActivityApi(send),
    ...userRatelimitApi(send),
    ...userSettingsApi(send),
  };
}

/** Calls PUT /_synapse/admin/v2/users/{user_id} for an account that exists. */
type PutExisting = (user: UserId, body: Readonly<Record<string, unknown>>) => Promise<UserDetail>;

/** Restricting accounts. */
function userModerationApi(send: SendRequest, putExisting: PutExisting) {
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
     * Approves a new account, or takes the approval back. Idempotent. A server that does not ask for approval
     * ignores it and sends no `approved`.
     * PUT /_synapse/admin/v2/users/{user_id} with `approved` alone
     *
     * @throws HomeserverError 404 unknown account, 400 account of another server
     */
    async setApproved(user: UserId, approved: boolean): Promise<UserDetail> {
      return putExisting(user, { approved });
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
