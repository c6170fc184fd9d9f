import { afterEach, describe, expect, test, vi } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { deleteRoom, lastDeletion } from '../../../src/services/rooms/room-deletion.ts';
import { adminApi, idOf, newRoom, newUser } from '../../support/homeserver.ts';

const api = adminApi();
const quick = { firstIntervalMs: 5, maxIntervalMs: 20, limitMs: 20_000 };

afterEach(() => vi.restoreAllMocks());

/** The real API, with another answer to what tells how far a deletion is. */
function watchedBy(deletionStatus: AdminApi['rooms']['deletionStatus']): AdminApi {
  return { ...api, rooms: { ...api.rooms, deletionStatus } };
}

describe('deleteRoom', () => {
  test('waits for the end, and tells who was removed', async () => {
    const [owner, member] = [await newUser(), await newUser()];
    const room = await newRoom(owner, { preset: 'public_chat' });
    await member.join(room);
    const outcome = await deleteRoom(api, room, { block: false }, quick);
    expect(outcome).toMatchObject({ state: 'complete', failedToKickUsers: [], newRoomId: null });
    expect([...outcome.kickedUsers].sort()).toEqual([owner.userId, member.userId].sort());
    expect(await api.rooms.find(room)).toBeUndefined();
    expect(await lastDeletion(api, room)).toMatchObject({
      id: outcome.deleteId,
      status: 'complete',
    });
  });

  test('tells why the homeserver gave up, which only its list of tasks knows', async () => {
    const [owner, keeper] = [await newUser(), await newUser()];
    const room = await newRoom(owner);
    await api.users.setSuspended(idOf(keeper), true);
    const deletion = deleteRoom(api, room, { block: false, newRoomUserId: idOf(keeper) }, quick);
    await expect(deletion).rejects.toMatchObject({
      code: 'state',
      message: expect.stringMatching(/gave up the deletion of the room \(.*suspend/i) as string,
      advice: expect.stringContaining('may have removed some members') as string,
    });
  });

  test('is running where it takes longer than we wait, or we no longer see it', async () => {
    const states = [
      async () => undefined,
      async () => {
        throw new UnreachableError('GET /', 'did not answer', true);
      },
      async () => {
        throw new HomeserverError(502, 'M_UNKNOWN', 'GET /');
      },
    ];
    for (const deletionStatus of states) {
      const room = await newRoom(await newUser());
      const limit = { ...quick, limitMs: 50 };
      const outcome = await deleteRoom(watchedBy(deletionStatus), room, { block: false }, limit);
      expect(outcome).toMatchObject({ state: 'running', kickedUsers: [] });
    }
  });

  test('does not start a second deletion while one is running', async () => {
    const room = await newRoom(await newUser());
    const begun = vi.spyOn(api.rooms, 'delete');
    vi.spyOn(api.server, 'scheduledTasks').mockResolvedValue([
      {
        id: 'a',
        action: 'shutdown_and_purge_room',
        status: 'scheduled',
        timestampMs: 0,
        resourceId: room,
        error: null,
      },
    ]);
    await expect(deleteRoom(api, room, { block: false }, quick)).rejects.toMatchObject({
      code: 'state',
      message: expect.stringContaining('is already being deleted') as string,
    });
    expect(begun).not.toHaveBeenCalled();
  });

  test('works where the homeserver has no list of tasks', async () => {
    const room = await newRoom(await newUser());
    vi.spyOn(api.server, 'scheduledTasks').mockRejectedValue(
      new HomeserverError(404, 'M_UNRECOGNIZED', 'GET /_synapse/admin/v1/scheduled_tasks'),
    );
    const outcome = await deleteRoom(api, room, { block: false }, quick);
    expect(outcome.state).toBe('complete');
  });
});
