import { afterAll, beforeAll, expect, it } from 'vitest';

import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

it('lists what Synapse does in the background, the newest first', async () => {
  const id = await newRoom(await newUser());
  const none = await room.vic.ask(`!tasks --room ${id}`);
  expect(none.body).toContain('Synapse has no such tasks');
  await askAndConfirm(room.ana, `!delete-room ${id}`);

  const deleted = await room.vic.ask(`!tasks --room ${id}`);
  expect(deleted.field).toMatchObject({
    status: 'done',
    data: {
      total: 1,
      rows: [{ action: 'shutdown_and_purge_room', status: 'complete', resource_id: id }],
    },
  });
  expect(deleted.body).toContain('1 task of Synapse in the last 7 days');
  expect(deleted.body).toContain(`deletes room ${id}`);

  const all = await room.vic.ask('!tasks complete --limit 1');
  expect(all.field).toMatchObject({ data: { rows: [{ status: 'complete' }] } });
  const failed = await room.vic.ask(`!tasks failed --room ${id}`);
  expect(failed.field).toMatchObject({ data: { total: 0 } });
});

it('says why a task failed', async () => {
  const id = await newRoom(await newUser());
  const path = `/_synapse/admin/v2/rooms/${encodeURIComponent(id)}`;
  // Synapse accepts this name, and finds out later that it can't create a room with it.
  const json = { new_room_user_id: room.ana.user.userId, room_name: 5 };
  const { delete_id: task } = await room.bot.request<{ delete_id: string }>('DELETE', path, {
    json,
  });
  const { server } = adminApi();
  await expect
    .poll(async () => server.scheduledTasks({ resourceId: id }))
    .toMatchObject([{ status: 'failed' }]);
  const failed = await room.vic.ask(`!tasks failed --room ${id}`);
  expect(failed.field).toMatchObject({ data: { rows: [{ id: task, status: 'failed' }] } });
  expect(failed.body).toMatch(/failed, .*: \S/u);
});

it('refuses what Synapse would refuse, and says if Synapse has no such list', async () => {
  const wrong = await room.vic.ask('!tasks --status over');
  expect(wrong.field).toMatchObject({ status: 'usage' });
  const user = adminApi((await newUser()).account.accessToken);
  await expect(user.server.scheduledTasks()).rejects.toMatchObject({ status: 403 });

  await using old = await startStandIn(({ path }) =>
    path.endsWith('/scheduled_tasks')
      ? { status: 404, body: { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' } }
      : undefined,
  );
  const oldRoom = await openRoom({ homeserver: { adminUrl: old.url } });
  try {
    const answer = await oldRoom.vic.ask('!tasks');
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('this version of Synapse does not list its tasks');
  } finally {
    await oldRoom.close();
  }
});
