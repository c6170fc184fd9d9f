import { poll } from '../../core/async/poll.ts';
import type { PollTimes } from '../../core/async/poll.ts';
import { TargetError, isNotFound, mayHaveHappened, orUndefined } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { ScheduledTask } from '../../homeserver/admin/server.ts';
import { serverMessage } from '../server-message.ts';
import { synapseTasks } from '../synapse-tasks.ts';
import { assertNotBeingDeleted, isRunning } from './room-deletion.ts';

/** Synapse's name for the task that purges a room's history. */
const purgeAction = 'purge_history';

type Api = Pick<AdminApi, 'historyPurges' | 'server'>;

export interface PurgeOutcome {
  readonly purgeId: string;
  /** `running` if Synapse needs longer than we wait. */
  readonly state: 'complete' | 'running';
}

const usualTimes: PollTimes = { firstIntervalMs: 50, maxIntervalMs: 2000, limitMs: 60_000 };

/**
 * Checks that a room is neither being purged nor being deleted. Synapse would purge it twice.
 *
 * @returns the IDs of its earlier purges
 * @throws TargetError it is
 */
export async function assertCanPurge(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
): Promise<ReadonlySet<string>> {
  const [purges = []] = await Promise.all([purgesOf(api, room), assertNotBeingDeleted(api, room)]);
  if (purges.some(isRunning)) {
    throw new TargetError(
      'state',
      `the history of \`${room}\` is already being purged`,
      'No second purge was started.',
    );
  }
  return new Set(purges.map(({ id }) => id));
}

/**
 * Purges the history of a room, and waits until Synapse has finished or the time is up.
 *
 * @param purge.before milliseconds since 1970
 * @param keepId receives Synapse's ID of the task before anything waits for its end
 * @throws TargetError there is nothing to purge, or Synapse gave up, and why
 * @throws HomeserverError, UnreachableError the purge could not be started
 */
export async function purgeHistory(
  api: Api,
  room: RoomId,
  purge: { readonly before: number; readonly deleteLocal: boolean },
  times: PollTimes = usualTimes,
  keepId?: (purgeId: string) => Promise<void>,
): Promise<PurgeOutcome> {
  const purgeId = await startPurge(api, room, purge);
  await keepId?.(purgeId);
  const ended = await poll(async () => {
    // If Synapse doesn't answer now, the purge continues all the same.
    const status = await orUndefined(api.historyPurges.status(purgeId));
    return status?.status === 'active' ? undefined : status;
  }, times);
  if (ended?.status === 'failed') {
    const { why, advice } = givenUp(ended.error);
    throw new TargetError('state', why, advice);
  }
  return { purgeId, state: ended === undefined ? 'running' : 'complete' };
}

/**
 * What became of a purge whose end was not seen: `unknown` while it is running. Without its ID, `unknown` while
 * any purge of the room is running, and `unknowable` if one has ended that may be another, or Synapse keeps no
 * list of its tasks.
 *
 * @param purgeId Synapse's ID of the task, if it is known
 * @throws HomeserverError, UnreachableError
 */
export async function reconcilePurge(
  api: Api,
  room: RoomId,
  purgeId: string | undefined,
): Promise<
  | 'unknown'
  | 'done'
  | 'not_done'
  | 'unknowable'
  | { readonly ended: 'failed'; readonly why: string; readonly advice: string }
> {
  if (purgeId !== undefined) {
    const status = await api.historyPurges.status(purgeId);
    switch (status?.status) {
      case 'active':
        return 'unknown';
      case 'complete':
        return 'done';
      case 'failed':
        return { ended: 'failed', ...givenUp(status.error) };
      case undefined:
        return 'unknowable';
    }
  }
  const purges = await purgesOf(api, room);
  if (purges?.some(isRunning) === true) {
    return 'unknown';
  }
  return purges?.length === 0 ? 'not_done' : 'unknowable';
}

/** Undefined if Synapse keeps no list of its tasks. */
async function purgesOf(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
): Promise<ScheduledTask[] | undefined> {
  return synapseTasks(api, { action: purgeAction, resourceId: room });
}

/** @returns the purge's ID */
async function startPurge(
  api: Api,
  room: RoomId,
  { before, deleteLocal }: { readonly before: number; readonly deleteLocal: boolean },
): Promise<string> {
  const earlier = await assertCanPurge(api, room);
  try {
    return await api.historyPurges.start(room, before, { deleteLocal });
  } catch (error) {
    if (isNotFound(error)) {
      throw new TargetError(
        'state',
        `\`${room}\` has no history from before that time`,
        'Nothing was changed.',
      );
    }
    const purges = mayHaveHappened(error) ? await orUndefined(purgesOf(api, room)) : undefined;
    const started = purges?.find(({ id }) => !earlier.has(id));
    if (started !== undefined) {
      // The purge has started; only the answer was lost.
      return started.id;
    }
    throw error;
  }
}

function givenUp(error: string | null): { readonly why: string; readonly advice: string } {
  return {
    why: `Synapse gave up the purge${error === null ? '' : ` (${serverMessage(error)})`}`,
    advice: 'It may have deleted a part. You can start it again.',
  };
}
