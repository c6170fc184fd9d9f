import type { Status } from '../../chat/answers/answer.ts';
import { UnreachableError } from '../../core/errors.ts';
import type { EventId } from '../../core/ids.ts';
import type { OperationState, TargetState } from '../../store/schema.ts';
import type { StoreTables } from '../../store/store.ts';
import type { AuditEntry } from '../../store/tables/audit/audit-log.ts';
import type { OpenItemCount } from '../../store/tables/reports/report-items.ts';
import { postOutcome } from '../answer/reply.ts';
import type { MessagePart, PostContext, Reply } from '../answer/reply.ts';
import { postScheduledEnd } from '../answer/scheduled-end.ts';
import { correctDecision } from '../confirm/correct-decision.ts';
import type { Settings } from '../settings.ts';
import { outcomeOf } from './attempt.ts';
import {
  beginIfStillAllowed,
  close,
  createQueues,
  mayBegin,
  prepareNext,
  takeBegun,
} from './begin.ts';
import type { Begun, Prepared, Queue } from './begin.ts';
import { attemptAndFollow, recorded } from './follow.ts';
import type { Attempted, FollowContext } from './follow.ts';
import { taskOf } from './operation.ts';
import type { Attempt, RunningOperation, Unit } from './operation.ts';
import { outcomeReply } from './outcome.ts';
import type { OutcomeContext } from './outcome.ts';
import { createPace } from './pace.ts';
import { recall } from './recall.ts';
import { resolveItem } from './resolve-item.ts';
import {
  isTimed,
  scheduleEnd,
  stopSpent,
  stopTimersOfStep,
  takeOver,
  updateTimers,
} from './timers.ts';

/** What moving an operation on needs. */
export type AdvanceContext = FollowContext &
  OutcomeContext &
  PostContext & {
    readonly settings: Pick<Settings, 'managementRoom' | 'parallelism'>;
  };

/** How far an operation has got, in memory. */
interface Run {
  readonly operation: RunningOperation;
  /** Units that are not known to have ended. */
  left: number;
  /** Whether anything was found out that the room does not know. */
  isNews: boolean;
  failure: Error | undefined;
  reply: Reply | undefined;
  /** The `confirm` whose answer says now how the operation ended. */
  decision: EventId | undefined;
  /** Lanes of all homeservers. */
  lanes: number;
}

/** Where an operation has got to when `advance` returns. */
export interface Progress {
  /** Undefined if it goes on later: it was paused, or the bot stops. */
  readonly reply: Reply | undefined;
  /** The `confirm` whose answer has changed, too, and waits to be delivered after the outcome. */
  readonly decision: EventId | undefined;
}

/**
 * An operation on many homeservers has at most this many times the lanes of one, and one for each of them: a slow
 * homeserver holds up no other.
 */
const maxLanesFactor = 3;

/** How long nothing is begun after the homeserver could not be reached. */
const pauseMs = 30_000;

/**
 * Moves a running operation on: the only way in which one is carried out, whether it has just been started
 * or an earlier process left it. Several targets are dealt with at the same time. Each call is made after its
 * intent is committed, and at most once, except for a step that may be repeated and is known not to have arrived.
 *
 * @throws StoreError, UnrecordedError the database failed; the operation goes on after the next start
 */
export async function advance(
  context: AdvanceContext,
  operation: RunningOperation,
): Promise<Progress> {
  const queues = createQueues(context, operation);
  const run: Run = {
    operation,
    left: queues.flatMap(({ targets }) => targets.flat()).length,
    isNews: !operation.isResumed,
    failure: undefined,
    reply: undefined,
    decision: undefined,
    lanes: 0,
  };
  if (run.left === 0) {
    // Only its end was not recorded.
    run.isNews = true;
    await context.store.transaction(async (tables) => conclude(context, tables, run));
    return progressOf(run);
  }
  const fail = (error: unknown) => {
    queues.forEach(close);
    noteFailure(run, error);
  };
  await Promise.all(queues.map(async (queue) => workOff(context, run, queue, fail)));
  if (run.failure !== undefined) {
    throw run.failure;
  }
  if (queues.some(({ isPaused }) => isPaused)) {
    context.recoverAt(context.now() + pauseMs);
  }
  return progressOf(run);
}

const progressOf = ({ reply, decision }: Run): Progress => ({ reply, decision });

/** Deals with the targets of one homeserver, in several lanes. */
async function workOff(
  context: AdvanceContext,
  run: Run,
  queue: Queue,
  fail: (error: unknown) => void,
): Promise<void> {
  const { parallelism } = context.settings;
  const pace = createPace(parallelism);
  const lanes = new Set<Promise<void>>();
  const mayOpen = () =>
    lanes.size === 0 || (lanes.size < pace.width() && run.lanes < maxLanesFactor * parallelism);
  const fill = () => {
    while (mayOpen() && queue.targets.length > 0 && mayBegin(context, queue)) {
      const lane: Promise<void> = runLane(context, run, queue, {
        isWanted: () => lanes.size <= pace.width(),
        took(attempt) {
          const failed = attempt.error instanceof UnreachableError;
          pace.took(attempt.tookMs ?? 0, { failed });
          fill();
        },
      })
        .catch(fail)
        .finally(() => {
          lanes.delete(lane);
          run.lanes -= 1;
        });
      lanes.add(lane);
      run.lanes += 1;
    }
  };
  fill();
  while (lanes.size > 0) {
    await Promise.race(lanes);
    fill();
  }
}

/** Deals with one target after another. */
async function runLane(
  context: AdvanceContext,
  run: Run,
  queue: Queue,
  lane: { readonly isWanted: () => boolean; readonly took: (attempt: Attempt) => void },
): Promise<void> {
  /** The further steps of the target that this lane deals with. */
  const steps: Unit[] = [];
  let current = await firstBegun(context, run, queue, steps);
  while (current !== undefined) {
    const unit = current;
    const isStepLeft = steps.length > 0;
    const prepare = async () => prepareNext(context, queue, steps, unit);
    // A step may take a long time, and only its end shows whether the next one may be begun.
    const ahead = !isStepLeft && lane.isWanted() ? prepare() : { skipped: [], next: undefined };
    const [done, prepared] = await Promise.all([
      attemptAndFollow(context, run.operation, queue, unit),
      ahead,
    ]);
    lane.took(done.attempt);
    const next = isStepLeft ? await prepare() : prepared;
    current = await record(context, run, queue, { unit, steps, ...done, ...next });
  }
}

/** The first unit of a lane: one that is begun already, or the next, which is begun now. */
async function firstBegun(
  context: AdvanceContext,
  run: Run,
  queue: Queue,
  steps: Unit[],
): Promise<Begun | undefined> {
  const begun = takeBegun(queue, steps);
  if (begun !== undefined) {
    return begun;
  }
  const prepared = await prepareNext(context, queue, steps, undefined);
  return prepared.next === undefined && prepared.skipped.length === 0
    ? undefined
    : noted(run, async () =>
        context.store.transaction(async (tables) =>
          beginOrConclude(context, tables, { run, queue }, { ...prepared, steps }),
        ),
      );
}

function noteFailure(run: Run, error: unknown): void {
  run.failure ??= error instanceof Error ? error : new Error(String(error));
}

/**
 * Commits what changes the run. If that fails, the run is ahead of the database: other lanes still commit their
 * outcomes, but the operation does not end before it is read again.
 */
async function noted<Result>(run: Run, commit: () => Promise<Result>): Promise<Result> {
  try {
    return await commit();
  } catch (error) {
    noteFailure(run, error);
    throw error;
  }
}

/** The event under which an operation is in flight. */
export const eventOf = ({ invocation }: Pick<RunningOperation, 'invocation'>): EventId =>
  invocation.origin.event;

/**
 * Commits an outcome together with the next intent, or with the end of the operation and its answer.
 *
 * @returns the next unit, which is begun
 */
async function record(
  context: AdvanceContext,
  run: Run,
  queue: Queue,
  done: Prepared & Attempted & { readonly unit: Begun; readonly steps: Unit[] },
): Promise<Begun | undefined> {
  const { operation } = run;
  const { unit, attempt, before, skipped, next, steps } = done;
  const isLast = next === undefined && run.left - skipped.length <= 1;
  // If a power cut takes the outcome before its answer is delivered, the homeserver is asked again. An
  // intent, when a timer runs, or how much of a command was done can't be found out again.
  const repeatable =
    isLast &&
    !operation.isResumed &&
    operation.units.length === 1 &&
    operation.invocation.forMs === undefined &&
    taskOf(operation, unit).command.reconcile !== undefined &&
    (attempt.status === 'done' || attempt.status === 'failed');
  return noted(run, async () =>
    recorded(async () =>
      context.store.transaction(
        async (tables) => {
          await recordAttempt(context, tables, run, { unit, attempt, before });
          return beginOrConclude(context, tables, { run, queue }, { skipped, next, steps });
        },
        { repeatable },
      ),
    ),
  );
}

/** Commits what is left out, and the next intent; or the end of the operation, if nothing is left of it. */
async function beginOrConclude(
  context: AdvanceContext,
  tables: StoreTables,
  { run, queue }: { readonly run: Run; readonly queue: Queue },
  { skipped, next, steps }: Prepared & { readonly steps: Unit[] },
): Promise<Begun | undefined> {
  await leaveOut(tables, run, skipped);
  if (context.stopping.aborted) {
    // The rest is done after the next start.
    return undefined;
  }
  if (next !== undefined) {
    const result = await beginIfStillAllowed(context, tables, queue, { next, steps });
    if ('begun' in result) {
      return result.begun;
    }
    await leaveOut(tables, run, result.skipped);
  }
  if (run.left === 0 && run.failure === undefined) {
    await conclude(context, tables, run);
  }
  return undefined;
}

async function leaveOut(
  tables: StoreTables,
  run: Run,
  skipped: Prepared['skipped'],
): Promise<void> {
  const { operation } = run;
  for (const { unit, why } of skipped) {
    await tables.operationTargets.set(operation.id, unit, { state: 'skipped', detail: why });
    unit.leftOut = why;
    run.left -= 1;
    run.isNews = true;
    if ((unit.step === 0 || unit.part !== undefined) && unit.target !== undefined) {
      operation.leftOut.push({ user: unit.target, why });
    }
  }
}

async function recordAttempt(
  context: AdvanceContext,
  tables: StoreTables,
  run: Run,
  { unit, attempt: found, before }: Attempted & { readonly unit: Begun },
): Promise<void> {
  const { operation } = run;
  const task = taskOf(operation, unit);
  const attempt = await takeOver(tables, task, found);
  let told = attempt;
  if (before?.status !== attempt.status) {
    run.isNews = true;
    await tables.auditLog.finish(unit.intent, outcomeAfter(attempt, before), context.now());
    if (isTimed(task) && task.command.endsTogether !== true) {
      told = { ...attempt, ...(await updateTimers(context, tables, task, attempt)) };
    } else {
      told = { ...attempt, ...(await stopTimersOfStep(context, tables, task, attempt)) };
    }
    await tables.operationTargets.set(operation.id, unit, {
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

/** Ends the operation, unless the outcome of a unit is still open, and posts how it stands. */
async function conclude(context: AdvanceContext, tables: StoreTables, run: Run): Promise<void> {
  const { operation } = run;
  const isOpen = operation.units.some(({ attempt }) => attempt?.isOpen === true);
  if (!isOpen) {
    await scheduleEnd(context, tables, operation);
    await stopSpent(context, tables, operation);
  }
  await recall(tables, operation);
  const attempts = operation.units.flatMap(({ attempt }) => attempt ?? []);
  const { item, origin } = operation.invocation;
  if (item !== undefined) {
    await resolveItem(tables, item, operation, attempts, context.now());
  }
  const waiting = await waitingAbout(tables, operation, attempts);
  const reply = outcomeReply(context, operation, attempts, waiting);
  run.reply = reply;
  operation.isTold = true;
  if (isOpen && !run.isNews) {
    return;
  }
  await postOutcome(context, tables, origin, reply, { part: partOf(operation, isOpen) });
  if (!isOpen) {
    await tables.operations.end(operation.id, endOf(reply.status, attempts), context.now());
    await postScheduledEnd(context, tables, operation, reply);
    run.decision = await correctDecision(context, tables, origin.event, reply);
  }
}

function partOf({ isResumed }: RunningOperation, isOpen: boolean): MessagePart {
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
  { command }: Pick<RunningOperation, 'command'>,
  attempts: readonly Attempt[],
): Promise<readonly OpenItemCount[]> {
  const done = attempts.flatMap(({ target, status }) => (status === 'done' ? (target ?? []) : []));
  return command.resolvesReports === true && done.length > 0 ? reportItems.countOpen(done) : [];
}
