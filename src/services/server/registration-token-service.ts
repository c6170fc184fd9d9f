import { createHash } from 'node:crypto';

import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type {
  RegistrationToken,
  RegistrationTokenChange,
} from '../../homeserver/admin/registration-tokens.ts';

/** No token looks like this, because a token can't contain a colon. */
const fingerprintPattern = /^sha256:[0-9a-f]{16}$/u;

export function isTokenFingerprint(name: string): boolean {
  return fingerprintPattern.test(name);
}

/**
 * Names a token without revealing it, for the audit log. Every command on a token accepts it in place
 * of the token. Somebody could guess a short token from it, but not a random one.
 *
 * @param token the token or its fingerprint
 */
export function tokenFingerprint(token: string): string {
  if (isTokenFingerprint(token)) {
    return token;
  }
  return `sha256:${createHash('sha256').update(token).digest('hex').slice(0, 16)}`;
}

/** Tokens that people register with, by `/_synapse/admin/v1/registration_tokens`. */
export function createRegistrationTokenService({
  registrationTokens: tokens,
}: Pick<AdminApi, 'registrationTokens'>) {
  /** @param name the token or its fingerprint */
  async function find(name: string): Promise<RegistrationToken | undefined> {
    return isTokenFingerprint(name)
      ? (await tokens.list()).find(({ token }) => tokenFingerprint(token) === name)
      : tokens.find(name);
  }

  return {
    list: tokens.list,
    find,
    create: tokens.create,
    edit: tokens.modify,
    delete: tokens.delete,

    /** @param token undefined if Synapse was to choose it: without its answer, nobody knows the token */
    async reconcileCreation(
      token: string | undefined,
    ): Promise<'done' | 'not_done' | 'unknowable'> {
      if (token === undefined) {
        return 'unknowable';
      }
      return (await tokens.find(token)) === undefined ? 'not_done' : 'done';
    },

    async reconcileEdit(
      name: string,
      { usesAllowed, expiryTime }: RegistrationTokenChange,
    ): Promise<'done' | 'not_done'> {
      const now = await find(name);
      const isAsWanted =
        now !== undefined &&
        (usesAllowed === undefined || now.usesAllowed === usesAllowed) &&
        (expiryTime === undefined || now.expiryTime === expiryTime);
      return isAsWanted ? 'done' : 'not_done';
    },

    reconcileDeletion: async (name: string): Promise<'done' | 'not_done'> =>
      (await find(name)) === undefined ? 'done' : 'not_done',
  };
}

export type RegistrationTokenService = ReturnType<typeof createRegistrationTokenService>;
