import { setTimeout as wait } from 'node:timers/promises';

import type { LeftOut } from '../../chat/command/invocation.ts';
import { DeniedError, LawspeakerError, TargetError, UnreachableError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import { at, atOrWhyNot, serverFor } from '../at-homeserver.ts';
import type { AccountLookup } from '../at-homeserver.ts';
import { authorize } from '../authorize/authorize.ts';
import type { AuthorizeContext } from '../authorize/authorize.ts';
import { whyChanged } from '../parse/undo/changed-since.ts';
import { nothingToDo } from '../resolve/nothing-to-do.ts';
import { resolveOne, whyOutOfReach, whyUntouchable } from '../resolve/resolve.ts';
import type { ResolveContext } from '../resolve/resolve.ts';
import type { Settings } from '../settings.ts';
import { intentFor } from '../stages.ts';
import type { Parsed } from '../stages.ts';
import { createLookUps, whyProtectedSince } from './look-ups.ts';
import { beforeOf, notBegunBeforeStop, stepIndexOf, taskOf } from './operation.ts';
import type { RunningOperation, Unit } from './operation.ts';
import { answers } from './reconcile.ts';
import { timersOf } from './timers.ts';

/** What beginning with a target needs. */
export type BeginContext = AuthorizeContext &
  ResolveContext &
  IntentContext & {
    readonly store: Pick<Store, 'auditLog' | 'operations' | 'timers'>;
    readonly settings: Pick<Settings, 'reconcileAfterMs'>;
    /** Aborted when the bot stops: nothing more is begun. */
    readonly stopping: AbortSignal;
  };

/**
 * What is still to be begun of an operation on one homeserver. Its lanes share it, and only this file changes it.
 */
export interface Queue {
  readonly operation: RunningOperation;
  /** The homeserver of its targets; undefined if there is only one. */
  readonly server: string | undefined;
  /** The targets that no lane deals with yet, each with the steps that are left. */
  readonly targets: Unit[][];
  /** Looks up an account just before something is done to it. */
  readonly findAccount: AccountLookup['findAccount'];
  /** When accounts with several steps were last looked up, in milliseconds since 1970. */
  readonly lookedUpAt: Map<UserId, number>;
  /** Units whose account could not be looked up, although the homeserver answers. */
  readonly unanswered: Map<Unit, Unanswered>;
  /** The homeserver can't be reached: the rest is begun later. */
  isPaused: boolean;
  /** A lane has failed: the rest is begun after the next start. */
  isClosed: boolean;
  /** Why nothing more is begun. */
  stopped: string | undefined;
}

/** How many tries have failed, and when to try again, in milliseconds by `performance.now()`. */
interface Unanswered {
  readonly tries: number;
  readonly againAt: number;
}

/** A queue for each homeserver, so that one that is away holds up nobody else. */
export function createQueues(context: BeginContext, operation: RunningOperation): Queue[] {
  const left = operation.units.filter(
    ({ attempt, leftOut }) => attempt === undefined && leftOut === undefined,
  );
  const byServer = Map.groupBy(left, (unit) =>
    serverFor(context, taskOf(operation, unit), unit.target),
  );
  return [...byServer].map(([server, units]) => {
    const targets = [...Map.groupBy(units, ({ position }) => position).values()];
    return {
      operation,
      server,
      targets,
      findAccount: createLookUps(context, { ...operation, server }, targets),
      lookedUpAt: new Map(),
      unanswered: new Map(),
      isPaused: false,
      isClosed: false,
      stopped: undefined,
    };
  });
}

/** Begins nothing more: a lane has failed. */
export function close(queue: Queue): void {
  queue.isClosed = true;
}

export function mayBegin({ stopping }: Pick<BeginContext, 'stopping'>, queue: Queue): boolean {
  return !queue.isPaused && !queue.isClosed && !stopping.aborted;
}

/** What committing an intent needs. */
interface IntentContext {
  readonly settings: Pick<Settings, 'homeservers' | 'serverName'>;
  now(): number;
}

/** A unit whose intent is committed. */
export type Begun = Unit & { intent: number };

/** Commits that a unit is begun. */
async function begin(
  context: IntentContext,
  { auditLog, operationTargets }: StoreTables,
  operation: RunningOperation,
  unit: Unit,
): Promise<Begun> {
  if (unit.intent !== undefined) {
    return unit as Begun;
  }
  const intent = await auditLog.begin(
    intentFor(context, taskOf(operation, unit), {
      account: unit.account,
      confirmer: operation.confirmer,
      step: stepIndexOf(unit),
    }),
    context.now(),
  );
  await operationTargets.set(operation.id, unit, {
    state: 'in_flight',
    intent,
    // Only steps need it: for all of them, what counts is the account's state before the first.
    ...(unit.step === 0 && unit.account !== undefined && operation.command.steps !== undefined
      ? { before: JSON.stringify(beforeOf(unit.account)) }
      : {}),
  });
  return Object.assign(unit, { intent });
}

/**
 * Takes the next target from the queue if it is begun already.
 *
 * @param steps set to the further steps of the target
 */
export function takeBegun({ targets }: Queue, steps: Unit[]): Begun | undefined {
  const [first, ...further] = targets[0] ?? [];
  if (first?.intent === undefined) {
    return undefined;
  }
  targets.shift();
  steps.push(...further);
  return first as Begun;
}

/** Begins the first units of an operation, in the transaction that starts it. */
export async function beginFirst(
  context: IntentContext,
  tables: StoreTables,
  operation: RunningOperation,
  parallelism: number,
): Promise<void> {
  const positions = new Set<number>();
  for (const unit of operation.units) {
    const isReady =
      unit.account !== undefined || (unit.target === undefined && unit.part === undefined);
    if (positions.size >= parallelism || !isReady) {
      return;
    }
    if (!positions.has(unit.position)) {
      positions.add(unit.position);
      await begin(context, tables, operation, unit);
    }
  }
}

export interface Prepared {
  /** Units to leave out, and why. */
  readonly skipped: readonly Skipped[];
  readonly next: Unit | undefined;
}

interface Skipped {
  readonly unit: Unit;
  readonly why: string;
}

/**
 * Finds the next unit to begin: whoever asked must still be allowed to do this, and the target must not be
 * protected.
 *
 * @param steps the further steps of the target that the lane deals with; set to those of the next target
 */
export async function prepareNext(
  context: BeginContext,
  queue: Queue,
  steps: Unit[],
  previous: Unit | undefined,
): Promise<Prepared> {
  const skipped: Skipped[] = [];
  for (;;) {
    if (!mayBegin(context, queue)) {
      return { skipped, next: undefined };
    }
    const isSameTarget = steps.length > 0;
    // Nothing may wait while the outcome of the previous call is not recorded.
    const mayWait = previous === undefined;
    const group = isSameTarget ? steps.splice(0) : await takeGroup(context, queue, { mayWait });
    const [first] = group;
    if (first === undefined) {
      return { skipped, next: undefined };
    }
    if (!mayBegin(context, queue)) {
      queue.targets.unshift(group);
      return { skipped, next: undefined };
    }
    if (isSameTarget && first.part === undefined) {
      first.account ??= previous?.account;
    }
    const found =
      (await whyNot(context, queue, first)) ??
      (isSameTarget ? await whyProtectedSince(context, queue, first) : undefined);
    if (found === later) {
      // It is still to be done.
      queue.targets.unshift(group);
      queue.isPaused = true;
      queue.operation.waitsFor.add(queue.server);
      return { skipped, next: undefined };
    }
    if (found === again) {
      queue.targets.push(group);
      continue;
    }
    if (found === undefined) {
      steps.push(...group.slice(1));
      return { skipped, next: first };
    }
    if (first.part === undefined) {
      skipped.push(...group.map((unit) => ({ unit, why: found })));
    } else {
      // Each part of an undo is a command of its own.
      skipped.push({ unit: first, why: found });
      steps.push(...group.slice(1));
    }
  }
}

/** The homeserver can't be reached. */
const later = Symbol('later');
/** The homeserver answers, but not about this account. */
const again = Symbol('again');

/** Takes the next target from the queue: if possible, one that need not wait before it is looked up again. */
async function takeGroup(
  { stopping }: Pick<BeginContext, 'stopping'>,
  { targets, unanswered }: Queue,
  { mayWait }: { readonly mayWait: boolean },
): Promise<Unit[]> {
  const now = performance.now();
  const againAt = ([first]: readonly Unit[]) =>
    (first === undefined ? undefined : unanswered.get(first)?.againAt) ?? 0;
  const ready = targets.findIndex((group) => againAt(group) <= now);
  if (ready >= 0) {
    return targets.splice(ready, 1)[0] ?? [];
  }
  const group = mayWait ? targets.shift() : undefined;
  if (group === undefined) {
    return [];
  }
  await wait(againAt(group) - now, undefined, { signal: stopping }).catch(() => undefined);
  return group;
}

/** Why nothing is done to a target, if so; `later` or `again` if that can't be found out now. */
async function whyNot(
  context: BeginContext,
  queue: Queue,
  unit: Unit,
): Promise<string | typeof later | typeof again | undefined> {
  if (unit.intent !== undefined) {
    // It is begun.
    return undefined;
  }
  // Whether somebody has stopped it is read in the transaction that begins the unit.
  const why = queue.stopped ?? (await whyNotAllowed(context, context.store, queue, unit));
  const isKnown = unit.account !== undefined || (unit.target === undefined && !unit.part);
  if (why !== undefined || isKnown) {
    return why;
  }
  try {
    const task = taskOf(queue.operation, unit);
    const there = at(context, queue.server);
    if (unit.target !== undefined) {
      const found = await lookUp(there, queue, task, { ...unit, target: unit.target });
      if ('why' in found) {
        return found.why;
      }
      unit.account = found;
      if (queue.operation.command.steps !== undefined) {
        queue.lookedUpAt.set(unit.target, context.now());
      }
    }
    return await whyOutOfReach(there, task);
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return whyUnanswered(context, queue, unit, error);
    }
    throw error;
  }
}

/** An account that can't be looked up is tried this many times, while the others go on. */
const maxTries = 4;

/** What to do about an account that can't be looked up: its problem must not hold up the others forever. */
async function whyUnanswered(
  context: BeginContext,
  queue: Queue,
  unit: Unit,
  error: LawspeakerError,
): Promise<string | typeof later | typeof again> {
  const there = atOrWhyNot(context, queue.server);
  if (there instanceof TargetError) {
    return `was left alone: ${there.message}`;
  }
  if (there instanceof UnreachableError || !(await answers(there))) {
    return (await whyStopped(context, context.store, queue)) ?? later;
  }
  const tries = (queue.unanswered.get(unit)?.tries ?? 0) + 1;
  if (tries >= maxTries) {
    return `could not be looked up: ${error.message}`;
  }
  const againAt = performance.now() + context.settings.reconcileAfterMs / 2;
  queue.unanswered.set(unit, { tries, againAt });
  return again;
}

/**
 * Why a unit may not be begun: whoever asked has lost their role, somebody has since changed what it takes
 * back, or the account has become protected since it was looked up.
 */
async function whyNotAllowed(
  context: BeginContext,
  { auditLog }: { readonly auditLog: Pick<StoreTables['auditLog'], 'get' | 'inOrder' | 'search'> },
  { operation, server }: Pick<Queue, 'operation' | 'server'>,
  unit: Unit,
): Promise<string | undefined> {
  const { account, part } = unit;
  return (
    whyDenied(context, operation) ??
    (part && (whyDenied(context, part) ?? (await whyChanged(auditLog, part)))) ??
    (account && whyUntouchable(at(context, server), taskOf(operation, unit), account))
  );
}

/**
 * Checks a unit once more, and commits that it is begun: it was looked up while other calls were in flight,
 * which may have taken a long time.
 *
 * @param steps the further steps of its target
 * @returns the unit; or what is left out instead
 */
export async function beginIfStillAllowed(
  context: BeginContext,
  tables: StoreTables,
  queue: Queue,
  { next, steps }: { readonly next: Unit; readonly steps: Unit[] },
): Promise<{ readonly begun: Begun } | { readonly skipped: readonly Skipped[] }> {
  const why =
    next.intent === undefined
      ? ((await whyStopped(context, tables, queue)) ??
        (await whyNotAllowed(context, tables, queue, next)))
      : undefined;
  if (why === undefined) {
    return { begun: await begin(context, tables, queue.operation, next) };
  }
  const further = steps.splice(0);
  if (next.part !== undefined && further.length > 0) {
    // Each part of an undo is a command of its own.
    queue.targets.unshift(further.splice(0));
  }
  return { skipped: [next, ...further].map((unit) => ({ unit, why })) };
}

/** The account of a unit; or why nothing is done to it. */
async function lookUp(
  context: BeginContext,
  { findAccount }: Queue,
  task: RunningOperation,
  { target, step, part }: Unit & { target: UserId },
): Promise<Account | LeftOut> {
  const found = await resolveOne({ ...context, findAccount }, task, target);
  if ('why' in found || (step > 0 && part === undefined)) {
    return found;
  }
  const idle = nothingToDo(task.command, found, task.invocation.arguments);
  // If a timer ends this state, the command still changes how long it lasts.
  return idle === undefined || (await timersOf(context.store.timers, task, target)).length > 0
    ? found
    : { user: target, why: idle };
}

/** Why nothing more is begun: somebody has stopped it, or whoever asked may not do it any more. */
export async function whyStopped(
  context: BeginContext,
  { operations }: Pick<StoreTables, 'operations'>,
  queue: Queue,
): Promise<string | undefined> {
  if (queue.stopped !== undefined) {
    return queue.stopped;
  }
  const { operation } = queue;
  if (await operations.isStopRequested(operation.id)) {
    queue.stopped = notBegunBeforeStop;
  }
  queue.stopped ??= whyDenied(context, operation);
  return queue.stopped;
}

/** Why whoever asked may not do it any more; undefined if they may. */
function whyDenied(context: BeginContext, parsed: Parsed): string | undefined {
  try {
    authorize(context, parsed);
    return undefined;
  } catch (error) {
    if (!(error instanceof DeniedError)) {
      throw error;
    }
    return `was not begun: ${error.message}`;
  }
}
