import { actorName } from '../../chat/command/invocation.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Attempt, Confirmed } from './operation.ts';

/**
 * Resolves the report that an operation was about, in the transaction of its outcome, if the operation
 * dealt with what was reported and is done.
 *
 * @param at milliseconds since 1970
 */
export async function resolveItem(
  { reportItems }: Pick<StoreTables, 'reportItems'>,
  id: number,
  { command, invocation }: Pick<Confirmed, 'command' | 'invocation'>,
  attempts: readonly Attempt[],
  at: number,
): Promise<void> {
  // An operation whose targets were all left out has done nothing.
  const isDone = attempts.length > 0 && attempts.every(({ status }) => status === 'done');
  if (command.resolvesReports !== true || !isDone) {
    return;
  }
  const item = await reportItems.get(id);
  if (item === undefined || item.state === 'resolved') {
    return;
  }
  const dealsWithIt =
    attempts.some(({ target }) => target === item.sender) ||
    Object.values(invocation.arguments).some((value) => namesEvent(value, item.subject)) ||
    (command.args['room'] !== undefined &&
      [invocation.arguments['room']].flat().includes(item.roomId));
  if (!dealsWithIt) {
    return;
  }
  const audit = attempts.flatMap((attempt) => attempt.audit ?? []).map((id) => `#${id}`);
  await reportItems.move(
    item.id,
    {
      state: 'resolved',
      by: actorName(invocation.actor),
      note: `${command.name}, audit ${audit.join(' ')}`,
      // The thread already shows the outcome.
      isShown: invocation.origin.thread !== undefined || invocation.origin.card !== undefined,
    },
    at,
  );
}

function namesEvent(value: unknown, event: string): boolean {
  return typeof value === 'object' && value !== null && 'event' in value && value.event === event;
}
