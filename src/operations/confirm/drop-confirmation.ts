import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Registry } from '../../chat/command/declaration.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import type { UserId } from '../../core/ids.ts';
import type { Confirmation } from '../../store/tables/operations/confirmations.ts';
import { post, withdrawReactions } from '../answer/reply.ts';
import type { DeliverContext, Reply } from '../answer/reply.ts';
import { plannedOperation } from '../execute/operation-field.ts';
import { askerName, nameOf } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import { parsedOf } from '../stages.ts';
import type { Parsed } from '../stages.ts';

interface DroppedContext {
  readonly members: Pick<Members, 'displayName'>;
  readonly settings: Pick<Settings, 'prefix'>;
}

/** What ending a confirmation that has expired needs. */
export type ExpireContext = DroppedContext &
  DeliverContext & { readonly registry: Pick<Registry, 'find'> };

/** Ends a confirmation that nobody has decided in time. */
export async function expire(context: ExpireContext, confirmation: Confirmation): Promise<void> {
  const parsed = parsedOf(context, confirmation);
  const { origin } = parsed.invocation;
  await context.store.transaction(async (tables) => {
    if (await tables.confirmations.decide(confirmation.id, 'expired', undefined, context.now())) {
      const reply = droppedReply(context, parsed, confirmation.id, 'expired', undefined);
      await post(context, tables, 'outcome', { kind: 'edit', origin, reply });
      await withdrawReactions(context, tables, origin);
    }
  });
  context.deliver(confirmation.eventId);
}

/**
 * The text that replaces a confirmation that was cancelled or has expired, or a scheduled operation that was
 * cancelled.
 *
 * @param id the number of the operation
 */
export function droppedReply(
  context: DroppedContext,
  { command, invocation }: Parsed,
  id: number,
  status: 'cancelled' | 'expired',
  by: UserId | undefined,
): Reply {
  const { actor } = invocation;
  const asker = askerName(context.members, actor);
  return {
    command: command.name,
    status,
    audit: [],
    operation: plannedOperation({ command, invocation }, id, status),
    answer: {
      mark: '❌',
      title: [
        bold(status === 'cancelled' ? 'Cancelled: ' : 'Expired: '),
        code(`${context.settings.prefix}${shortLine(command, invocation)}`),
      ],
      body: [
        line(
          `Asked by ${asker}${by === undefined ? ', confirmed by nobody' : `, cancelled by ${nameOf(context.members, by)}`}. Nothing was changed.`,
        ),
      ],
    },
  };
}
