import { setTimeout as wait } from 'node:timers/promises';

import { createBackoff } from '../../core/async/backoff.ts';
import { LawspeakerError, StoreError, UnrecordedError } from '../../core/errors.ts';
import { present } from '../../core/present.ts';
import type { AuditEntry } from '../../store/tables/audit/audit-log.ts';
import { atOrWhyNot } from '../at-homeserver.ts';
import { nothingToDo } from '../resolve/nothing-to-do.ts';
import { resolveOne } from '../resolve/resolve.ts';
import { attemptUnit, outcomeOf, reconcileUnit } from './attempt.ts';
import type { AttemptContext } from './attempt.ts';
import { whyStopped } from './begin.ts';
import type { BeginContext, Begun, Queue } from './begin.ts';
import { isAlone, stepIndexOf, stepsOf, taskOf } from './operation.ts';
import type { Attempt, RunningOperation, Unit } from './operation.ts';

/** What making a call and following it to its end needs. */
export type FollowContext = AttemptContext & BeginContext;

/** How a call has ended, as far as is known. */
export interface Attempted {
  readonly attempt: Attempt;
  /** The audit entry as it was, if it has an outcome already. */
  readonly before: AuditEntry | undefined;
}

/**
 * Makes the call of a unit that is begun, or finds out what became of it if an earlier process made it. If it was cut
 * off and did not arrive, makes it again if that is allowed.
 */
export async function attemptAndFollow(
  context: FollowContext,
  operation: RunningOperation,
  queue: Queue,
  unit: Begun,
): Promise<Attempted> {
  const first = unit.wasBegun
    ? await reconcileAgain(context, operation, unit)
    : { attempt: await attemptUnit(context, operation, unit), before: undefined };
  const found = await followed(context, operation, unit, first);
  const task = taskOf(operation, unit);
  const step = stepsOf(task.command, task.invocation.arguments)[stepIndexOf(unit)];
  const repeats = step === undefined ? mayRepeat(task, unit, found) : step.repeats === true;
  if (!repeats || !isLost(found.attempt) || context.stopping.aborted) {
    return found;
  }
  if (step === undefined && (await whyStopped(context, context.store, queue)) !== undefined) {
    return found;
  }
  if (unit.target !== undefined && unit.account === undefined) {
    // It was begun before a restart: who may be touched may have changed since.
    const there = atOrWhyNot(context, queue.server);
    const account =
      there instanceof LawspeakerError
        ? undefined
        : await resolveOne(there, task, unit.target).catch(() => undefined);
    if (account === undefined || 'why' in account) {
      return found;
    }
    if (
      step === undefined &&
      nothingToDo(task.command, account, task.invocation.arguments) !== undefined
    ) {
      // It arrived after all.
      return { ...found, attempt: { ...found.attempt, status: 'done' } };
    }
    unit.account = account;
  }
  const again = await attemptUnit(context, operation, unit);
  return followed(context, operation, unit, { ...found, attempt: again });
}

/**
 * Whether the call of a command without steps may be made again if it was cut off and has not arrived. It
 * may if a crash cut it off and it is one of several, so that all of them are dealt with in the end. If it
 * is the only one, or the homeserver did not reply to it, the person asks for it again.
 */
function mayRepeat(
  { command, units }: RunningOperation,
  { wasBegun }: Unit,
  { before }: Attempted,
): boolean {
  const detail = (before?.detail ?? {}) as { readonly code?: unknown };
  return command.repeats === true && wasBegun && units.length > 1 && detail.code === undefined;
}

/** Whether a call was cut off, and is known not to have arrived. */
function isLost({ status, error }: Attempt): boolean {
  return status === 'failed' && error === undefined;
}

/** Follows a step, or one of several units, to its end before the next is begun. */
async function followed(
  context: FollowContext,
  operation: RunningOperation,
  unit: Begun,
  found: Attempted,
): Promise<Attempted> {
  const { attempt } = found;
  const task = taskOf(operation, unit);
  const step = stepsOf(task.command, task.invocation.arguments)[stepIndexOf(unit)];
  return attempt.isOpen === true &&
    !isAlone(operation, step) &&
    (step !== undefined || attempt.status === 'running')
    ? follow(context, operation, unit, found)
    : found;
}

async function reconcileAgain(
  context: FollowContext,
  operation: RunningOperation,
  unit: Begun,
): Promise<Attempted> {
  const before = await context.store.auditLog.get(unit.intent);
  return { attempt: await reconcileUnit(context, operation, unit, before?.status), before };
}

/** How often to check whether the homeserver has finished a job of its own. */
const firstLookMs = 500;
const maxLookMs = 5000;

/**
 * Waits until the outcome of a call is known. If the homeserver works on it in the background, records that
 * first.
 */
async function follow(
  context: FollowContext,
  operation: RunningOperation,
  unit: Begun,
  { attempt: started, before }: Attempted,
): Promise<Attempted> {
  unit.serverJob ??= started.serverJob;
  if (started.status === 'running' && before?.status !== 'running') {
    await recorded(async () =>
      context.store.transaction(async (tables) => {
        await tables.auditLog.finish(unit.intent, outcomeOf(started), context.now());
        await tables.operationTargets.set(operation.id, unit, {
          state: 'in_flight',
          ...present({ serverJob: unit.serverJob, detail: started.did }),
        });
      }),
    );
  }
  const did = started.did ?? unit.did;
  const intervals = createBackoff({ firstMs: firstLookMs, maxMs: maxLookMs });
  for (;;) {
    await wait(intervals.next(), undefined, { signal: context.stopping }).catch(() => undefined);
    const looked = await reconcileAgain(context, operation, unit);
    if (looked.attempt.isOpen !== true || context.stopping.aborted) {
      return { ...looked, attempt: { ...present({ did }), ...looked.attempt } };
    }
  }
}

/** Records the outcome of a call: if the database fails now, something may have been done. */
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
