import { TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { ExternalIdInput, ThreepidInput } from '../../homeserver/admin/users.ts';

export type { ExternalIdInput, ThreepidInput } from '../../homeserver/admin/users.ts';

/** By what else than its ID and password somebody gets into an account. */
export interface Identities {
  readonly threepids?: readonly ThreepidInput[] | undefined;
  readonly externalIds?: readonly ExternalIdInput[] | undefined;
}

/**
 * Refuses what another account than `self` has. Synapse takes an address away from the other without
 * a word, and trips over a provider's ID when half of the rest is done.
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
        'Nothing was changed: it would be taken away there. Take it off that account first.',
      );
    }
  }
  for (const { authProvider, externalId } of externalIds) {
    const owner = await api.users.findByExternalId(authProvider, externalId);
    if (owner !== undefined && owner !== self) {
      throw new TargetError(
        'state',
        `${externalId} at ${authProvider} belongs to ${owner}`,
        'Nothing was changed. Take it off that account first.',
      );
    }
  }
}
