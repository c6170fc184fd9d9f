import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { ExternalIdInput, ThreepidInput } from '../../homeserver/admin/users.ts';

export type { ExternalIdInput, ThreepidInput } from '../../homeserver/admin/users.ts';

/** The addresses and logins by which somebody gets into an account, besides ID and password. */
export interface Identities {
  readonly threepids?: readonly ThreepidInput[] | undefined;
  readonly externalIds?: readonly ExternalIdInput[] | undefined;
}

/**
 * Refuses identities that another account than `self` has. Synapse would take an address away from the
 * other account without a warning, and would fail at a provider's ID halfway through the change.
 *
 * @throws TargetError naming the owner
 */
export async function assertFree(
  api: Pick<AdminApi, 'users'>,
  { threepids = [], externalIds = [] }: Identities,
  self: UserId,
): Promise<void> {
  for (const { medium, address } of threepids) {
    const owner = await api.users.findByThreepid(medium, address);
    if (owner !== undefined && owner !== self) {
      const what = medium === 'email' ? 'the e-mail address' : 'the phone number';
      throw new TargetError(
        'state',
        `${what} ${address} belongs to ${owner}`,
        'Nothing was changed. Remove it from that account first.',
      );
    }
  }
  for (const { authProvider, externalId } of externalIds) {
    const owner = await api.users.findByExternalId(authProvider, externalId);
    if (owner !== undefined && owner !== self) {
      throw new TargetError(
        'state',
        `${externalId} at ${authProvider} belongs to ${owner}`,
        'Nothing was changed. Remove it from that account first.',
      );
    }
  }
}
