import { expect, test } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { ScheduledTask } from '../../../src/homeserver/admin/server.ts';
import { deleteRoom, reconcileDeletion } from '../../../src/services/rooms/room-deletion.ts';
import { asRoomId } from '../../support/homeserver.ts';

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
  const look = { purge: true, serverName: 'localhost' };
  const after = async (...tasks: ScheduledTask[]) =>
    reconcileDeletion(apiWith(tasks).api, room, look);
  expect(await after(task('theirs', 'complete'))).toBe('unknowable');
  expect(await after(task('theirs', 'complete'), task('ours', 'active'))).toBe('unknown');
  expect(await after(task('ours', 'failed'))).toBe('not_done');
  expect(await after()).toBe('not_done');
});
