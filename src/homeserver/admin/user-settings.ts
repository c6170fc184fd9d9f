import { z } from 'zod';

import { HomeserverError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { apiObject, bool, nothing } from '../decode.ts';
import type { SendRequest } from '../http.ts';

/** Settings of single accounts: experimental features, the end of validity, replacing cross-signing keys. */
export function userSettingsApi(send: SendRequest) {
  const featuresPath = '/_synapse/admin/v1/experimental_features/{user_id}';

  return {
    /**
     * The experimental features that this server can enable for single accounts, and whether they are
     * enabled for this one. All are false for an unknown account. Does not tell what is enabled for everybody.
     * GET /_synapse/admin/v1/experimental_features/{user_id}
     *
     * @throws HomeserverError 400 account of another server
     */
    async experimentalFeatures(user: UserId): Promise<ReadonlyMap<string, boolean>> {
      const { features } = await send('GET', featuresPath, {
        path: { user_id: user },
        answer: apiObject({ features: z.record(z.string(), bool) }),
      });
      return new Map(Object.entries(features));
    },

    /**
     * Enables and disables experimental features. Idempotent; leaves others as they are.
     * PUT /_synapse/admin/v1/experimental_features/{user_id}
     *
     * @throws HomeserverError 400 unknown feature, or account of another server; 500 unknown account
     */
    async setExperimentalFeatures(
      user: UserId,
      features: ReadonlyMap<string, boolean>,
    ): Promise<void> {
      return send('PUT', featuresPath, {
        path: { user_id: user },
        body: { features: Object.fromEntries(features) },
        answer: nothing,
      });
    },

    /**
     * Sets until when an account can be used. Accepts any user ID, and any time even if the server does not
     * expire accounts. POST /_synapse/admin/v1/account_validity/validity
     *
     * @param options.expirationTs milliseconds since 1970; by default, the server's period from now on
     * @param options.renewalEmails whether the server sends an e-mail before that
     * @returns when it ends, in milliseconds since 1970
     * @throws HomeserverError 500 no time is given, and the server does not expire accounts
     */
    async setValidity(
      user: UserId,
      options: { readonly expirationTs?: number; readonly renewalEmails?: boolean } = {},
    ): Promise<number> {
      const answer = await send('POST', '/_synapse/admin/v1/account_validity/validity', {
        body: {
          user_id: user,
          expiration_ts: options.expirationTs,
          enable_renewal_emails: options.renewalEmails,
        },
        answer: apiObject({ expiration_ts: z.number() }),
      });
      return answer.expirationTs;
    },

    /**
     * Lets an account replace its cross-signing keys without authentication for 10 minutes. A server that does
     * not delegate accounts to MAS accepts this, and asks for the password all the same.
     * POST /_synapse/admin/v1/users/{user_id}/_allow_cross_signing_replacement_without_uia
     *
     * @returns until when, in milliseconds since 1970; undefined if the account has no such keys
     */
    async allowCrossSigningReset(user: UserId): Promise<number | undefined> {
      try {
        const answer = await send(
          'POST',
          '/_synapse/admin/v1/users/{user_id}/_allow_cross_signing_replacement_without_uia',
          {
            path: { user_id: user },
            answer: apiObject({ updatable_without_uia_before_ms: z.number() }),
          },
        );
        return answer.updatableWithoutUiaBeforeMs;
      } catch (error) {
        if (error instanceof HomeserverError && error.isNotFound) {
          return undefined;
        }
        throw error;
      }
    },
  };
}
