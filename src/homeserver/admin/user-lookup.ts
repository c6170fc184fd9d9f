import { z } from 'zod';

import { HomeserverError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { apiObject, userId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';

/** Whether a localpart can be registered, and if not, why. */
type UsernameAvailability =
  | { readonly available: true }
  | { readonly available: false; readonly reason: 'taken' | 'invalid' | 'reserved' };

const unavailable: Readonly<Record<string, 'taken' | 'invalid' | 'reserved'>> = {
  M_USER_IN_USE: 'taken',
  M_INVALID_USERNAME: 'invalid',
  M_EXCLUSIVE: 'reserved',
};

/** Finding accounts by something other than their ID. */
export function userLookupApi(send: SendRequest) {
  return {
    /**
     * Whether a localpart is valid and available. Localparts of deactivated accounts are taken; those
     * in the namespace of an application service are reserved.
     * GET /_synapse/admin/v1/username_available
     */
    async usernameAvailable(localpart: string): Promise<UsernameAvailability> {
      // The server accepts only ASCII here, and has no errcode for anything else.
      if (!/^[\u0021-\u007e]+$/.test(localpart)) {
        return { available: false, reason: 'invalid' };
      }
      try {
        await send('GET', '/_synapse/admin/v1/username_available', {
          query: { username: localpart },
          answer: z.object({ available: z.literal(true) }),
        });
        return { available: true };
      } catch (error) {
        const reason = error instanceof HomeserverError ? unavailable[error.errcode] : undefined;
        if (reason === undefined) {
          throw error;
        }
        return { available: false, reason };
      }
    },

    /**
     * The account with an e-mail address or a phone number (digits with country code).
     * GET /_synapse/admin/v1/threepid/{medium}/users/{address}
     */
    async findByThreepid(medium: 'email' | 'msisdn', address: string): Promise<UserId | undefined> {
      return ifFound(async () => {
        const found = await send('GET', '/_synapse/admin/v1/threepid/{medium}/users/{address}', {
          // Synapse stores addresses in lower case and compares them exactly.
          path: { medium, address: medium === 'email' ? address.toLowerCase() : address },
          answer: apiObject({ user_id: userId }),
        });
        return found.userId;
      });
    },

    /**
     * The account of a person whom an identity provider knows by this ID.
     * GET /_synapse/admin/v1/auth_providers/{provider}/users/{external_id}
     */
    async findByExternalId(provider: string, externalId: string): Promise<UserId | undefined> {
      return ifFound(async () => {
        const found = await send(
          'GET',
          '/_synapse/admin/v1/auth_providers/{provider}/users/{external_id}',
          {
            path: { provider, external_id: externalId },
            answer: apiObject({ user_id: userId }),
          },
        );
        return found.userId;
      });
    },
  };
}
