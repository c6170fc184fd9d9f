import type { Status } from '../../chat/answers/answer.ts';
import { StoreError, UnrecordedError } from '../../core/errors.ts';
import type { OperationState, TargetState } from '../../store/schema.ts';
import type { StoreTables } from '../../store/store.ts';
import type { AuditEntry } from '../../store/tables/audit-log.ts';
import type { OpenItemCount } from '../../store/tables/report-items.ts';
import { postOutcome } from '../answer/reply.ts';
import type { MessagePart } from '../answer/reply.ts';
import { postScheduledEnd } from '../answer/scheduled-end.ts';
import { correctDecision } from '../confirm/correct-decision.ts';
import { outcomeOf } from './attempt.ts';
import { beginIfStillAllowed, leaveOut } from './begin.ts';
import type { AdvanceContext, Attempted, Begun, Prepared, Run } from './begin.ts';
import { outcomeReply } from './outcome.ts';
import { resolveItem } from './resolve-item.ts';
import { isTimed, updateTimers } from './timers.ts';
import { taskOf } from './work.ts';
import type { Attempt, Unit, Work } from './work.ts';

/**
 * Commits an outcome together with the next intent, or with the end of the operation and its answer.
 *
 * @returns the next unit, which is begun
 */
export async function record(
  context: AdvanceContext,
  run: Run,
  done: Prepared & Attempted & { readonly unit: Begun; readonly steps: Unit[] },
): Promise<Begun | undefined> {
  const { work } = run;
  const { unit, attempt, before, skipped, next, steps } = done;
  const isLast = next === undefined && run.left - skipped.length <= 1;
  // If a power cut takes the outcome before its answer is delivered, the homeserver is asked again. An
  // intent, when a timer runs, or how much of a command was done can't be found out again.
  const repeatable =
    isLast &&
    !work.isResumed &&
    work.units.length === 1 &&
    work.invocation.forMs === undefined &&
    taskOf(work, unit).command.reconcile !== undefined &&
    (attempt.status === 'done' || attempt.status === 'failed');
  return recorded(async () =>
    context.store.transaction(
      async (tables) => {
        await recordAttempt(context, tables, run, { unit, attempt, before });
        await leaveOut(tables, run, skipped);
        if (next !== undefined) {
          if (context.stopping.aborted) {
            // It is begun after the next start.
            return undefined;
          }
          const begun = await beginIfStillAllowed(context, tables, run, { next, steps });
          if (begun !== undefined) {
            return begun;
          }
        }
        if (run.left === 0 && !context.stopping.aborted) {
          await conclude(context, tables, run);
        }
        return undefined;
      },
      { repeatable },
    ),
  );
}

async function recordAttempt(
  context: AdvanceContext,
  tables: StoreTables,
  run: Run,
  { unit, attempt, before }: Attempted & { readonly unit: Begun },
): Promise<void> {
  const { work } = run;
  let told = attempt;
  if (before?.status !== attempt.status) {
    run.isNews = true;
    await tables.auditLog.finish(unit.intent, outcomeAfter(attempt, before), context.now());
    const task = taskOf(work, unit);
    if (isTimed(task)) {
      told = { ...attempt, ...(await updateTimers(context, tables, task, attempt)) };
    }
    await tables.operationTargets.set(work.id, unit, {
      state: targetState(attempt),
      serverJob: attempt.serverJob,
      detail: attempt.error instanceof Error ? attempt.error.message : attempt.did,
    });
  }
  unit.attempt = told;
  run.left -= 1;
}

/** An attempt that was not done keeps the reason why its end was not seen. */
function outcomeAfter(
  attempt: Attempt,
  before: AuditEntry | undefined,
): ReturnType<typeof outcomeOf> {
  const outcome = outcomeOf(attempt);
  if (attempt.status !== 'failed' || before === undefined || typeof before.detail !== 'object') {
    return outcome;
  }
  const { took_ms: _tookMs, ...reason } = (before.detail ?? {}) as Record<string, unknown>;
  return { ...outcome, detail: { ...reason, ...outcome.detail } };
}

function targetState({ status, isOpen }: Attempt): TargetState {
  return isOpen === true || status === 'running' ? 'in_flight' : status;
}

/** The call was made: if the database fails now, something may have been done. */
export async function recorded<Result>(recordIt: () => Promise<Result>): Promise<Result> {
  try {
    return await recordIt();
  } catch (error) {
    throw error instanceof StoreError
      ? new UnrecordedError(
          `it was sent, and then ${error.message}`,
          'I will ask the homeserver again and post the result here. Check before you retry.',
        )
      : error;
  }
}

/** Ends the operation, unless the outcome of a unit is still open, and posts how it stands. */
export async function conclude(
  context: AdvanceContext,
  tables: StoreTables,
  run: Run,
): Promise<void> {
  const { work } = run;
  const attempts = work.units.flatMap(({ attempt }) => attempt ?? []);
  const isOpen = attempts.some((attempt) => attempt.isOpen === true);
  const { item, origin } = work.invocation;
  if (item !== undefined) {
    await resolveItem(tables, item, work, attempts, context.now());
  }
  const waiting = await waitingAbout(tables, work, attempts);
  const reply = outcomeReply(context, work, attempts, waiting);
  run.reply = reply;
  work.isTold = true;
  if (isOpen && !run.isNews) {
    return;
  }
  await postOutcome(context, tables, origin, reply, partOf(work, isOpen));
  if (!isOpen) {
    await tables.operations.end(work.id, endOf(reply.status, attempts), context.now());
    await postScheduledEnd(context, tables, work, reply);
    const decision = await correctDecision(context, tables, origin.event, reply);
    if (decision !== undefined) {
      context.deliver(decision);
    }
  }
}

function partOf({ isResumed }: Work, isOpen: boolean): MessagePart {
  return !isResumed ? 'outcome' : isOpen ? 'unknown' : 'reconciled';
}

function endOf(
  status: Status,
  attempts: readonly Attempt[],
): Extract<OperationState, 'cancelled' | 'done' | 'failed' | 'partial' | 'unknown'> {
  if (attempts.length === 0) {
    return 'cancelled';
  }
  return status === 'done' || status === 'partial' || status === 'unknown' ? status : 'failed';
}

/** Other reports that are pending about the accounts that were dealt with: usually they can be resolved, too. */
async function waitingAbout(
  { reportItems }: Pick<StoreTables, 'reportItems'>,
  { command }: Pick<Work, 'command'>,
  attempts: readonly Attempt[],
): Promise<readonly OpenItemCount[]> {
  const done = attempts.flatMap(({ target, status }) => (status === 'done' ? (target ?? []) : []));
  return command.resolvesReports === true && done.length > 0 ? reportItems.countOpen(done) : [];
}
