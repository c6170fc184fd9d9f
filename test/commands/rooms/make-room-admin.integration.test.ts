import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { openCutOffRoom } from '../../support/cut-off.ts';
import type { CutOffRoom } from '../../support/cut-off.ts';
import { adminApi, idOf, newRoom, newUser, unknownUserId } from '../../support/homeserver.ts';

const { events, rooms } = adminApi();
const unknownRoom = `!${'x'.repeat(43)}`;
const call = ['POST', /\/make_room_admin$/] as const;

let place: CutOffRoom;
let room: CutOffRoom['room'];
beforeAll(async () => {
  place = await openCutOffRoom();
  ({ room } = place);
});
afterAll(async () => place[Symbol.asyncDispose]());

/** The power levels in a room, by user. */
async function powers(id: Awaited<ReturnType<typeof newRoom>>): Promise<Record<string, unknown>> {
  const [state] = await events.state(id, 'm.room.power_levels');
  return (state?.content['users'] ?? {}) as Record<string, unknown>;
}

async function privateRoom(owner: MatrixUser, version = '11') {
  return newRoom(owner, { preset: 'private_chat', name: 'Abandoned', room_version: version });
}

describe('make-room-admin', () => {
  it.for(['11', '12'])(
    'gives the bot power in a room of version %s, and joins',
    async (version) => {
      const owner = await newUser('owner');
      const id = await privateRoom(owner, version);
      const question = await room.ana.ask(`!make-room-admin ${id} --reason abandoned`);
      expect(question.field).toMatchObject({ command: 'make-room-admin', status: 'pending' });
      expect(question.body).toContain(
        `Make this bot ${room.bot.userId} an admin of Abandoned ${id}?`,
      );
      expect(question.body).toContain(
        `power level 100 instead of 0, in the name of ${owner.userId}`,
      );
      expect(await powers(id)).not.toHaveProperty(room.bot.userId);
      await room.ana.ask('!confirm');
      const outcome = await room.ana.outcomeOf(question, 'done');
      expect(outcome.body).toContain('is a member');
      expect(await powers(id)).toMatchObject({ [room.bot.userId]: 100 });
      expect((await rooms.members(id)).members).toContain(room.bot.userId);

      const again = await room.ana.ask(`!make-room-admin ${id}`);
      expect(again.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
      expect(again.body).toContain('already has the highest power');
    },
  );

  it('gives a moderator power and invites them', async () => {
    const owner = await newUser('owner');
    const id = await privateRoom(owner);
    const question = await room.ana.ask(`!make-room-admin ${id} ${room.ben.user.userId}`);
    expect(question.body).toContain('and invite them to the room');
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(question, 'done');
    expect(outcome.body).toContain('is invited, and not a member yet');
    expect(await powers(id)).toMatchObject({ [room.ben.user.userId]: 100 });
    expect((await rooms.members(id)).members).toEqual([owner.userId]);
    const audit = await room.ana.ask(`!audit ${outcome.field.audit[0]}`);
    expect(audit.field.data).toMatchObject({ target: room.ben.user.userId, status: 'done' });
  });

  it('says that the power is given if Synapse then refuses to invite', async () => {
    const owner = await newUser('owner');
    const id = await newRoom(owner, {
      preset: 'private_chat',
      room_version: '11',
      power_level_content_override: { invite: 101 },
    });
    const question = await room.ana.ask(`!make-room-admin ${id} ${room.ben.user.userId}`);
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(question, 'partial');
    expect(outcome.body).toContain('⚠️ Made');
    expect(outcome.body).toContain('Not invited: the homeserver refused (403');
    expect(outcome.body).not.toContain('Nothing was changed');
    expect(await powers(id)).toMatchObject({ [room.ben.user.userId]: 100 });
  });

  it('refuses users who are banned from the room', async () => {
    const owner = await newUser('owner');
    const id = await privateRoom(owner);
    await owner.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(id)}/ban`, {
      json: { user_id: room.ben.user.userId },
    });
    const answer = await room.ana.ask(`!make-room-admin ${id} ${room.ben.user.userId}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('is banned from');
  });

  it('refuses the creator of a room of version 12, as Synapse does', async () => {
    const owner = await newUser('owner');
    const id = await privateRoom(owner, '12');
    const answer = await room.ana.ask(`!make-room-admin ${id} ${owner.userId}`);
    expect(answer.body).toContain('stands above every power level there');
    await expect(rooms.makeAdmin(id, idOf(owner))).rejects.toMatchObject({ status: 400 });
  });

  it('says that nobody here has power in the room', async () => {
    const [owner, other] = [await newUser('owner'), await newUser('other')];
    const id = await newRoom(owner, { preset: 'public_chat', room_version: '11' });
    await other.join(id);
    await owner.leave(id);
    const answer = await room.ana.ask(`!make-room-admin ${id}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('no member from this server may change the power levels');
  });

  it('is for admins, and for rooms and accounts that exist', async () => {
    const id = await privateRoom(await newUser('owner'));
    const denied = await room.ben.ask(`!make-room-admin ${id}`);
    expect(denied.field).toMatchObject({ status: 'denied' });
    const unknown = await room.ana.ask(`!make-room-admin ${unknownRoom}`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_room' } });
    const nobody = await room.ana.ask(`!make-room-admin ${id} ${unknownUserId()}`);
    expect(nobody.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    const own = await room.ana.ask(`!make-room-admin ${room.id}`);
    expect(own.field).toMatchObject({ status: 'protected' });
  });

  it.for(['carried out', 'lost'] as const)('looks whether a call was %s', async (how) => {
    const id = await privateRoom(await newUser('owner'));
    const question = await room.ana.ask(`!make-room-admin ${id}`);
    await place.cutOff('!confirm', call, how);
    await room.ana.outcomeOf(question, how === 'lost' ? 'failed' : 'done');
    expect(Object.hasOwn(await powers(id), room.bot.userId)).toBe(how === 'carried out');
  });
});
