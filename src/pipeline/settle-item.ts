import { actorName } from '../command/invocation.ts';
import type { StoreTables } from '../store/store.ts';
import type { Attempt } from './attempt.ts';
import type { House } from './house.ts';
import type { Confirmed } from './stages.ts';
import { targetsOf } from './targets.ts';

/**
 * Resolves the report that an action was sent about, in the transaction of its outcome: where the
 * action deals with what was reported, and was done. Returns whether it has.
 */
export async function settleItem(
  house: House,
  { reportItems }: Pick<StoreTables, 'reportItems'>,
  { command, invocation }: Pick<Confirmed, 'command' | 'invocation'>,
  attempts: readonly Attempt[],
): Promise<boolean> {
  const isDone = attempts.every(({ status }) => status === 'done');
  if (invocation.item === undefined || command.settlesReports !== true || !isDone) {
    return false;
  }
  const item = await reportItems.get(invocation.item);
  if (item === undefined || item.state === 'resolved') {
    return false;
  }
  const dealsWithIt =
    targetsOf({ command, invocation }).some((target) => target === item.sender) ||
    Object.values(invocation.arguments).some((value) => namesEvent(value, item.subject)) ||
    (command.args['room'] !== undefined && invocation.arguments['room'] === item.roomId);
  if (!dealsWithIt) {
    return false;
  }
  const audit = attempts.flatMap((attempt) => attempt.audit ?? []).map((id) => `#${id}`);
  await reportItems.move(
    item.id,
    {
      state: 'resolved',
      by: actorName(invocation.actor),
      note: `${command.name}, audit ${audit.join(' ')}`,
      // The outcome itself stands in the thread.
      isSaid: invocation.origin.thread !== undefined || invocation.origin.card !== undefined,
    },
    house.now(),
  );
  return true;
}

function namesEvent(value: unknown, event: string): boolean {
  return typeof value === 'object' && value !== null && 'event' in value && value.event === event;
}
