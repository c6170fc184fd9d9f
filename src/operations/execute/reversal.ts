import type { Command } from '../../chat/command/declaration.ts';
import type { Invocation } from '../../chat/command/invocation.ts';
import type { StoreTables } from '../../store/store.ts';
import type { Job, Jobs } from '../../store/tables/jobs.ts';
import type { House } from '../house.ts';
import type { Attempt } from './attempt.ts';

/** What timers are looked up for: a command, by whoever runs it. */
interface Work {
  readonly command: Pick<Command, 'name'>;
  readonly invocation: Pick<Invocation, 'actor' | 'forMs' | 'origin'>;
}

/**
 * The timers that wait to end what this command does to an account, or that would run this command on it.
 * A timer that runs it now is not among them.
 */
export async function timersOf(
  jobs: Pick<Jobs, 'waitingFor'>,
  { command, invocation: { actor } }: Work,
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
 * A newer decision about an account ends the timers of older ones. Stores what takes this one back, where
 * it was asked for only for a time. What was so before, and by no timer, stays for good.
 *
 * @returns what the answer tells of the timers
 */
export async function updateTimers(
  house: House,
  { jobs }: Pick<StoreTables, 'jobs'>,
  work: Work,
  { status, target, undo, audit }: Attempt,
): Promise<Pick<Attempt, 'job' | 'stopped' | 'kept'>> {
  if (status !== 'done' || audit === undefined) {
    return {};
  }
  const { actor, forMs, origin } = work.invocation;
  const older = (target === undefined ? [] : await timersOf(jobs, work, target)).filter(
    ({ intentId }) => intentId < audit,
  );
  const createdAt = house.now();
  const runAt = createdAt + (forMs ?? 0);
  // No rule shortens what somebody has decided.
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
    askedBy: actor.kind === 'rule' ? house.settings.botUser : actor.user,
    intentId: audit,
    eventId: origin.event,
    roomId: origin.room,
    createdAt,
  });
  return { ...stopped, job: { id, runAt } };
}
