import { poll } from '../../core/async/poll.ts';
import type { PollTimes } from '../../core/async/poll.ts';
import { HomeserverError, mayHaveHappened, orUndefined, TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { RoomDeletion, RoomDeletionStatus } from '../../homeserver/admin/rooms.ts';
import type { ScheduledTask } from '../../homeserver/admin/server.ts';
import { serverMessage } from '../server-message.ts';
import { synapseTasks } from '../synapse-tasks.ts';

/** Synapse's name for the task that deletes a room. */
const deletionAction = 'shutdown_and_purge_room';

/** A deletion that Synapse gave up, or that left members in the room, and why. */
interface EndedDeletion {
  readonly ended: 'failed' | 'partial';
  readonly why: string;
  readonly advice: string | undefined;
}

type Api = Pick<AdminApi, 'rooms' | 'server'>;
type TaskApi = Pick<AdminApi, 'server'>;

export interface RoomDeletionOutcome {
  readonly deleteId: string;
  /** `running` if Synapse needs longer than we wait. */
  readonly state: 'complete' | 'running';
  readonly kickedUsers: readonly UserId[];
  readonly failedToKickUsers: readonly UserId[];
  readonly localAliases: readonly string[];
  /** The replacement room. */
  readonly newRoomId: RoomId | null;
}

const usualTimes: PollTimes = { firstIntervalMs: 50, maxIntervalMs: 2000, limitMs: 60_000 };

/**
 * Deletes a room, and waits until Synapse has finished or the time is up.
 *
 * @param keepId receives Synapse's ID of the task before anything waits for its end
 * @throws TargetError the room is already being deleted, or Synapse gave up, and why
 * @throws HomeserverError, UnreachableError the deletion could not be started
 */
export async function deleteRoom(
  api: Api,
  room: RoomId,
  options: RoomDeletion,
  times: PollTimes = usualTimes,
  keepId?: (deleteId: string) => Promise<void>,
): Promise<RoomDeletionOutcome> {
  const deleteId = await startDeletion(api, room, options);
  await keepId?.(deleteId);
  let last: RoomDeletionStatus | undefined;
  const ended = await poll(async () => {
    // If Synapse doesn't answer now, the deletion continues all the same.
    last = (await orUndefined(api.rooms.deletionStatus(deleteId))) ?? last;
    return last === undefined || isRunning(last) ? undefined : last;
  }, times);
  if (ended !== undefined && ended.status !== 'complete') {
    throw await failureOf(api, room, deleteId, ended);
  }
  const result = last?.shutdownRoom;
  return {
    deleteId,
    state: ended === undefined ? 'running' : 'complete',
    kickedUsers: result?.kickedUsers ?? [],
    failedToKickUsers: result?.failedToKickUsers ?? [],
    localAliases: result?.localAliases ?? [],
    newRoomId: result?.newRoomId ?? null,
  };
}

/** The latest deletion of a room within the last 7 days. GET /_synapse/admin/v1/scheduled_tasks */
export async function lastDeletion(api: TaskApi, room: RoomId): Promise<ScheduledTask | undefined> {
  return latest(await deletionsOf(api, room));
}

export function isRunning({ status }: Pick<ScheduledTask, 'status'>): boolean {
  return status === 'scheduled' || status === 'active';
}

/**
 * The rooms that Synapse is deleting now; none if it keeps no list of its tasks.
 * GET /_synapse/admin/v1/scheduled_tasks
 */
export async function roomsBeingDeleted(api: TaskApi): Promise<ReadonlySet<string>> {
  const tasks = await synapseTasks(api, {
    action: deletionAction,
    status: ['scheduled', 'active'],
  });
  return new Set((tasks ?? []).flatMap(({ resourceId }) => resourceId ?? []));
}

/**
 * @returns the room's latest deletion, which has ended
 * @throws TargetError the room is already being deleted
 */
export async function assertNotBeingDeleted(
  api: TaskApi,
  room: RoomId,
): Promise<ScheduledTask | undefined> {
  const last = await lastDeletion(api, room);
  if (last !== undefined && isRunning(last)) {
    throw new TargetError(
      'state',
      `\`${room}\` is already being deleted`,
      'No second deletion was started.',
    );
  }
  return last;
}

/**
 * What became of a deletion whose end was not seen: `unknown` while it is running. Without its ID, `unknown`
 * while any deletion of the room is running, and `unknowable` if Synapse still has the room and keeps no list of
 * its tasks, or if the task that ended may be another one.
 *
 * @param options.block whether users of this server were to be prevented from joining it again
 * @param options.deleteId Synapse's ID of the task, if it is known
 * @param options.purge whether the room was to be removed from the database, not only left by its members
 * @param options.serverName the name of this server
 * @throws HomeserverError, UnreachableError
 */
export async function reconcileDeletion(
  api: Api,
  room: RoomId,
  {
    block,
    deleteId,
    purge,
    serverName,
  }: {
    readonly block: boolean;
    readonly deleteId?: string | undefined;
    readonly purge: boolean;
    readonly serverName: string;
  },
): Promise<'unknown' | 'done' | 'not_done' | 'unknowable' | EndedDeletion> {
  const status = deleteId === undefined ? undefined : await api.rooms.deletionStatus(deleteId);
  if (deleteId !== undefined && status !== undefined) {
    if (isRunning(status)) {
      return 'unknown';
    }
    if (status.status === 'complete') {
      const why = whyNotAllRemoved(status.shutdownRoom?.failedToKickUsers ?? []);
      return why === undefined ? 'done' : { ended: 'partial', why, advice: undefined };
    }
    const { message, advice } = await failureOf(api, room, deleteId, status);
    return { ended: 'failed', why: message, advice };
  }
  const tasks = await deletionsOf(api, room);
  const deletion = latest(tasks);
  if (deletion !== undefined && isRunning(deletion)) {
    return 'unknown';
  }
  const mayHaveEnded = tasks === undefined || deletion?.status === 'complete';
  const hasLocalMembers = async () => {
    const { members } = await api.rooms.members(room);
    return members.some((member) => serverNameOf(member) === serverName);
  };
  const isGone =
    (await api.rooms.find(room)) === undefined ||
    (!purge && mayHaveEnded && !(await hasLocalMembers()));
  if (isGone && (!block || (await api.rooms.isBlocked(room)))) {
    return 'done';
  }
  return mayHaveEnded ? 'unknowable' : 'not_done';
}

/** How many users who could not be removed are named. */
const maxNamed = 10;

/** `2 could not be removed: @a:example.com, @b:example.com`; undefined if all members were removed. */
export function whyNotAllRemoved(failed: readonly UserId[]): string | undefined {
  return failed.length === 0
    ? undefined
    : `${failed.length.toLocaleString('en-US')} could not be removed: ${failed.slice(0, maxNamed).join(', ')}${failed.length > maxNamed ? ' and others' : ''}`;
}

/** Undefined if Synapse keeps no list of its tasks. */
async function deletionsOf(api: TaskApi, room: RoomId): Promise<ScheduledTask[] | undefined> {
  return synapseTasks(api, { action: deletionAction, resourceId: room });
}

function latest(tasks: readonly ScheduledTask[] = []): ScheduledTask | undefined {
  return tasks.find(isRunning) ?? tasks.at(-1);
}

/** @returns the deletion's ID */
async function startDeletion(api: Api, room: RoomId, options: RoomDeletion): Promise<string> {
  // Synapse would accept a second deletion while the first waits in its queue.
  const before = await assertNotBeingDeleted(api, room);
  try {
    return await api.rooms.delete(room, options);
  } catch (error) {
    if (error instanceof HomeserverError && error.status === 400) {
      await assertNotBeingDeleted(api, room);
    }
    const started = mayHaveHappened(error) ? await orUndefined(lastDeletion(api, room)) : undefined;
    if (started !== undefined && started.id !== before?.id) {
      // The deletion has started; only the answer was lost.
      return started.id;
    }
    throw error;
  }
}

async function failureOf(
  api: TaskApi,
  room: RoomId,
  deleteId: string,
  { status, shutdownRoom }: RoomDeletionStatus,
): Promise<TargetError> {
  const tasks = await orUndefined(deletionsOf(api, room));
  const why = tasks?.find(({ id }) => id === deleteId)?.error ?? undefined;
  const kicked = shutdownRoom?.kickedUsers.length ?? 0;
  const created = shutdownRoom?.newRoomId ?? null;
  // In the message, not the advice: it is about this room alone.
  const first = [
    ...(kicked === 0
      ? []
      : [`removing ${kicked.toLocaleString('en-US')} ${kicked === 1 ? 'member' : 'members'}`]),
    ...(created === null ? [] : [`creating the replacement room \`${created}\``]),
  ].join(' and ');
  return new TargetError(
    'state',
    `Synapse ${status === 'cancelled' ? 'cancelled' : 'gave up'} the deletion of the room${first === '' ? '' : ` after ${first}`}${why === undefined ? '' : ` (${serverMessage(why)})`}`,
    kicked === 0 ? 'Synapse may have removed some members first.' : undefined,
  );
}
