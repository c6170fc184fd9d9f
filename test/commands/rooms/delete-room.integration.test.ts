import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import {
  adminApi,
  asRoomId,
  idOf,
  newRoom,
  newUser,
  unknownUserId,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { rooms, users } = adminApi();
const unknownRoom = `!${'x'.repeat(43)}`;

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** A public room with two members, as the server's statistics know it. */
async function meeting(options: Record<string, unknown> = {}) {
  const [owner, member] = [await newUser('owner'), await newUser('member')];
  const id = await newRoom(owner, { preset: 'public_chat', name: 'Spam room', ...options });
  await member.join(id);
  await expect
    .poll(async () => rooms.get(id), { timeout: 10_000 })
    .toMatchObject({ name: 'Spam room', joinedMembers: 2 });
  return { id, owner, member };
}

async function roomsOf(user: MatrixUser): Promise<readonly string[]> {
  return (await users.joinedRooms(idOf(user))).joinedRooms;
}

describe('delete-room', () => {
  it.for(['11', '12'])('shows a room of version %s, waits, and removes it', async (version) => {
    const { id, owner, member } = await meeting({ room_version: version });
    const confirmation = await room.ben.ask(`!delete-room ${id} --reason spam`);
    expect(confirmation.field).toMatchObject({ command: 'delete-room', status: 'pending' });
    expect(confirmation.body).toContain(`⚠️ Delete room Spam room ${id}?`);
    expect(confirmation.body).toContain(
      `2 members · created by ${owner.userId} · not encrypted · version ${version}`,
    );
    expect(confirmation.body).toContain(
      'Will: remove 2 local members, delete its messages from this server',
    );
    expect(confirmation.body).toContain('Will not: remove it from other servers, delete files');
    expect(confirmation.body).toContain('tell the members why');
    expect(await rooms.find(id)).toBeDefined();

    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain(`✅ Deleted room Spam room ${id}`);
    expect(outcome.body).toContain('2 members from this server removed');
    expect(outcome.field.data).toMatchObject({
      room_id: id,
      state: 'complete',
      failed_to_kick_users: [],
      new_room_id: null,
    });
    expect(await rooms.find(id)).toBeUndefined();
    expect(await roomsOf(member)).toEqual([]);

    const [entry] = outcome.field.audit;
    const audit = await room.ana.ask(`!audit ${entry}`);
    expect(audit.field.data).toMatchObject({ target: id, status: 'done', reason: 'spam' });
    const again = await room.ben.ask(`!room ${id}`);
    expect(again.body).toContain('it was deleted');
  });

  it('makes a replacement room, moves people there, and blocks the old one', async () => {
    const { id, member } = await meeting();
    const keeper = await newUser('keeper');
    const confirmation = await room.ana.ask(
      `!delete-room ${id} --block --new-room-user ${keeper.userId} --room-name "<b>Closed</b>" --message "Gone for good"`,
    );
    expect(confirmation.body).toContain('block users of this server from joining again');
    expect(confirmation.body).toContain('called “<b>Closed</b>” that says “Gone for good”');
    expect(confirmation.body).not.toContain('tell the members why');
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    const { new_room_id: newRoomId } = outcome.field.data as { new_room_id: string };
    expect(outcome.body).toContain(`Replacement room: ${newRoomId}`);
    expect(await roomsOf(member)).toEqual([newRoomId]);
    await expect
      .poll(async () => rooms.get(asRoomId(newRoomId)))
      .toMatchObject({ name: '<b>Closed</b>' });
    await expect(member.join(id)).rejects.toMatchObject({ status: 403 });
    expect(outcome.body).toContain(`!unblock-room ${id}`);
  });

  it('keeps the history with --no-purge', async () => {
    const { id } = await meeting();
    const confirmation = await room.ana.ask(`!delete-room ${id} --no-purge`);
    expect(confirmation.body).toMatch(/^Will not: .*delete its messages/mu);
    expect(confirmation.body).toContain('Members from this server can’t get back in');
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('its history is kept in the database');
    await expect.poll(async () => rooms.get(id)).toMatchObject({ joinedMembers: 0 });
  });

  it('looks again at the maker of the new room when it is confirmed', async () => {
    const { id } = await meeting();
    const keeper = await newUser('keeper');
    const confirmation = await room.ana.ask(`!delete-room ${id} --new-room-user ${keeper.userId}`);
    await users.setSuspended(idOf(keeper), true);
    await room.ana.ask('!confirm');
    const suspended = await room.ana.outcomeOf(confirmation, 'failed');
    expect(suspended.body).toContain(`${keeper.userId} is suspended`);
    expect(await rooms.find(id)).toBeDefined();
  });

  it('never deletes the management room', async () => {
    const answer = await room.ana.ask(`!delete-room ${room.id}`);
    expect(answer.field).toMatchObject({ status: 'protected' });
    expect(answer.body).toContain('this is the management room');
    expect(await rooms.find(asRoomId(room.id))).toBeDefined();
  });

  it('refuses unknown rooms, which Synapse would report as deleted', async () => {
    const unknown = await room.ana.ask(`!delete-room ${unknownRoom}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_room' } });
    const malformed = await room.ana.ask('!delete-room "spam room"');
    expect(malformed.field).toMatchObject({ status: 'usage' });
  });

  it('refuses a maker of the new room that does not exist, is closed, or is not ours', async () => {
    const { id } = await meeting();
    const ask = async (user: string) => room.ana.ask(`!delete-room ${id} --new-room-user ${user}`);
    expect((await ask(unknownUserId())).field).toMatchObject({ error: { code: 'unknown_user' } });
    const remote = await ask('@somebody:remote.example');
    expect(remote.field).toMatchObject({ error: { code: 'remote_user' } });
    const closed = await newUser();
    await users.deactivate(idOf(closed), { erase: false });
    const answer = await ask(closed.userId);
    expect(answer.field).toMatchObject({ error: { code: 'state' } });
    expect(answer.body).toContain('is deactivated');
    const alone = await room.ana.ask(`!delete-room ${id} --message "Gone"`);
    expect(alone.field).toMatchObject({ status: 'usage' });
    expect(alone.body).toContain('--message needs --new-room-user');
    expect(await rooms.find(id)).toBeDefined();
  });

  it('refuses viewers', async () => {
    const { id } = await meeting();
    const answer = await room.vic.ask(`!delete-room ${id}`);
    expect(answer.field).toMatchObject({ status: 'denied' });
  });
});
