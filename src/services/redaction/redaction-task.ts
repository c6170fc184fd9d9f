import { poll } from '../../core/async/poll.ts';
import type { PollTimes } from '../../core/async/poll.ts';
import { HomeserverError, TargetError, orUndefined } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserRedaction, UserRedactionStatus } from '../../homeserver/admin/redactions.ts';
import { synapseTasks } from '../synapse-tasks.ts';

/** Synapse's name for the task that redacts what a user has sent. */
const redactionAction = 'redact_all_events';

export const usualTimes: PollTimes = {
  firstIntervalMs: 25,
  maxIntervalMs: 2000,
  limitMs: 60_000,
};

/** How long a server with several processes may still answer with the state before a redaction. */
const maxLagMs = 5000;

/** The same intervals, for something that should be so by now. */
export function briefly(times: PollTimes): PollTimes {
  return { ...times, limitMs: Math.min(times.limitMs, maxLagMs) };
}

/** A task that has ended. */
export type EndedRedaction = Extract<UserRedactionStatus, { status: 'complete' | 'failed' }>;

/**
 * Whether a redaction failed because its sender is suspended: in rooms of old versions, Synapse then
 * looks for the redacted event in the wrong place.
 */
export function isAboutSuspension(why: string): boolean {
  return why.trim() === "'redacts'";
}

/**
 * Lets Synapse redact what a user has sent, in the user's own name, and waits until it has finished.
 *
 * @returns `redactId` is Synapse's ID of the task; `ended` is undefined if Synapse needs longer than `times`
 * @throws TargetError Synapse is redacting other messages of the same user all the time
 */
export async function runRedactionTask(
  api: Pick<AdminApi, 'redactions' | 'server'>,
  sender: UserId,
  redaction: UserRedaction,
  times: PollTimes,
): Promise<{ redactId: string; ended: EndedRedaction | undefined }> {
  const redactId = await startRedactionTask(api, sender, redaction, times);
  return { redactId, ended: await waitForRedaction(api, redactId, times) };
}

/** How a redaction has ended; undefined if Synapse needs longer than `times`. */
export async function waitForRedaction(
  api: Pick<AdminApi, 'redactions'>,
  redactId: string,
  times: PollTimes,
): Promise<EndedRedaction | undefined> {
  return poll(async () => {
    // If Synapse doesn't answer now, the redaction continues all the same.
    const status = await orUndefined(api.redactions.status(redactId));
    return status?.status === 'failed' || status?.status === 'complete' ? status : undefined;
  }, times);
}

/**
 * Waits for another redaction of the same sender's messages, because Synapse refuses a second one, and
 * starts this one.
 *
 * @returns Synapse's ID of the task
 * @throws TargetError Synapse is redacting other messages of the same user all the time
 */
export async function startRedactionTask(
  api: Pick<AdminApi, 'redactions' | 'server'>,
  sender: UserId,
  redaction: UserRedaction,
  times: PollTimes,
): Promise<string> {
  const redactId = await poll(async () => {
    try {
      return await api.redactions.start(sender, redaction);
    } catch (error) {
      if (!(error instanceof HomeserverError) || error.status !== 400) {
        throw error;
      }
      // If no other redaction is running, it has just ended, or Synapse refuses for another reason.
      return (await isRedacting(api, sender)) ? undefined : api.redactions.start(sender, redaction);
    }
  }, times);
  if (redactId === undefined) {
    throw new TargetError(
      'state',
      `Synapse is still redacting other messages of ${sender}`,
      'Nothing was changed. Try again later.',
    );
  }
  return redactId;
}

/** Whether Synapse is redacting what this user has sent; false if it keeps no list of its tasks. */
export async function isRedacting(api: Pick<AdminApi, 'server'>, sender: UserId): Promise<boolean> {
  const tasks = await synapseTasks(api, {
    action: redactionAction,
    resourceId: sender,
    status: ['scheduled', 'active'],
  });
  return (tasks ?? []).length > 0;
}
