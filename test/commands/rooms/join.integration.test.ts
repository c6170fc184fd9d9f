import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import {
  adminApi,
  homeserver,
  idOf,
  newRoom,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { users } = adminApi();

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

async function isIn(user: MatrixUser, id: string): Promise<boolean> {
  return (await users.joinedRooms(idOf(user))).joinedRooms.some((one) => one === id);
}

describe('join', () => {
  it('joins an account to a public room, by ID or alias, and says when it was in already', async () => {
    const [owner, user, other] = [await newUser(), await newUser(), await newUser()];
    const localpart = uniqueLocalpart('lobby');
    const id = await newRoom(owner, { preset: 'public_chat', room_alias_name: localpart });
    const joined = await room.ben.ask(`!join ${user.userId} ${id} --reason lost`);
    expect(joined.field).toMatchObject({
      command: 'join',
      status: 'done',
      data: { user_id: user.userId, room_id: id, was_in: false },
    });
    expect(joined.body).toMatch(/✅ Added \S+ @\S+ to /u);
    expect(await isIn(user, id)).toBe(true);
    const byAlias = await room.ben.ask(
      `!join ${other.account.localpart} #${localpart}:${homeserver().serverName}`,
    );
    expect(byAlias.field.status).toBe('done');
    expect(await isIn(other, id)).toBe(true);
    const again = await room.ben.ask(`!join ${user.userId} ${id}`);
    expect(again.field.status).toBe('done');
    expect(again.body).toContain('was already in');
  });

  it('says what to do for a private room, and does it when the bot can invite', async () => {
    const [owner, user] = [await newUser(), await newUser()];
    const id = await newRoom(owner, { preset: 'private_chat' });
    const refused = await room.ben.ask(`!join ${user.userId} ${id}`);
    expect(refused.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(refused.body).toContain('can’t invite');
    expect(refused.body).toContain(`Invite ${room.bot.userId} to that room`);
    expect(await isIn(user, id)).toBe(false);
    await owner.invite(id, room.bot.userId);
    await room.bot.join(id);
    const joined = await room.ben.ask(`!join ${user.userId} ${id}`);
    expect(joined.field.status).toBe('done');
    expect(await isIn(user, id)).toBe(true);
  });

  it('tells banned and blocked apart', async () => {
    const [owner, user] = [await newUser(), await newUser()];
    const id = await newRoom(owner, { preset: 'public_chat' });
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/ban`;
    await owner.request('POST', path, { json: { user_id: user.userId } });
    const banned = await room.ben.ask(`!join ${user.userId} ${id}`);
    expect(banned.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(banned.body).toContain('ban');

    const blocked = await newRoom(owner, { preset: 'public_chat' });
    await room.bot.request('PUT', `/_synapse/admin/v1/rooms/${encodeURIComponent(blocked)}/block`, {
      json: { block: true },
    });
    const answer = await room.ben.ask(`!join ${user.userId} ${blocked}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('is blocked on this server');
    expect(answer.body).toContain(`!unblock-room ${blocked}`);
  });

  it('refuses deactivated accounts, which Synapse would join', async () => {
    const [owner, user] = [await newUser(), await newUser()];
    const id = await newRoom(owner, { preset: 'public_chat' });
    await users.deactivate(idOf(user), { erase: false });
    const answer = await room.ben.ask(`!join ${user.userId} ${id}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('is deactivated');
  });

  it('refuses unknown accounts and rooms, and viewers', async () => {
    const [owner, user] = [await newUser(), await newUser()];
    const id = await newRoom(owner);
    const account = await room.ben.ask(`!join ${unknownUserId()} ${id}`);
    expect(account.field).toMatchObject({ error: { code: 'unknown_user' } });
    const unknown = await room.ben.ask(`!join ${user.userId} !${'x'.repeat(43)}`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_room' } });
    const viewer = await room.vic.ask(`!join ${user.userId} ${id}`);
    expect(viewer.field).toMatchObject({ status: 'denied' });
    expect(await isIn(user, id)).toBe(false);
  });
});
