import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { ago, dateTime } from '../../chat/answers/phrases.ts';
import { actorName } from '../../chat/command/invocation.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import type { UserId } from '../../core/ids.ts';
import type { StoreTables } from '../../store/store.ts';
import { postOutcome } from '../answer/reply.ts';
import type { DeliverContext, Reply } from '../answer/reply.ts';
import { allLeftOut, plannedOperation } from '../execute/operation-field.ts';
import { whoDecided } from '../execute/single-outcome.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import type { Resolved } from '../stages.ts';
import { leftOutBlocks } from './left-out.ts';

/** Whether an operation is to be done at a time that has not come yet. */
export function isForLater(
  context: { now(): number },
  { invocation }: Pick<Resolved, 'invocation'>,
): boolean {
  return invocation.notBefore !== undefined && invocation.notBefore > context.now();
}

/** What scheduling an operation needs. */
export type ScheduleContext = DeliverContext & {
  readonly members: Pick<Members, 'displayName'>;
  readonly settings: Pick<Settings, 'prefix'>;
  /** An operation was scheduled. */
  wakeTimers(): void;
};

/**
 * Commits in one transaction what `cause` records, and that the operation waits for its time. The room is told when
 * that is.
 *
 * @returns the answer; undefined if `cause` returns false, or the operation was scheduled before
 */
export async function schedule(
  context: ScheduleContext,
  resolved: Resolved,
  confirmer: UserId | undefined,
  cause: (tables: StoreTables) => Promise<boolean>,
): Promise<Reply | undefined> {
  const { invocation, command, danger } = resolved;
  const { origin, actor, notBefore = 0 } = invocation;
  const reply = await context.store.transaction(async (tables) => {
    if (!(await cause(tables))) {
      return undefined;
    }
    const now = context.now();
    const id = await tables.operations.schedule(
      {
        eventId: origin.event,
        roomId: origin.room,
        actor: actorName(actor),
        command: command.name,
        danger,
        invocation: JSON.stringify(invocation),
        notBefore,
      },
      now,
    );
    if (id === undefined) {
      return undefined;
    }
    const scheduled = scheduledReply(context, resolved, { id, confirmer });
    await postOutcome(context, tables, origin, scheduled, { part: 'scheduled' });
    await tables.inbox.markHandled(origin.event, now);
    return scheduled;
  });
  context.deliver(origin.event);
  context.wakeTimers();
  return reply;
}

function scheduledReply(
  context: Pick<ScheduleContext, 'members' | 'now' | 'settings'>,
  resolved: Resolved,
  { id, confirmer }: { readonly id: number; readonly confirmer: UserId | undefined },
): Reply {
  const { command, invocation } = resolved;
  const { prefix } = context.settings;
  const { notBefore = 0 } = invocation;
  return {
    command: command.name,
    status: 'pending',
    audit: [],
    operation: plannedOperation(resolved, id, 'scheduled'),
    answer: {
      mark: '⏳',
      title: [
        bold(`Scheduled for ${dateTime(notBefore)}: `),
        code(`${prefix}${shortLine(command, invocation)}`),
      ],
      body: [
        line(
          `It runs ${ago(notBefore, context.now())}, as operation ${id}. Roles, protection and the targets are checked again then.`,
        ),
        ...leftOutBlocks(allLeftOut(resolved)),
        facts(whoDecided(context, { invocation, confirmer }), [
          'Stop: ',
          code(`${prefix}stop-job ${id}`),
        ]),
      ],
      next: [`stop-job ${id}`, 'jobs'],
      data: { id, runAt: notBefore },
    },
  };
}

/** When it will be done, if not at once. */
export function laterBlocks(now: number, { notBefore }: Pick<Invocation, 'notBefore'>): Block[] {
  return notBefore === undefined
    ? []
    : [line(`To run at ${dateTime(notBefore)}, ${ago(notBefore, now)}, if it is confirmed.`)];
}
