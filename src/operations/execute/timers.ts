import { dangerOf } from '../../chat/command/declaration.ts';
import type { Command } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Job, Jobs } from '../../store/tables/jobs.ts';
import type { Settings } from '../settings.ts';
import type { Parsed } from '../stages.ts';
import type { Attempt } from './outcome.ts';

/** A command, and who runs it. */
interface Run {
  readonly command: Pick<Command, 'name'>;
  readonly invocation: Pick<Invocation, 'actor' | 'forMs' | 'origin'>;
}

/**
 * The pending timers that end what this command does to an account, or that run this command on it,
 * without the timer that runs it now.
 */
export async function timersOf(
  jobs: Pick<Jobs, 'waitingFor'>,
  { command, invocation: { actor } }: Run,
  account: string,
): Promise<Job[]> {
  const waiting = await jobs.waitingFor(account);
  return waiting.filter(
    ({ id, line, action }) =>
      (action === command.name || line.split(' ', 1)[0] === command.name) &&
      !(actor.kind === 'timer' && actor.job === id),
  );
}

/**
 * Whether a timer can end what this command does, or run the command: timers only run what does no lasting
 * harm.
 */
export function isTimed({ command, invocation }: Pick<Parsed, 'command' | 'invocation'>): boolean {
  return command.timed === true || dangerOf(command, invocation.arguments) === 'change';
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
  { jobs }: Pick<StoreTables, 'jobs'>,
  run: Run,
  { status, target, undo, audit }: Attempt,
): Promise<Pick<Attempt, 'timer' | 'stopped' | 'kept'>> {
  if (status !== 'done' || audit === undefined) {
    return {};
  }
  const { actor, forMs, origin } = run.invocation;
  const older = (target === undefined ? [] : await timersOf(jobs, run, target)).filter(
    ({ intentId }) => intentId < audit,
  );
  const createdAt = context.now();
  const runAt = createdAt + (forMs ?? 0);
  // A rule never shortens what somebody has decided.
  const kept =
    actor.kind === 'rule' && forMs !== undefined && undo === undefined
      ? older.find((job) => job.runAt >= runAt)
      : undefined;
  if (kept !== undefined) {
    return { kept };
  }
  for (const { id } of older) {
    await jobs.end(id, 'stopped', createdAt);
  }
  const stopped = older.length === 0 ? {} : { stopped: older };
  const line = undo ?? older[0]?.line;
  if (forMs === undefined || line === undefined) {
    return stopped;
  }
  const id = await jobs.add({
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
