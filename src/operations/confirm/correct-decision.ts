import { textOf } from '../../chat/answers/answer.ts';
import { decidedAnswer } from '../../chat/answers/decided.ts';
import type { EventId } from '../../core/ids.ts';
import type { Decided } from '../../services/bot/bot-operations.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Confirmation } from '../../store/tables/operations/confirmations.ts';
import { post } from '../answer/reply.ts';
import type { PostContext, Reply } from '../answer/reply.ts';
import type { Settings } from '../settings.ts';

/**
 * Updates the answer to a `confirm` that could not say yet how the operation ended.
 *
 * @returns the event of that `confirm`, if there was one
 */
export async function correctDecision(
  context: PostContext & { readonly settings: Pick<Settings, 'managementRoom'> },
  tables: StoreTables,
  event: string,
  reply: Reply,
): Promise<EventId | undefined> {
  const confirmation = await tables.confirmations.byEvent(event);
  const decision = confirmation?.decisionEventId as EventId | null | undefined;
  if (confirmation === undefined || !decision || !(await tables.outbox.has(decision, 'answer'))) {
    return undefined;
  }
  const answer = decidedAnswer(decidedOf(confirmation, reply));
  await post(context, tables, 'decided', {
    kind: 'edit',
    origin: { event: decision, room: context.settings.managementRoom },
    reply: { command: 'confirm', status: answer.status ?? 'done', audit: [], answer },
  });
  return decision;
}

/** What is said about a decision, from the answer to the command that it decides. */
export function decidedOf(confirmation: Confirmation, reply: Reply): Decided {
  const { status, answer, audit, operation } = reply;
  return {
    command: confirmation.command,
    code: confirmation.code,
    outcome:
      operation?.state === 'scheduled'
        ? 'scheduled'
        : status === 'done' || status === 'running' || status === 'partial' || status === 'unknown'
          ? status
          : 'failed',
    headline: textOf(answer.title),
    audit,
    operation: confirmation.id,
  };
}
