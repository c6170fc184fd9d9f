import { DeniedError, LawspeakerError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { Account } from '../../services/services.ts';
import type { StoreTables } from '../../store/store.ts';
import { authorize } from '../authorize/authorize.ts';
import { nothingToDo } from '../resolve/nothing-to-do.ts';
import { resolveOne } from '../resolve/resolve.ts';
import type { LeftOut } from '../stages.ts';
import { mayBegin } from './run.ts';
import type { AdvanceContext, Run } from './run.ts';
import type { Unit } from './work.ts';

export interface Prepared {
  /** Units that nothing is done to any more. */
  readonly skipped: readonly (LeftOut & { readonly unit: Unit })[];
  readonly next: Unit | undefined;
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
    const found = await lookUp(context, run, target, unit.step);
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
export async function whyStopped(context: AdvanceContext, run: Run): Promise<string | undefined> {
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

export async function leaveOut(
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
