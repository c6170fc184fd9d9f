import { code, line } from '../../../chat/answers/answer.ts';
import type { Block } from '../../../chat/answers/answer.ts';
import { idWord } from '../../../chat/reading/values.ts';
import { cut } from '../../../core/text.ts';
import type { Account, AccountTraits } from '../../../services/services.ts';

type Restrictions = Pick<Account, 'locked' | 'suspended' | 'shadowBanned'>;

/** The commands that lift what restricts an account: `unlock`. */
export function liftingCommands({ locked, suspended, shadowBanned }: Restrictions): string[] {
  return [
    ...(locked ? ['unlock'] : []),
    ...(suspended ? ['unsuspend'] : []),
    ...(shadowBanned ? ['unshadow-ban'] : []),
  ];
}

/** `They are still locked and suspended.`; empty if nothing restricts the account. */
export function stillRestricted({ locked, suspended, shadowBanned }: Restrictions): Block[] {
  const states = [
    ...(locked ? ['locked'] : []),
    ...(suspended ? ['suspended'] : []),
    ...(shadowBanned ? ['shadow-banned'] : []),
  ];
  return states.length === 0 ? [] : [line(`They are still ${states.join(' and ')}.`)];
}

/** Says that a restriction changes nothing for a deactivated account; empty for others. */
export function deactivatedAnyway({ deactivated }: Pick<Account, 'deactivated'>): Block[] {
  return deactivated ? [line('This account is deactivated, so nobody can use it anyway.')] : [];
}

/**
 * Says that a restriction does not stop a user of an application service, which acts with a token of its own;
 * empty for others. Suspension is the only restriction that Synapse checks for such a user.
 */
export function notForServices(
  { name, appserviceId }: Pick<Account, 'appserviceId' | 'name'>,
  prefix: string,
): Block[] {
  return appserviceId === null
    ? []
    : [
        line(
          `This account belongs to the application service ${cut(appserviceId)}, which can continue to send messages for it. This stops it: `,
          code(`${prefix}suspend ${idWord(name)}`),
        ),
      ];
}

/** ` Sessions notice within 2 minutes.`; empty if they notice at once. */
export function untilLockApplies({ minutesUntilLockApplies }: AccountTraits): string[] {
  return minutesUntilLockApplies === 0
    ? []
    : [` Sessions in use notice within ${minutesUntilLockApplies} minutes.`];
}

/** Which password the owner of a reactivated account has. */
export function passwordAfterReactivation({ passwordOutlivesDeactivation }: AccountTraits): string {
  return passwordOutlivesDeactivation
    ? 'Their old password works again.'
    : 'They have no password now, so nobody can log in with one.';
}
