import { setTimeout as wait } from 'node:timers/promises';

import {
  HomeserverError,
  LawspeakerError,
  TargetError,
  UnreachableError,
} from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { RoomDeletion, RoomDeletionStatus } from '../../homeserver/admin/rooms.ts';
import type { ScheduledTask } from '../../homeserver/admin/server.ts';

/** What the server calls deleting a room among its tasks. */
const deletionAction = 'shutdown_and_purge_room';

/** Of the server's own words so much is shown. */
const maxExplanationLength = 200;

export interface RoomDeletionOutcome {
  readonly deleteId: string;
  /** `running` where it went on for longer than we wait. */
  readonly state: 'complete' | 'running';
  readonly kickedUsers: readonly UserId[];
  readonly failedToKickUsers: readonly UserId[];
  readonly localAliases: readonly string[];
  /** The replacement room. */
  readonly newRoomId: RoomId | null;
}

/** How long a deletion is watched, in milliseconds. */
export interface Watching {
  readonly firstIntervalMs: number;
  readonly maxIntervalMs: number;
  readonly limitMs: number;
}

const watching: Watching = { firstIntervalMs: 50, maxIntervalMs: 2000, limitMs: 60_000 };

/**
 * Deletes a room and waits for the end of it, or until the limit.
 *
 * @throws TargetError it is being deleted already, or the server gave it up, and why
 * @throws HomeserverError, UnreachableError it could not be begun
 */
export async function deleteRoom(
  api: Pick<AdminApi, 'rooms' | 'server'>,
  room: RoomId,
  options: RoomDeletion,
  { firstIntervalMs, maxIntervalMs, limitMs }: Watching = watching,
): Promise<RoomDeletionOutcome> {
  const deleteId = await begin(api, room, options);
  const endsAt = performance.now() + limitMs;
  let last: RoomDeletionStatus | undefined;
  for (
    let intervalMs = firstIntervalMs;
    performance.now() < endsAt;
    intervalMs = Math.min(intervalMs * 2, maxIntervalMs)
  ) {
    await wait(intervalMs);
    last = (await statusOf(api, deleteId)) ?? last;
    if (last?.status === 'complete') {
      return outcomeOf(deleteId, 'complete', last);
    }
    if (last?.status === 'failed' || last?.status === 'cancelled') {
      throw await failure(api, room, deleteId, last);
    }
  }
  return outcomeOf(deleteId, 'running', last);
}

/** The room's deletion that was begun last, of the last 7 days. */
export async function lastDeletion(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
): Promise<ScheduledTask | undefined> {
  return latest((await deletionsOf(api, room)) ?? []);
}

function latest(tasks: readonly ScheduledTask[]): ScheduledTask | undefined {
  return tasks.find(isUnderWay) ?? tasks.at(-1);
}

/** Undefined where the server has no such list, as older ones. */
async function deletionsOf(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
): Promise<ScheduledTask[] | undefined> {
  try {
    return await api.server.scheduledTasks({ action: deletionAction, resourceId: room });
  } catch (error) {
    if (error instanceof HomeserverError && error.status === 404) {
      return undefined;
    }
    throw error;
  }
}

export function isUnderWay({ status }: Pick<ScheduledTask, 'status'>): boolean {
  return status === 'scheduled' || status === 'active';
}

/**
 * Looks once how the deletion of a room stands that was asked for before: `unknowable` where the
 * server has no list of its tasks and still has the room, or has ended one that may be another.
 *
 * @param options.purge the room itself was to go, and not its members here alone
 * @param options.serverName this server's
 * @throws HomeserverError, UnreachableError
 */
export async function deletionEnd(
  api: Pick<AdminApi, 'rooms' | 'server'>,
  room: RoomId,
  { purge, serverName }: { readonly purge: boolean; readonly serverName: string },
): Promise<'under_way' | 'done' | 'not_done' | 'unknowable'> {
  const tasks = await deletionsOf(api, room);
  const deletion = latest(tasks ?? []);
  if (deletion !== undefined && isUnderWay(deletion)) {
    return 'under_way';
  }
  if ((await api.rooms.find(room)) === undefined) {
    return 'done';
  }
  if (!purge && deletion?.status !== 'failed') {
    const { members } = await api.rooms.members(room);
    if (!members.some((member) => serverNameOf(member) === serverName)) {
      return 'done';
    }
  }
  return tasks === undefined || deletion?.status === 'complete' ? 'unknowable' : 'not_done';
}

/**
 * @returns the last deletion of this room that has ended
 * @throws TargetError the room is being deleted already
 */
export async function assertNotBeingDeleted(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
): Promise<ScheduledTask | undefined> {
  const before = await lastDeletion(api, room);
  if (before !== undefined && isUnderWay(before)) {
    throw new TargetError(
      'state',
      `\`${room}\` is being deleted already`,
      'Nothing was begun a second time.',
    );
  }
  return before;
}

async function begin(
  api: Pick<AdminApi, 'rooms' | 'server'>,
  room: RoomId,
  options: RoomDeletion,
): Promise<string> {
  // While one waits in the queue the server would take a second one as well.
  const before = await assertNotBeingDeleted(api, room);
  try {
    return await api.rooms.delete(room, options);
  } catch (error) {
    if (error instanceof HomeserverError && error.status === 400) {
      await assertNotBeingDeleted(api, room);
    }
    const isOpen =
      (error instanceof HomeserverError || error instanceof UnreachableError) &&
      error.mayHaveHappened;
    const begun = isOpen ? await lastDeletionIfTold(api, room) : undefined;
    if (begun !== undefined && begun.id !== before?.id) {
      // It has begun, although its answer was lost.
      return begun.id;
    }
    throw error;
  }
}

async function lastDeletionIfTold(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
): Promise<ScheduledTask | undefined> {
  try {
    return await lastDeletion(api, room);
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return undefined;
    }
    throw error;
  }
}

/** Undefined where the server can't tell now: the deletion goes on whether we see it or not. */
async function statusOf(
  api: Pick<AdminApi, 'rooms'>,
  deleteId: string,
): Promise<RoomDeletionStatus | undefined> {
  try {
    return await api.rooms.deletionStatus(deleteId);
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return undefined;
    }
    throw error;
  }
}

function outcomeOf(
  deleteId: string,
  state: RoomDeletionOutcome['state'],
  status: RoomDeletionStatus | undefined,
): RoomDeletionOutcome {
  const done = status?.shutdownRoom;
  return {
    deleteId,
    state,
    kickedUsers: done?.kickedUsers ?? [],
    failedToKickUsers: done?.failedToKickUsers ?? [],
    localAliases: done?.localAliases ?? [],
    newRoomId: done?.newRoomId ?? null,
  };
}

async function failure(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
  deleteId: string,
  status: RoomDeletionStatus,
): Promise<TargetError> {
  const why = await reasonOf(api, room, deleteId);
  const kicked = status.shutdownRoom?.kickedUsers.length ?? 0;
  const created = status.shutdownRoom?.newRoomId ?? null;
  return new TargetError(
    'state',
    `the homeserver ${status.status === 'cancelled' ? 'cancelled' : 'gave up'} deleting the room${why === undefined ? '' : ` (${why})`}`,
    [
      kicked === 0
        ? 'Some members may have been removed before.'
        : `${kicked} members were removed before.`,
      ...(created === null ? [] : [`The replacement room \`${created}\` was made.`]),
    ].join(' '),
  );
}

async function reasonOf(
  api: Pick<AdminApi, 'server'>,
  room: RoomId,
  deleteId: string,
): Promise<string | undefined> {
  try {
    const tasks = await api.server.scheduledTasks({ action: deletionAction, resourceId: room });
    const error = tasks.find(({ id }) => id === deleteId)?.error ?? undefined;
    // In our sentences a backtick begins a command.
    return error?.replaceAll('`', "'").slice(0, maxExplanationLength).toWellFormed();
  } catch (error) {
    if (error instanceof LawspeakerError) {
      return undefined;
    }
    throw error;
  }
}
