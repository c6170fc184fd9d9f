import { randomBytes } from 'node:crypto';

import { HomeserverError } from '../../core/errors.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { RegistrationToken } from '../../homeserver/admin/registration-tokens.ts';
import type { MasApi } from '../../homeserver/mas/mas-api.ts';
import type { MasRegistrationToken } from '../../homeserver/mas/registration-tokens.ts';

type TokensApi = AdminApi['registrationTokens'];

/**
 * Registration tokens of MAS, in the shape of Synapse's admin API. MAS can't delete a token. So deleting
 * one revokes it, revoked ones count as deleted, and creating one with the same text restores it.
 */
export function delegatedTokensApi({ registrationTokens: tokens }: MasApi): TokensApi {
  /** @throws HomeserverError 404 unknown or revoked */
  async function need(text: string, request: string): Promise<MasRegistrationToken> {
    const found = await tokens.findByText(text);
    if (found === undefined || found.revokedAt !== null) {
      throw new HomeserverError(404, 'M_NOT_FOUND', request);
    }
    return found;
  }

  return {
    async list({ valid } = {}) {
      const found = await Array.fromAsync(tokens.all({ revoked: false }));
      return found.filter((token) => valid === undefined || token.valid === valid).map(toOurs);
    },

    async find(text) {
      const found = await tokens.findByText(text);
      return found === undefined || found.revokedAt !== null ? undefined : toOurs(found);
    },

    async create({ token, length, usesAllowed = null, expiryTime = null } = {}) {
      const limits = { usageLimit: usesAllowed, expiresAt: expiryTime };
      const revoked = token === undefined ? undefined : await tokens.findByText(token);
      if (revoked !== undefined && revoked.revokedAt !== null) {
        await tokens.unrevoke(revoked.id);
        return toOurs(await tokens.modify(revoked.id, limits));
      }
      const text = token ?? (length === undefined ? undefined : randomText(length));
      return toOurs(await tokens.create({ token: text, ...limits }));
    },

    async modify(text, { usesAllowed, expiryTime }) {
      const { id } = await need(text, 'PUT /api/admin/v1/user-registration-tokens/{id}');
      return toOurs(await tokens.modify(id, { usageLimit: usesAllowed, expiresAt: expiryTime }));
    },

    async delete(text) {
      const { id } = await need(text, 'POST /api/admin/v1/user-registration-tokens/{id}/revoke');
      await tokens.revoke(id);
    },
  };
}

/** MAS counts uses, and does not say which registrations are in progress. */
function toOurs(token: MasRegistrationToken): RegistrationToken {
  return {
    token: token.token,
    usesAllowed: token.usageLimit,
    pending: 0,
    completed: token.timesUsed,
    expiryTime: token.expiresAt,
  };
}

function randomText(length: number): string {
  return randomBytes(length).toString('base64url').slice(0, length);
}
