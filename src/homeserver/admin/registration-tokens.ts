import { z } from 'zod';

import { apiObject, maybe, nothing } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';

const registrationToken = apiObject({
  token: z.string(),
  /** Null for no limit. */
  uses_allowed: maybe(z.number()),
  /** Registrations that have started with it. */
  pending: z.number(),
  /** Registrations that have finished with it. */
  completed: z.number(),
  /** Milliseconds since 1970; null for never. */
  expiry_time: maybe(z.number()),
});

/** A token that people can register with. A secret as long as it is valid. */
export type RegistrationToken = z.output<typeof registrationToken>;

export interface NewRegistrationToken {
  /** 1 to 64 of `A-Z a-z 0-9 . _ ~ -`; random by default. */
  readonly token?: string | undefined;
  /** The length of a random token, 1 to 64; 16 by default. */
  readonly length?: number | undefined;
  readonly usesAllowed?: number | null | undefined;
  /** Milliseconds since 1970, in the future. */
  readonly expiryTime?: number | null | undefined;
}

/** Undefined leaves a limit as it is; null removes it. */
export type RegistrationTokenChange = Pick<NewRegistrationToken, 'usesAllowed' | 'expiryTime'>;

/** Registration tokens, by `/_synapse/admin/v1/registration_tokens`. */
export function registrationTokensApi(send: SendRequest) {
  const tokenPath = '/_synapse/admin/v1/registration_tokens/{token}';

  return {
    /**
     * All tokens, or only those that are valid (or not). The endpoint has no pages.
     * GET /_synapse/admin/v1/registration_tokens
     */
    async list(query: { valid?: boolean } = {}): Promise<RegistrationToken[]> {
      const answer = await send('GET', '/_synapse/admin/v1/registration_tokens', {
        query: { valid: query.valid },
        answer: apiObject({ registration_tokens: z.array(registrationToken) }),
      });
      return answer.registrationTokens;
    },

    /** One token, undefined if unknown. GET /_synapse/admin/v1/registration_tokens/{token} */
    async find(token: string): Promise<RegistrationToken | undefined> {
      return ifFound(async () =>
        send('GET', tokenPath, { path: { token }, answer: registrationToken }),
      );
    },

    /**
     * Creates a token. POST /_synapse/admin/v1/registration_tokens/new
     *
     * @throws HomeserverError 400 the token exists, or a value is out of range
     */
    async create(options: NewRegistrationToken = {}): Promise<RegistrationToken> {
      return send('POST', '/_synapse/admin/v1/registration_tokens/new', {
        body: {
          token: options.token,
          length: options.length,
          uses_allowed: options.usesAllowed,
          expiry_time: options.expiryTime,
        },
        answer: registrationToken,
      });
    },

    /**
     * Changes a token's limits. Idempotent. PUT /_synapse/admin/v1/registration_tokens/{token}
     *
     * @throws HomeserverError 404 unknown, 400 a value is out of range
     */
    async modify(token: string, change: RegistrationTokenChange): Promise<RegistrationToken> {
      return send('PUT', tokenPath, {
        path: { token },
        body: { uses_allowed: change.usesAllowed, expiry_time: change.expiryTime },
        answer: registrationToken,
      });
    },

    /**
     * Removes a token. DELETE /_synapse/admin/v1/registration_tokens/{token}
     *
     * @throws HomeserverError 404 unknown
     */
    async delete(token: string): Promise<void> {
      return send('DELETE', tokenPath, { path: { token }, answer: nothing });
    },
  };
}
