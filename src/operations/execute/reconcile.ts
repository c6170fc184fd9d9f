import type { Command, Context, Reconciliation } from '../../chat/command/declaration.ts';
import { codeOf } from '../../core/errors.ts';
import type { House } from '../house.ts';
import type { Attempt } from './attempt.ts';

type Known = Pick<Attempt, 'status' | 'isOpen'>;

/** Asks the homeserver what became of a call that was cut off; `unknown` where it can't tell now. */
export async function reconcile(
  house: House,
  command: Pick<Command, 'name' | 'reconcile'>,
  context: Context,
): Promise<Reconciliation> {
  try {
    return (await command.reconcile?.(context)) ?? 'unknowable';
  } catch (error) {
    house.log.warn({ command: command.name, code: codeOf(error) }, 'an outcome is not known yet');
    return 'unknown';
  }
}

/**
 * What that makes of the call of an audit entry. The homeserver can still be at work on what it has not
 * done yet: that counts as not done when it is so twice, `reconcileAfterMs` apart.
 */
export function reconciledAttempt(
  house: House,
  reconciliation: Reconciliation,
  audit: number,
): Known {
  if (reconciliation !== 'not_done') {
    house.seenNotDone.delete(audit);
  }
  switch (reconciliation) {
    case 'done':
      return { status: 'done' };
    case 'not_done':
      return notDone(house, audit);
    case 'unknown':
      return { status: 'unknown', isOpen: true };
    case 'unknowable':
      return { status: 'unknown' };
  }
}

function notDone({ seenNotDone, settings, recoverAt, now }: House, audit: number): Known {
  const askedAt = performance.now();
  const firstAt = seenNotDone.get(audit) ?? askedAt;
  const waitMs = firstAt + settings.reconcileAfterMs - askedAt;
  if (waitMs <= 0) {
    return { status: 'failed' };
  }
  seenNotDone.set(audit, firstAt);
  recoverAt(now() + waitMs);
  return { status: 'unknown', isOpen: true };
}
