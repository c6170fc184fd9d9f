import { canEnd, dangerOf } from '../../chat/command/declaration.ts';
import type { Command } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Timer, Timers } from '../../store/tables/timers.ts';
import { undoOf } from '../parse/expand.ts';
import type { Settings } from '../settings.ts';
import { intentFor } from '../stages.ts';
import type { Parsed } from '../stages.ts';
import type { Attempt, RunningOperation, Unit } from './operation.ts';

/** A command, and who runs it. */
interface Run {
  readonly command: Command;
  readonly invocation: Invocation;
}

/**
 * The scheduled timers that end what this command does to an account, or that run this command on it,
 * without the timer that runs it now.
 */
export async function timersOf(
  timers: Pick<Timers, 'scheduledFor'>,
  { command, invocation: { actor } }: Run,
  account: string,
): Promise<Timer[]> {
  const scheduled = await timers.scheduledFor(account);
  return scheduled.filter(
    ({ id, line, action }) =>
      (action === command.name || line.split(' ', 1)[0] === command.name) &&
      !(actor.kind === 'timer' && actor.timer === id),
  );
}

/** Whether a timer can end what this command does, or run the command. */
export function isTimed({ command, invocation }: Pick<Parsed, 'command' | 'invocation'>): boolean {
  return canEnd(command) || dangerOf(command, invocation.arguments) === 'change';
}

/**
 * Updates the timers of an account after an operation: stops the timers of older operations, and stores a
 * timer that undoes this one if it was asked for only for a time. A state that was there before, without
 * a timer, has no end.
 *
 * @returns what the answer says about timers
 */
export async function updateTimers(
  context: { readonly settings: Pick<Settings, 'botUser'>; now(): number },
  { timers }: Pick<StoreTables, 'timers'>,
  run: Run,
  { status, target, undo, audit }: Attempt,
): Promise<Pick<Attempt, 'timer' | 'stopped' | 'kept'>> {
  // What was done in part, and can be taken back, ends, too.
  const isDone = status === 'done' || (status === 'partial' && undo !== undefined);
  if (!isDone || audit === undefined) {
    return {};
  }
  const { actor, forMs, origin } = run.invocation;
  // As the audit entries of the older actions have it: an account, a room or a file.
  const subject = target ?? intentFor(run, undefined).target;
  const older = (
    subject === null || subject === undefined ? [] : await timersOf(timers, run, subject)
  ).filter(({ intentId }) => intentId < audit);
  const createdAt = context.now();
  const runAt = createdAt + (forMs ?? 0);
  // A rule never shortens what somebody has decided.
  const kept =
    actor.kind === 'rule' && forMs !== undefined && undo === undefined
      ? older.find((timer) => timer.runAt >= runAt)
      : undefined;
  if (kept !== undefined) {
    return { kept };
  }
  for (const { id } of older) {
    await timers.end(id, 'stopped', createdAt);
  }
  const stopped = older.length === 0 ? {} : { stopped: older };
  const line = undo ?? older[0]?.line;
  if (forMs === undefined || line === undefined) {
    return stopped;
  }
  const id = await timers.add({
    line,
    runAt,
    askedBy: actor.kind === 'rule' ? context.settings.botUser : actor.user,
    intentId: audit,
    eventId: origin.event,
    roomId: origin.room,
    createdAt,
  });
  return { ...stopped, timer: { id, runAt } };
}

/**
 * Stores the timer that undoes all that an operation has done, if it was asked for only for a time and its
 * steps end together. The first attempt that it takes back gets it, for the answer.
 */
export async function scheduleEnd(
  context: { readonly settings: Pick<Settings, 'botUser'>; now(): number },
  { auditLog, timers }: Pick<StoreTables, 'auditLog' | 'timers'>,
  operation: Pick<RunningOperation, 'command' | 'id' | 'invocation' | 'units'>,
): Promise<void> {
  const { id, command, invocation, units } = operation;
  const { actor, forMs, origin } = invocation;
  if (command.endsTogether !== true || forMs === undefined) {
    return;
  }
  const first = await firstWithUndo(auditLog, units);
  if (first?.attempt === undefined || first.intent === undefined) {
    return;
  }
  const line = `undo --operation ${id}`;
  const createdAt = context.now();
  const runAt = createdAt + forMs;
  const timer = {
    line,
    runAt,
    askedBy: actor.kind === 'rule' ? context.settings.botUser : actor.user,
    intentId: first.intent,
    eventId: origin.event,
    roomId: origin.room,
    createdAt,
  };
  // There is one, however often the end is recorded.
  const earlier = (await timers.ofEvent(origin.event)).find((one) => one.line === line);
  first.attempt = {
    ...first.attempt,
    timer: earlier ?? { id: await timers.add(timer), runAt },
  };
}

/** The first unit that can be undone. What an earlier process did is only known from the audit log. */
async function firstWithUndo(
  auditLog: Pick<StoreTables['auditLog'], 'get'>,
  units: readonly Unit[],
): Promise<Unit | undefined> {
  for (const unit of units) {
    if (unit.attempt?.status !== 'done' || unit.intent === undefined) {
      continue;
    }
    const entry = unit.attempt.undo === undefined ? await auditLog.get(unit.intent) : undefined;
    if (unit.attempt.undo !== undefined || (entry !== undefined && undoOf(entry) !== undefined)) {
      return unit;
    }
  }
  return undefined;
}
