import {
  HomeserverError,
  LawspeakerError,
  TargetError,
  mayHaveHappened,
} from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';

type Api = Pick<AdminApi, 'users'>;

interface Validity {
  /** When the account ends now, in milliseconds since 1970. */
  readonly expirationTs: number;
  /** Why Synapse renewed the account, and then did not set the time that was asked for. */
  readonly notSet: LawspeakerError | undefined;
}

/**
 * Sets until when an account can be used. Synapse accepts a time even if it never expires accounts. Only
 * a renewal by its own period fails then, so that comes first.
 *
 * @param options.expirationTs milliseconds since 1970; by default, Synapse's period from now on
 * @throws TargetError this homeserver does not expire accounts
 */
export async function setValidity(
  { users }: Api,
  user: UserId,
  options: { readonly expirationTs: number | undefined; readonly renewalEmails: boolean },
): Promise<Validity> {
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
  if (expirationTs === undefined) {
    return { expirationTs: renewed, notSet: undefined };
  }
  try {
    return {
      expirationTs: await users.setValidity(user, { expirationTs, renewalEmails }),
      notSet: undefined,
    };
  } catch (error) {
    if (error instanceof LawspeakerError && !mayHaveHappened(error)) {
      return { expirationTs: renewed, notSet: error };
    }
    throw error;
  }
}

/** What experimental features of an account were changed. */
interface FeatureChange {
  /** The features that were changed, as they were before. */
  readonly before: ReadonlyMap<string, boolean>;
  /** All features, as they are now. */
  readonly features: ReadonlyMap<string, boolean>;
}

/**
 * Enables and disables experimental features for an account.
 *
 * @throws TargetError Synapse doesn't know one of them, or there is nothing to change
 */
export async function setExperimentalFeatures(
  { users }: Api,
  user: UserId,
  wanted: ReadonlyMap<string, boolean>,
): Promise<FeatureChange> {
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
  return { before: new Map(changed), features: new Map([...before, ...wanted]) };
}
