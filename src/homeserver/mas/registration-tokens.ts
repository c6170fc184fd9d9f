import { z } from 'zod';

import { bool, maybe } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { filters, listAll, resource, single, time, timeForMas } from './json-api.ts';
import type { MasId } from './json-api.ts';

const registrationToken = resource({
  token: z.string(),
  /** Whether people can register with it now. */
  valid: bool,
  /** Null for no limit. */
  usage_limit: maybe(z.number()),
  times_used: z.number(),
  created_at: maybe(time),
  last_used_at: maybe(time),
  /** Null for never. */
  expires_at: maybe(time),
  revoked_at: maybe(time),
});

/** A token that people can register with. A secret while it is valid. Times in milliseconds since 1970. */
export type MasRegistrationToken = z.output<typeof registrationToken>;

/** Undefined leaves a limit as it is; null removes it. */
export interface MasRegistrationTokenChange {
  readonly usageLimit?: number | null | undefined;
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | null | undefined;
}

/** Registration tokens, by `/api/admin/v1/user-registration-tokens`. They can be revoked, not deleted. */
export function registrationTokensApi(send: SendRequest) {
  const listPath = '/api/admin/v1/user-registration-tokens';
  const tokenPath = '/api/admin/v1/user-registration-tokens/{id}';
  const answer = single(registrationToken);

  function all(
    query: { readonly valid?: boolean | undefined; readonly revoked?: boolean | undefined } = {},
  ): AsyncGenerator<MasRegistrationToken, void, undefined> {
    const { valid, revoked } = query;
    return listAll(send, listPath, registrationToken, filters({ valid, revoked }));
  }

  return {
    /** All tokens, oldest first. GET /api/admin/v1/user-registration-tokens */
    all,

    /** One token, undefined if unknown. GET /api/admin/v1/user-registration-tokens/{id} */
    async find(id: MasId): Promise<MasRegistrationToken | undefined> {
      return ifFound(async () => send('GET', tokenPath, { path: { id }, answer }));
    },

    /** The token with this text, undefined if unknown. MAS can't look it up, so this reads the list. */
    async findByText(text: string): Promise<MasRegistrationToken | undefined> {
      for await (const token of all()) {
        if (token.token === text) {
          return token;
        }
      }
      return undefined;
    },

    /**
     * Creates a token. POST /api/admin/v1/user-registration-tokens
     *
     * MAS also accepts a limit of 0, a time in the past and an empty text.
     *
     * @param options.token its text; 12 random letters and digits by default
     * @throws MasError 409 the token exists
     */
    async create(
      options: MasRegistrationTokenChange & { readonly token?: string | undefined } = {},
    ): Promise<MasRegistrationToken> {
      return send('POST', listPath, {
        body: { token: options.token, ...limits(options) },
        answer,
      });
    },

    /**
     * Changes a token's limits. Idempotent. PUT /api/admin/v1/user-registration-tokens/{id}
     *
     * @throws MasError 404 unknown
     */
    async modify(id: MasId, change: MasRegistrationTokenChange): Promise<MasRegistrationToken> {
      return send('PUT', tokenPath, { path: { id }, body: limits(change), answer });
    },

    /**
     * Makes a token invalid. POST /api/admin/v1/user-registration-tokens/{id}/revoke
     *
     * @throws MasError 404 unknown, 400 it is revoked already
     */
    async revoke(id: MasId): Promise<MasRegistrationToken> {
      return send('POST', '/api/admin/v1/user-registration-tokens/{id}/revoke', {
        path: { id },
        answer,
      });
    },

    /**
     * Undoes a revocation. POST /api/admin/v1/user-registration-tokens/{id}/unrevoke
     *
     * @throws MasError 404 unknown, 400 it is not revoked
     */
    async unrevoke(id: MasId): Promise<MasRegistrationToken> {
      return send('POST', '/api/admin/v1/user-registration-tokens/{id}/unrevoke', {
        path: { id },
        answer,
      });
    },
  };
}

function limits({ usageLimit, expiresAt }: MasRegistrationTokenChange) {
  return { usage_limit: usageLimit, expires_at: timeForMas(expiresAt) };
}
