import { DeniedError, LawspeakerError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import type { StoreTables } from '../../store/store.ts';
import { authorize } from '../authorize/authorize.ts';
import { nothingToDo } from '../resolve/nothing-to-do.ts';
import { resolveOne, whyUntouchable } from '../resolve/resolve.ts';
import type { LeftOut } from '../stages.ts';
import { mayBegin } from './run.ts';
import type { AdvanceContext, Run } from './run.ts';
import type { Unit } from './work.ts';

export interface Prepared {
  /** Units that nothing is done to any more, and why. */
  readonly skipped: readonly Skipped[];
  readonly next: Unit | undefined;
}

interface Skipped {
  readonly unit: Unit;
  readonly why: string;
}

/**
 * Finds the next unit to begin: who asked must still be allowed to, and the target to be touched.
 *
 * @param steps the further steps of the target that the lane deals with; set to those of the next target
 */
export async function prepareNext(
  context: AdvanceContext,
  run: Run,
  steps: Unit[],
  previous: Unit | undefined,
): Promise<Prepared> {
  const skipped: Skipped[] = [];
  for (;;) {
    if (!mayBegin(context, run)) {
      return { skipped, next: undefined };
    }
    const isSameTarget = steps.length > 0;
    const group = isSameTarget ? steps.splice(0) : (run.queue.shift() ?? []);
    const [first] = group;
    if (first === undefined) {
      return { skipped, next: undefined };
    }
    if (isSameTarget) {
      first.account ??= previous?.account;
    }
    const found = await whyNot(context, run, first);
    if (found === later) {
      // It is still to be done.
      run.queue.unshift(group);
      run.isPaused = true;
      return { skipped, next: undefined };
    }
    if (found === undefined) {
      steps.push(...group.slice(1));
      return { skipped, next: first };
    }
    skipped.push(...group.map((unit) => ({ unit, why: found })));
  }
}

const later = Symbol('later');

/** Why nothing is done to a target, if so; `later` if that can't be found out now. */
async function whyNot(
  context: AdvanceContext,
  run: Run,
  unit: Unit,
): Promise<string | typeof later | undefined> {
  if (unit.intent !== undefined) {
    // It is begun.
    return undefined;
  }
  const why = await whyNotAnyMore(context, context.store, run, unit);
  if (why !== undefined || unit.target === undefined || unit.account !== undefined) {
    return why;
  }
  try {
    const found = await lookUp(context, run, unit.target, unit.step);
    if ('why' in found) {
      return found.why;
    }
    unit.account = found;
    return undefined;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return later;
    }
    throw error;
  }
}

/**
 * Why a unit is not begun any more: the operation was stopped, who asked lost their role, or the account is
 * protected since it was looked up.
 */
export async function whyNotAnyMore(
  context: AdvanceContext,
  tables: Pick<StoreTables, 'operations'>,
  run: Run,
  { account }: Unit,
): Promise<string | undefined> {
  const why = await whyStopped(context, tables, run);
  return why ?? (account && whyUntouchable(context, run.work, account));
}

async function lookUp(
  context: AdvanceContext,
  { work, findAccount }: Run,
  user: UserId,
  step: number,
): Promise<Account | LeftOut> {
  const { roles, settings, findSimilar } = context;
  const found = await resolveOne({ roles, settings, findSimilar, findAccount }, work, user);
  if ('why' in found || step > 0) {
    return found;
  }
  const idle = nothingToDo(work.command, found, work.invocation.arguments);
  return idle === undefined ? found : { user, why: idle };
}

/** Why nothing more is begun: somebody has stopped it, or who asked may not do it any more. */
export async function whyStopped(
  context: AdvanceContext,
  { operations }: Pick<StoreTables, 'operations'>,
  run: Run,
): Promise<string | undefined> {
  if (run.stopped !== undefined) {
    return run.stopped;
  }
  const { work } = run;
  if (await operations.isStopRequested(work.id)) {
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

export async function leaveOut(
  tables: StoreTables,
  run: Run,
  skipped: Prepared['skipped'],
): Promise<void> {
  for (const { unit, why } of skipped) {
    await tables.operationTargets.set(run.work.id, unit, { state: 'skipped', detail: why });
    unit.isLeftOut = true;
    run.left -= 1;
    run.isNews = true;
    if (unit.step === 0 && unit.target !== undefined) {
      run.work.leftOut.push({ user: unit.target, why });
    }
  }
}
