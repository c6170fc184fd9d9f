import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { adminApi, asRoomId, newRoom, newUser } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { rooms } = adminApi();

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

describe('block-room and unblock-room', () => {
  it('keep people out and let them in again, and take each other back', async () => {
    const [owner, member] = [await newUser('owner'), await newUser('member')];
    const id = await newRoom(owner, { preset: 'public_chat', name: 'Spam room' });
    await expect.poll(async () => (await rooms.get(id)).joinedLocalMembers).toBe(1);
    const blocked = await room.ben.ask(`!block-room ${id} --reason spam`);
    expect(blocked.field).toMatchObject({ status: 'done', data: { room_id: id, block: true } });
    expect(blocked.body).toContain(`✅ Blocked Spam room ${id}`);
    expect(blocked.body).toContain('1 member of this server is still in it');
    expect(await rooms.isBlocked(id)).toBe(true);
    await expect(member.join(id)).rejects.toMatchObject({ status: 403 });
    expect((await room.vic.ask(`!room ${id}`)).body).toContain('not encrypted, blocked');
    const again = await room.ben.ask(`!block-room ${id}`);
    expect(again.field).toMatchObject({ status: 'failed', error: { code: 'state' } });

    const undone = await room.ben.ask(`!undo ${blocked.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unblock-room', status: 'done' });
    expect(await rooms.isBlocked(id)).toBe(false);
    await member.join(id);
    const twice = await room.ben.ask(`!unblock-room ${id}`);
    expect(twice.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    const redone = await room.ben.ask(`!undo ${undone.field.audit[0]}`);
    expect(redone.field).toMatchObject({ command: 'block-room', status: 'done' });
    expect(await rooms.isBlocked(id)).toBe(true);
  });

  it('work for a room that this server has never seen', async () => {
    const id = asRoomId(`!${'y'.repeat(42)}${Date.now() % 10}`);
    const blocked = await room.ana.ask(`!block-room ${id}`);
    expect(blocked.body).toContain(`✅ Blocked ${id}`);
    expect(await rooms.isBlocked(id)).toBe(true);
    await room.ana.ask(`!unblock-room ${id}`);
    expect(await rooms.isBlocked(id)).toBe(false);
  });

  it('never close the management room, and are for moderators', async () => {
    const own = await room.ana.ask(`!block-room ${room.id}`);
    expect(own.field).toMatchObject({ status: 'protected' });
    const viewer = await room.vic.ask(`!block-room ${room.id}`);
    expect(viewer.field).toMatchObject({ status: 'denied' });
    expect(await rooms.isBlocked(asRoomId(room.id))).toBe(false);
  });
});
