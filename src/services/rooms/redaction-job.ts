import { setTimeout as wait } from 'node:timers/promises';

import { HomeserverError, LawspeakerError, TargetError } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserRedaction, UserRedactionStatus } from '../../homeserver/admin/redactions.ts';

/** What the server calls redacting a user's messages among its tasks. */
const redactionAction = 'redact_all_events';

/** After a redaction the server may show for so long what was before. */
const maxLagMs = 5000;

type Api = Pick<AdminApi, 'redactions' | 'server'>;

/** How long a redaction is watched, in milliseconds. */
export interface Watching {
  readonly firstIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly limitMs: number;
}

export const watching: Watching = { firstIntervalMs: 25, maxIntervalMs: 2000, limitMs: 60_000 };

/** A job that has ended. */
export type EndedRedaction = Extract<UserRedactionStatus, { status: 'complete' | 'failed' }>;

/** Rooms of old versions: Synapse looks in the wrong place for what a suspended account redacts. */
export function isAboutSuspension(why: string): boolean {
  return why.trim() === "'redacts'";
}

/**
 * Has the server redact what a user has sent, and watches it to its end; undefined where it goes on for
 * longer than that.
 *
 * @throws TargetError the server is at redacting other messages of theirs, and does not come to an end
 */
export async function runRedaction(
  api: Api,
  sender: UserId,
  redaction: UserRedaction,
  times: Watching,
): Promise<EndedRedaction | undefined> {
  const redactId = await begin(api, sender, times, async () =>
    api.redactions.start(sender, redaction),
  );
  for await (const _ of intervals(times)) {
    const status = await statusOf(api, redactId);
    if (status?.status === 'failed' || status?.status === 'complete') {
      return status;
    }
  }
  return undefined;
}

/** Waits until the server is through with redacting this sender's messages, where it is at that. */
async function begin(
  api: Api,
  sender: UserId,
  times: Watching,
  start: () => Promise<string>,
): Promise<string> {
  for await (const _ of intervals(times)) {
    try {
      return await start();
    } catch (error) {
      if (!(error instanceof HomeserverError) || error.status !== 400) {
        throw error;
      }
      if (!(await isAtRedacting(api, sender))) {
        // It has ended between the two questions, or this was not the reason.
        return start();
      }
    }
  }
  throw new TargetError(
    'state',
    `Synapse is redacting other messages of ${sender} just now`,
    'Nothing was changed. Send the command again in a while.',
  );
}

/** For what should be so already. */
export function briefly(times: Watching): Watching {
  return { ...times, limitMs: Math.min(times.limitMs, maxLagMs) };
}

/** Ends after the limit; the first comes at once. */
export async function* intervals({
  firstIntervalMs,
  maxIntervalMs,
  limitMs,
}: Watching): AsyncGenerator<void, void, undefined> {
  const endsAt = performance.now() + limitMs;
  let intervalMs = firstIntervalMs;
  do {
    yield;
    await wait(intervalMs);
    intervalMs = Math.min(intervalMs * 2, maxIntervalMs);
  } while (performance.now() < endsAt);
}

/** False where the server has no list of its tasks, as older ones. */
export async function isAtRedacting(
  api: Pick<AdminApi, 'server'>,
  sender: UserId,
): Promise<boolean> {
  try {
    const tasks = await api.server.scheduledTasks({
      action: redactionAction,
      resourceId: sender,
      status: ['scheduled', 'active'],
    });
    return tasks.length > 0;
  } catch (error) {
    if (error instanceof HomeserverError && error.status === 404) {
      return false;
    }
    throw error;
  }
}

/** Undefined where the server can't tell now: it goes on whether we see it or not. */
async function statusOf(api: Api, redactId: string): Promise<UserRedactionStatus | undefined> {
  try {
    return await api.redactions.status(redactId);
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return undefined;
    }
    throw error;
  }
}
