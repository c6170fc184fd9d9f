import { expect, test } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { RoomDeletionStatus } from '../../../src/homeserver/admin/rooms.ts';
import type { ScheduledTask } from '../../../src/homeserver/admin/server.ts';
import { deleteRoom, reconcileDeletion } from '../../../src/services/rooms/room-deletion.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

const room = asRoomId('!room:localhost');
const quick = { firstIntervalMs: 1, maxIntervalMs: 1, limitMs: 1000 };
const lost = new UnreachableError('DELETE', 'did not answer', true);

const task = (id: string, status: ScheduledTask['status']): ScheduledTask => ({
  id,
  action: 'shutdown_and_purge_room',
  status,
  timestampMs: 0,
  resourceId: room,
  error: null,
});

/** A homeserver whose answer to the deletion gets lost, and what its list of tasks holds by turns. */
function apiWith(...lists: ScheduledTask[][]) {
  const seen: string[] = [];
  const left = [...lists];
  const api = {
    rooms: {
      delete: async () => {
        throw lost;
      },
      deletionStatus: async (id: string) => {
        seen.push(id);
        return { status: 'complete' };
      },
      find: async () => ({ roomId: room }),
    },
    server: {
      scheduledTasks: async () => (left.length > 1 ? left.shift() : left[0]),
    },
  } as unknown as AdminApi;
  return { api, seen };
}

/** A homeserver that knows how a deletion ended, and what it did to the room. */
function endedWith(
  status: 'complete' | 'failed',
  shutdownRoom: Partial<RoomDeletionStatus['shutdownRoom']>,
): AdminApi {
  return {
    rooms: {
      delete: async () => 'ours',
      deletionStatus: async () => ({
        status,
        shutdownRoom: {
          kickedUsers: [],
          failedToKickUsers: [],
          localAliases: [],
          newRoomId: null,
          ...shutdownRoom,
        },
      }),
    },
    server: { scheduledTasks: async () => [] },
  } as unknown as AdminApi;
}

const people = (number: number) =>
  Array.from({ length: number }, (_, at) => asUserId(`@user${at}:localhost`));

test('an earlier deletion of the same room is not taken for the one whose answer was lost', async () => {
  const { api, seen } = apiWith([task('theirs', 'complete')], [task('theirs', 'complete')]);
  await expect(deleteRoom(api, room, { block: false }, quick)).rejects.toBe(lost);
  expect(seen).toEqual([]);
});

test('a deletion that is new in the list is the one whose answer was lost, and is waited for', async () => {
  const { api, seen } = apiWith(
    [task('theirs', 'complete')],
    [task('theirs', 'complete'), task('ours', 'active')],
  );
  const outcome = await deleteRoom(api, room, { block: false }, quick);
  expect(outcome).toMatchObject({ deleteId: 'ours', state: 'complete' });
  expect(seen).toEqual(['ours']);
});

test('whether it was done can’t be told from a deletion that may be another', async () => {
  const look = { block: false, purge: true, serverName: 'localhost' };
  const after = async (...tasks: ScheduledTask[]) =>
    reconcileDeletion(apiWith(tasks).api, room, look);
  expect(await after(task('theirs', 'complete'))).toBe('unknowable');
  expect(await after(task('theirs', 'complete'), task('ours', 'active'))).toBe('unknown');
  expect(await after(task('ours', 'failed'))).toBe('not_done');
  expect(await after()).toBe('not_done');
});

test('what Synapse did before it gave up stands with the room', async () => {
  const api = endedWith('failed', {
    kickedUsers: people(12),
    newRoomId: asRoomId('!new:localhost'),
  });
  await expect(deleteRoom(api, room, { block: false }, quick)).rejects.toMatchObject({
    message:
      'Synapse gave up the deletion of the room after removing 12 members and creating the replacement room `!new:localhost`',
    advice: undefined,
  });
  await expect(
    deleteRoom(endedWith('failed', {}), room, { block: false }, quick),
  ).rejects.toMatchObject({
    message: 'Synapse gave up the deletion of the room',
    advice: 'Synapse may have removed some members first.',
  });
});

test('a deletion whose end is seen late names those who could not be removed', async () => {
  const look = { block: false, purge: false, deleteId: 'ours', serverName: 'localhost' };
  const after = async (failed: number) =>
    reconcileDeletion(endedWith('complete', { failedToKickUsers: people(failed) }), room, look);
  expect(await after(0)).toBe('done');
  expect(await after(2)).toMatchObject({
    ended: 'partial',
    why: '2 could not be removed: @user0:localhost, @user1:localhost',
  });
  expect(await after(12)).toMatchObject({
    why: expect.stringMatching(/^12 could .*@user9:localhost and others$/u) as string,
  });
});
