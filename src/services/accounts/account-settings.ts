import { HomeserverError, TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';

type Api = Pick<AdminApi, 'users'>;

/**
 * Sets until when an account can be used. Synapse accepts a time even if it never expires accounts. Only
 * a renewal by its own period fails then, so that comes first.
 *
 * @param options.expirationTs milliseconds since 1970; by default, Synapse's period from now on
 * @returns when it ends, in milliseconds since 1970
 * @throws TargetError this homeserver does not expire accounts
 */
export async function setValidity(
  { users }: Api,
  user: UserId,
  options: { readonly expirationTs: number | undefined; readonly renewalEmails: boolean },
): Promise<number> {
  const { expirationTs, renewalEmails } = options;
  const renewed = await users.setValidity(user, { renewalEmails }).catch((error: unknown) => {
    throw error instanceof HomeserverError && error.status === 500
      ? new TargetError(
          'state',
          'this homeserver does not expire accounts',
          'Nothing was changed. In Synapse’s configuration, `account_validity.enabled` and `account_validity.period` turn it on.',
        )
      : error;
  });
  return expirationTs === undefined
    ? renewed
    : users.setValidity(user, { expirationTs, renewalEmails });
}

/**
 * Enables and disables experimental features for an account.
 *
 * @returns the features that were changed, as they were before
 * @throws TargetError Synapse doesn't know one of them, or there is nothing to change
 */
export async function setExperimentalFeatures(
  { users }: Api,
  user: UserId,
  wanted: ReadonlyMap<string, boolean>,
): Promise<ReadonlyMap<string, boolean>> {
  const before = await users.experimentalFeatures(user);
  const unknown = [...wanted.keys()].find((feature) => !before.has(feature));
  if (unknown !== undefined) {
    throw new TargetError(
      'unknown',
      `Synapse can’t enable \`${cut(unknown)}\` for single accounts`,
      before.size === 0
        ? 'It has no such experimental features. Nothing was changed.'
        : `It knows ${[...before.keys()].map((name) => `\`${cut(name)}\``).join(', ')}. Nothing was changed.`,
    );
  }
  const changed = [...before].filter(
    ([feature, enabled]) => (wanted.get(feature) ?? enabled) !== enabled,
  );
  if (changed.length === 0) {
    throw new TargetError('state', `${user} has these features already`, 'Nothing was changed.');
  }
  await users.setExperimentalFeatures(user, wanted);
  return new Map(changed);
}
