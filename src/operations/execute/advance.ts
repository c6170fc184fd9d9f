import { setTimeout as wait } from 'node:timers/promises';

import type { Status } from '../../chat/answers/answer.ts';
import { createBackoff } from '../../core/async/backoff.ts';
import {
  DeniedError,
  LawspeakerError,
  StoreError,
  UnreachableError,
  UnrecordedError,
} from '../../core/errors.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import { present } from '../../core/present.ts';
import type { Account } from '../../services/services.ts';
import type { OperationState, TargetState } from '../../store/schema.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { AuditEntry } from '../../store/tables/audit-log.ts';
import type { OpenItemCount } from '../../store/tables/report-items.ts';
import { postOutcome } from '../answer/reply.ts';
import type { DeliverContext, MessagePart, Reply } from '../answer/reply.ts';
import { authorize } from '../authorize/authorize.ts';
import type { AuthorizeContext } from '../authorize/authorize.ts';
import { correctDecision } from '../confirm/correct-decision.ts';
import { resolveOne } from '../resolve/resolve.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import type { Settings } from '../settings.ts';
import type { LeftOut } from '../stages.ts';
import { attemptUnit, outcomeOf, reconcileUnit } from './attempt.ts';
import type { AttemptContext } from './attempt.ts';
import { begin } from './begin.ts';
import type { Begun } from './begin.ts';
import { outcomeReply } from './outcome.ts';
import type { Attempt, OutcomeContext } from './outcome.ts';
import { createPace } from './pace.ts';
import { resolveItem } from './resolve-item.ts';
import { isTimed, updateTimers } from './timers.ts';
import type { Unit, Work } from './work.ts';

/** What moving an operation on needs. */
export type AdvanceContext = AttemptContext &
  AuthorizeContext &
  ResolveContext &
  OutcomeContext &
  DeliverContext & {
    readonly store: Pick<Store, 'auditLog' | 'operations'>;
    readonly settings: Pick<Settings, 'managementRoom' | 'parallelism'>;
    /** Aborted when the bot stops: nothing more is begun. */
    readonly stopping: AbortSignal;
  };

/** Where an operation has got to when `advance` returns. */
export interface Progress {
  /** Undefined if it goes on later: it was paused, or the bot stops. */
  readonly reply: Reply | undefined;
}

/** How long nothing is begun after the homeserver could not be reached. */
const pauseMs = 30_000;

/** What the lanes of an operation share. */
interface Run {
  readonly work: Work;
  /** The targets that nobody deals with yet, each with the steps that are left. */
  readonly queue: Unit[][];
  /** Units that are not known to have ended. */
  left: number;
  /** Whether anything was found out that the room does not know. */
  isNews: boolean;
  isPaused: boolean;
  /** Why nothing more is begun. */
  stopped: string | undefined;
  failure: Error | undefined;
  reply: Reply | undefined;
}

/**
 * Moves a running operation on: the only way in which one is carried out, whether it has just been started
 * or an earlier process left it. Several targets are dealt with at the same time. Each call is made after its
 * intent is committed, and at most once.
 *
 * @throws StoreError, UnrecordedError the database failed; the operation goes on after the next start
 */
export async function advance(context: AdvanceContext, work: Work): Promise<Progress> {
  const units = work.units.filter(({ attempt, isLeftOut }) => attempt === undefined && !isLeftOut);
  const queue = [...Map.groupBy(units, ({ position }) => position).values()];
  const run: Run = {
    work,
    queue,
    left: units.length,
    isNews: !work.isResumed,
    isPaused: false,
    stopped: undefined,
    failure: undefined,
    reply: undefined,
  };
  if (queue.length === 0) {
    // Only its end was not recorded.
    run.isNews = true;
    await context.store.transaction(async (tables) => conclude(context, tables, run));
    return { reply: run.reply };
  }
  const pace = createPace(context.settings.parallelism);
  const lanes = new Set<Promise<void>>();
  const fill = () => {
    while (lanes.size < pace.width() && queue.length > 0 && mayBegin(context, run)) {
      const lane: Promise<void> = runLane(context, run, {
        isWanted: () => lanes.size <= pace.width(),
        took(attempt) {
          const failed = attempt.error instanceof UnreachableError;
          pace.took(attempt.tookMs ?? 0, { failed });
          fill();
        },
      })
        .catch((error: unknown) => {
          run.failure ??= error instanceof Error ? error : new Error(String(error));
        })
        .finally(() => lanes.delete(lane));
      lanes.add(lane);
    }
  };
  fill();
  while (lanes.size > 0) {
    await Promise.race(lanes);
    fill();
  }
  if (run.failure !== undefined) {
    throw run.failure;
  }
  if (run.isPaused) {
    context.recoverAt(context.now() + pauseMs);
  }
  return { reply: run.reply };
}

function mayBegin(context: AdvanceContext, run: Run): boolean {
  return run.failure === undefined && !run.isPaused && !context.stopping.aborted;
}

/** Deals with one target after another. */
async function runLane(
  context: AdvanceContext,
  run: Run,
  lane: { readonly isWanted: () => boolean; readonly took: (attempt: Attempt) => void },
): Promise<void> {
  /** The further steps of the target that this lane deals with. */
  const steps: Unit[] = [];
  let current = await firstBegun(context, run, steps);
  while (current !== undefined) {
    const unit = current;
    const mayTake = lane.isWanted() || steps.length > 0;
    const [done, next] = await Promise.all([
      attemptOrReconcile(context, run, unit),
      mayTake ? prepareNext(context, run, steps, unit) : { skipped: [], next: undefined },
    ]);
    lane.took(done.attempt);
    current = await record(context, run, { unit, ...done, ...next });
  }
}

/** The first unit of a lane: one that is begun already, or the next, which is begun now. */
async function firstBegun(
  context: AdvanceContext,
  run: Run,
  steps: Unit[],
): Promise<Begun | undefined> {
  const [first, ...further] = run.queue[0] ?? [];
  if (first?.intent !== undefined) {
    run.queue.shift();
    steps.push(...further);
    return first as Begun;
  }
  const { skipped, next } = await prepareNext(context, run, steps, undefined);
  if (next === undefined && skipped.length === 0) {
    return undefined;
  }
  return context.store.transaction(async (tables) => {
    await leaveOut(tables, run, skipped);
    if (next === undefined && run.left === 0) {
      await conclude(context, tables, run);
    }
    return next && begin(context, tables, run.work, next);
  });
}

interface Attempted {
  readonly attempt: Attempt;
  /** The audit entry as it was, if it has an outcome already. */
  readonly before: AuditEntry | undefined;
}

async function attemptOrReconcile(
  context: AdvanceContext,
  run: Run,
  unit: Begun,
): Promise<Attempted> {
  const { work } = run;
  if (unit.wasBegun) {
    return reconcileAgain(context, work, unit);
  }
  const attempt = await attemptUnit(context, work, unit);
  const isFollowed = attempt.status === 'running' && work.units.length > 1;
  return isFollowed
    ? followServerJob(context, work, unit, attempt)
    : { attempt, before: undefined };
}

async function reconcileAgain(
  context: AdvanceContext,
  work: Work,
  unit: Begun,
): Promise<Attempted> {
  const before = await context.store.auditLog.get(unit.intent);
  return { attempt: await reconcileUnit(context, work, unit, before?.status), before };
}

/** How often to look whether the homeserver has done a job of its own. */
const firstLookMs = 500;
const maxLookMs = 5000;

/** Records that the homeserver works on it by itself, and waits until that has ended. */
async function followServerJob(
  context: AdvanceContext,
  work: Work,
  unit: Begun,
  started: Attempt,
): Promise<Attempted> {
  unit.serverJob = started.serverJob;
  await recorded(async () =>
    context.store.transaction(async (tables) => {
      await tables.auditLog.finish(unit.intent, outcomeOf(started), context.now());
      await tables.operationTargets.set(work.id, unit, {
        state: 'in_flight',
        serverJob: started.serverJob,
      });
    }),
  );
  const intervals = createBackoff({ firstMs: firstLookMs, maxMs: maxLookMs });
  for (;;) {
    await wait(intervals.next(), undefined, { signal: context.stopping }).catch(() => undefined);
    const looked = await reconcileAgain(context, work, unit);
    if (looked.attempt.isOpen !== true || context.stopping.aborted) {
      return { ...looked, attempt: { ...present({ did: started.did }), ...looked.attempt } };
    }
  }
}

interface Prepared {
  /** Units that nothing is done to any more. */
  readonly skipped: readonly (LeftOut & { readonly unit: Unit })[];
  readonly next: Unit | undefined;
}

/**
 * Finds the next unit to begin: who asked must still be allowed to, and the target to be touched.
 *
 * @param steps the further steps of the target that the lane deals with; set to those of the next target
 */
async function prepareNext(
  context: AdvanceContext,
  run: Run,
  steps: Unit[],
  previous: Unit | undefined,
): Promise<Prepared> {
  const skipped: (LeftOut & { readonly unit: Unit })[] = [];
  for (;;) {
    if (!mayBegin(context, run)) {
      return { skipped, next: undefined };
    }
    const isSameTarget = steps.length > 0;
    const group = isSameTarget ? steps.splice(0) : (run.queue.shift() ?? []);
    const [unit] = group;
    if (unit === undefined) {
      return { skipped, next: undefined };
    }
    if (isSameTarget) {
      unit.account ??= previous?.account;
    }
    const found = await whyNot(context, run, unit);
    if (found === 'later') {
      // It is still to be done.
      run.queue.unshift(group);
      run.isPaused = true;
      return { skipped, next: undefined };
    }
    if (found === undefined) {
      steps.push(...group.slice(1));
      return { skipped, next: unit };
    }
    skipped.push(...group.map((one) => ({ ...found, unit: one })));
  }
}

/** Why nothing is done to a target, if so; `later` if that can't be found out now. */
async function whyNot(
  context: AdvanceContext,
  run: Run,
  unit: Unit,
): Promise<LeftOut | 'later' | undefined> {
  const { target } = unit;
  if (unit.wasBegun || target === undefined) {
    return undefined;
  }
  const why = await whyStopped(context, run);
  if (why !== undefined) {
    return { user: target, why };
  }
  if (unit.account !== undefined) {
    return undefined;
  }
  try {
    const found = await lookUp(context, run.work, target, unit.step);
    if ('why' in found) {
      return found;
    }
    unit.account = found;
    return undefined;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return 'later';
    }
    throw error;
  }
}

async function lookUp(
  context: AdvanceContext,
  work: Work,
  user: UserId,
  step: number,
): Promise<Account | LeftOut> {
  const found = await resolveOne(context, work, user);
  if ('why' in found || step > 0) {
    return found;
  }
  const idle = work.command.nothingToDo?.(found, work.invocation.arguments);
  return idle === undefined ? found : { user, why: idle };
}

/** Why nothing more is begun: somebody has stopped it, or who asked may not do it any more. */
async function whyStopped(context: AdvanceContext, run: Run): Promise<string | undefined> {
  if (run.stopped !== undefined) {
    return run.stopped;
  }
  const { work } = run;
  const stored = await context.store.operations.get(work.id);
  if (stored?.stopRequestedBy) {
    run.stopped = 'was not begun when this was stopped';
  }
  try {
    authorize(context, work);
  } catch (error) {
    if (!(error instanceof DeniedError)) {
      throw error;
    }
    run.stopped = `was not begun: ${error.message}`;
  }
  return run.stopped;
}

async function leaveOut(
  tables: StoreTables,
  run: Run,
  skipped: Prepared['skipped'],
): Promise<void> {
  for (const { unit, user, why } of skipped) {
    await tables.operationTargets.set(run.work.id, unit, { state: 'skipped', detail: why });
    unit.isLeftOut = true;
    run.left -= 1;
    run.isNews = true;
    if (unit.step === 0) {
      run.work.leftOut.push({ user, why });
    }
  }
}

/**
 * Commits an outcome together with the next intent, or with the end of the operation and its answer.
 *
 * @returns the next unit, which is begun
 */
async function record(
  context: AdvanceContext,
  run: Run,
  done: Prepared & Attempted & { readonly unit: Begun },
): Promise<Begun | undefined> {
  const { work } = run;
  const { unit, attempt, before, skipped, next } = done;
  const isLast = next === undefined && run.left - skipped.length <= 1;
  // If a power cut takes the outcome before its answer is delivered, the homeserver is asked again. An
  // intent, when a timer runs, or how much of a command was done can't be found out again.
  const repeatable =
    isLast &&
    !work.isResumed &&
    work.units.length === 1 &&
    work.invocation.forMs === undefined &&
    work.command.reconcile !== undefined &&
    (attempt.status === 'done' || attempt.status === 'failed');
  return recorded(async () =>
    context.store.transaction(
      async (tables) => {
        await recordAttempt(context, tables, run, { unit, attempt, before });
        await leaveOut(tables, run, skipped);
        if (next !== undefined) {
          return begin(context, tables, work, next);
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
    if (isTimed(work)) {
      told = { ...attempt, ...(await updateTimers(context, tables, work, attempt)) };
    }
    await tables.operationTargets.set(work.id, unit, {
      state: targetState(attempt),
      serverJob: attempt.serverJob,
      detail: attempt.error instanceof Error ? attempt.error.message : undefined,
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
async function recorded<Result>(recordIt: () => Promise<Result>): Promise<Result> {
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
async function conclude(context: AdvanceContext, tables: StoreTables, run: Run): Promise<void> {
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

/** The event under which an operation is in flight. */
export const eventOf = ({ invocation }: Pick<Work, 'invocation'>): EventId =>
  invocation.origin.event;
