import { bold, line } from '../../chat/answers/answer.ts';
import { dateTime } from '../../chat/answers/phrases.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import type { StoreTables } from '../../store/store.ts';
import { post } from './reply.ts';
import type { PostContext, Reply } from './reply.ts';

/**
 * Says in the room how a scheduled operation ended: the edited answer to it may be far up in the room.
 * Mentions the person who asked if not all of it was done.
 */
export async function postScheduledEnd(
  context: PostContext,
  tables: Pick<StoreTables, 'outbox'>,
  { id, invocation }: { readonly id: number; readonly invocation: Invocation },
  reply: Reply,
): Promise<void> {
  const { actor, notBefore, origin } = invocation;
  if (notBefore === undefined) {
    return;
  }
  const isDone = reply.status === 'done';
  const { command, status, audit, operation, error } = reply;
  await post(context, tables, 'alert', {
    kind: 'alert',
    origin,
    mentions: isDone || actor.kind !== 'person' ? [] : [actor.user],
    reply: {
      command,
      status,
      audit,
      ...(operation === undefined ? {} : { operation }),
      ...(error === undefined ? {} : { error }),
      answer: {
        mark: reply.answer.mark,
        title: [
          bold(`Operation ${id}, scheduled for ${dateTime(notBefore)}: `),
          ...reply.answer.title,
        ],
        body: [line('The answer to the command shows the details.')],
        next: [`audit --operation ${id}`],
      },
    },
  });
}
