import { z } from 'zod';

import { bool, flag, maybe, nothing } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { filters, listAll, resource, single, time } from './json-api.ts';
import type { MasId } from './json-api.ts';

const user = resource({
  /** The localpart. */
  username: z.string(),
  created_at: maybe(time),
  locked_at: maybe(time),
  deactivated_at: maybe(time),
  /** Whether the account may ask for admin scopes. It has no default, because it decides who is protected. */
  admin: bool,
  legacy_guest: flag,
});

/** An account of MAS. Times in milliseconds since 1970. */
export type MasUser = z.output<typeof user>;

export interface MasUserQuery {
  readonly admin?: boolean | undefined;
  readonly legacyGuest?: boolean | undefined;
  /** Part of the localpart. */
  readonly search?: string | undefined;
  readonly status?: 'active' | 'locked' | 'deactivated' | undefined;
  /** A client in which they have an active session. */
  readonly activeClientId?: MasId | undefined;
}

/**
 * Accounts, by `/api/admin/v1/users`. MAS answers a change before Synapse knows of it, and tells Synapse in
 * the background, usually within half a second. Only `create` and `reactivate` wait for Synapse.
 *
 * Functions that take an ID throw MasError 404 if it is unknown.
 */
export function usersApi(send: SendRequest) {
  const listPath = '/api/admin/v1/users';
  const userPath = '/api/admin/v1/users/{id}';
  const answer = single(user);

  return {
    /** All accounts, oldest first. GET /api/admin/v1/users */
    all(query: MasUserQuery = {}): AsyncGenerator<MasUser, void, undefined> {
      const { admin, legacyGuest, search, status, activeClientId } = query;
      const filter = filters({
        admin,
        'legacy-guest': legacyGuest,
        search,
        status,
        'active-oauth2-client': activeClientId,
      });
      return listAll(send, listPath, user, filter);
    },

    /** One account, undefined if unknown. GET /api/admin/v1/users/{id} */
    async find(id: MasId): Promise<MasUser | undefined> {
      return ifFound(async () => send('GET', userPath, { path: { id }, answer }));
    },

    /**
     * The account with this localpart, in upper or lower case; undefined if there is none. MAS doesn't know
     * accounts of application services. GET /api/admin/v1/users/by-username/{username}
     */
    async findByLocalpart(localpart: string): Promise<MasUser | undefined> {
      return ifFound(async () =>
        send('GET', '/api/admin/v1/users/by-username/{username}', {
          path: { username: localpart },
          answer,
        }),
      );
    },

    /**
     * Creates an account without a password, in Synapse too. POST /api/admin/v1/users
     *
     * @param options.displayName the localpart by default
     * @throws MasError 400 not a valid localpart, 409 it exists or an application service has reserved it
     */
    async create(options: {
      readonly localpart: string;
      readonly displayName?: string | undefined;
      readonly avatarUrl?: string | undefined;
    }): Promise<MasUser> {
      return send('POST', listPath, {
        body: {
          username: options.localpart,
          displayname: options.displayName,
          avatar_url: options.avatarUrl,
        },
        answer,
      });
    },

    /**
     * Sets a password. Sessions stay. Idempotent. POST /api/admin/v1/users/{id}/set-password
     *
     * @param options.skipPasswordCheck whether to accept weak passwords
     * @throws MasError 400 too weak, 403 MAS has password login switched off
     */
    async setPassword(
      id: MasId,
      options: { readonly password: string; readonly skipPasswordCheck: boolean },
    ): Promise<void> {
      return send('POST', '/api/admin/v1/users/{id}/set-password', {
        path: { id },
        body: { password: options.password, skip_password_check: options.skipPasswordCheck },
        answer: nothing,
      });
    },

    /**
     * Sets whether an account may ask for admin scopes. Tokens that have them keep them. Idempotent.
     * POST /api/admin/v1/users/{id}/set-admin
     */
    async setAdmin(id: MasId, admin: boolean): Promise<MasUser> {
      return send('POST', '/api/admin/v1/users/{id}/set-admin', {
        path: { id },
        body: { admin },
        answer,
      });
    },

    /**
     * Locks an account: logging in stops at once, tokens in use within 2 minutes. Idempotent.
     * POST /api/admin/v1/users/{id}/lock
     */
    async lock(id: MasId): Promise<MasUser> {
      return send('POST', '/api/admin/v1/users/{id}/lock', { path: { id }, answer });
    },

    /**
     * Unlocks an account; its tokens work again within 2 minutes. Idempotent.
     * POST /api/admin/v1/users/{id}/unlock
     */
    async unlock(id: MasId): Promise<MasUser> {
      return send('POST', '/api/admin/v1/users/{id}/unlock', { path: { id }, answer });
    },

    /**
     * Deactivates an account: all sessions end and the email addresses are removed. The password stays.
     * POST /api/admin/v1/users/{id}/deactivate
     *
     * @param options.erase whether Synapse erases the account, even if it is already deactivated. MAS's own
     * default is yes.
     */
    async deactivate(id: MasId, options: { readonly erase: boolean }): Promise<MasUser> {
      return send('POST', '/api/admin/v1/users/{id}/deactivate', {
        path: { id },
        body: { skip_erase: !options.erase },
        answer,
      });
    },

    /**
     * Reactivates an account, with the password that it had. A lock stays. Idempotent.
     * POST /api/admin/v1/users/{id}/reactivate
     */
    async reactivate(id: MasId): Promise<MasUser> {
      return send('POST', '/api/admin/v1/users/{id}/reactivate', { path: { id }, answer });
    },
  };
}
