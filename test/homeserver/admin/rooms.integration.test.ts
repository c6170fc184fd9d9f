import { describe, expect, test } from 'vitest';

import type { RoomAlias } from '../../../src/core/ids.ts';
import { parseRoomAlias } from '../../../src/core/ids.ts';
import type { RoomDeletionStatus } from '../../../src/homeserver/admin/rooms.ts';
import {
  adminApi,
  adminUser,
  asRoomId,
  asUserId,
  homeserver,
  idOf,
  newRoom,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';

const { rooms, users } = adminApi();

const notFound = { status: 404, isNotFound: true };
const refused = { status: 400 };

const unknownRooms = ['!unknownunknownunkno:localhost', `!${'x'.repeat(43)}`];

function aliasOf(localpart: string): RoomAlias {
  const alias = parseRoomAlias(`#${localpart}:${homeserver().serverName}`);
  if (alias === undefined) {
    throw new TypeError(`not a localpart: ${localpart}`);
  }
  return alias;
}

/** Waits for the room list, whose names and counts come some time after the events. */
async function listed(searchTerm: string, count: number): Promise<void> {
  const total = async () => (await rooms.list({ searchTerm })).totalRooms;
  await expect.poll(total, { timeout: 10_000 }).toBe(count);
}

/** The deletion's status once it has ended. */
async function ended(deleteId: string): Promise<RoomDeletionStatus | undefined> {
  let status: RoomDeletionStatus | undefined;
  await expect
    .poll(
      async () => {
        status = await rooms.deletionStatus(deleteId);
        return status?.status;
      },
      { timeout: 20_000 },
    )
    .toMatch(/^(complete|failed)$/);
  return status;
}

describe('GET /_synapse/admin/v1/rooms', () => {
  test('finds rooms by a part of the name, page by page', async () => {
    const owner = await newUser();
    const part = uniqueLocalpart('Room');
    const names = ['a', 'b', 'c', 'd', 'e'].map((end) => `${part} ${end} é`);
    for (const name of names) {
      await newRoom(owner, { name });
    }
    await listed(part, 5);
    const page = await rooms.list({ searchTerm: part.toLowerCase(), limit: 2 });
    expect(page).toMatchObject({ offset: 0, totalRooms: 5, nextBatch: 2, prevBatch: null });
    expect(page.rooms.map(({ name }) => name)).toEqual(names.slice(0, 2));
    const last = await rooms.list({ searchTerm: part, limit: 2, from: 4 });
    expect(last).toMatchObject({ nextBatch: null });
    const all = await Array.fromAsync(rooms.all({ searchTerm: `${part} `, limit: 2 }));
    expect(all.map(({ name }) => name)).toEqual(names);
    const backwards = await Array.fromAsync(
      rooms.all({ searchTerm: part, limit: 3, orderBy: 'name', dir: 'b' }),
    );
    expect(backwards.map(({ name }) => name)).toEqual(names.reverse());
  });

  test('shows rooms without name, members or colon', async () => {
    const owner = await newUser();
    const room = await newRoom(owner, { room_version: '12' });
    await owner.leave(room);
    const empty = { searchTerm: room, emptyRooms: true };
    await expect
      .poll(async () => (await rooms.list(empty)).rooms)
      .toMatchObject([
        { roomId: room, name: null, canonicalAlias: null, joinedMembers: 0, version: '12' },
      ]);
    const others = await rooms.list({ searchTerm: room, emptyRooms: false });
    expect(others.totalRooms).toBe(0);
  });

  test('an ID is searched as a whole', async () => {
    const room = await newRoom(await newUser());
    await listed(room, 1);
    await expect(rooms.list({ searchTerm: room.slice(0, -1) })).resolves.toMatchObject({
      totalRooms: 0,
    });
  });

  test('the filters do not hold for rooms that were found by name', async () => {
    const name = uniqueLocalpart('Not empty');
    await newRoom(await newUser(), { name });
    await listed(name, 1);
    const empty = await rooms.list({ searchTerm: name, emptyRooms: true });
    expect(empty.rooms).toMatchObject([{ joinedMembers: 1 }]);
  });

  test('the largest first', async () => {
    const owner = await newUser();
    const name = uniqueLocalpart('Size');
    const small = await newRoom(owner, { name });
    const large = await newRoom(owner, { name, preset: 'public_chat' });
    await (await newUser()).join(large);
    const query = { searchTerm: name, orderBy: 'joined_members' } as const;
    await expect
      .poll(async () => (await rooms.list(query)).rooms)
      .toMatchObject([
        { roomId: large, joinedMembers: 2 },
        { roomId: small, joinedMembers: 1 },
      ]);
  });

  test('400 for an empty search, never a page of 0', async () => {
    await expect(rooms.list({ searchTerm: '' })).rejects.toMatchObject(refused);
    await expect(rooms.list({ limit: 0 })).rejects.toThrow(RangeError);
  });
});

describe('GET /_synapse/admin/v1/rooms/{room_id}', () => {
  test.for(['10', '11', '12'])('shows a room of version %s', async (version) => {
    const owner = await newUser();
    const alias = aliasOf(uniqueLocalpart('alias'));
    const room = await newRoom(owner, {
      room_version: version,
      name: 'A name',
      topic: 'A topic',
      preset: 'public_chat',
      room_alias_name: alias.slice(1, alias.indexOf(':')),
    });
    await expect
      .poll(async () => rooms.get(room))
      .toMatchObject({
        roomId: room,
        name: 'A name',
        topic: 'A topic',
        canonicalAlias: alias,
        version,
        creator: owner.userId,
        joinedMembers: 1,
        joinedLocalMembers: 1,
        joinRules: 'public',
        encryption: null,
        forgotten: false,
        tombstoned: false,
        replacementRoom: null,
        roomType: null,
      });
  });

  test.for(unknownRooms)('404 for the unknown %s, which find makes undefined', async (id) => {
    const room = asRoomId(id);
    await expect(rooms.get(room)).rejects.toMatchObject(notFound);
    await expect(rooms.find(room)).resolves.toBeUndefined();
  });
});

describe('GET /_synapse/admin/v1/rooms/{room_id}/members', () => {
  test('lists who is joined', async () => {
    const [owner, member, left] = [await newUser(), await newUser(), await newUser()];
    const room = await newRoom(owner);
    await member.join(room);
    await left.join(room);
    await left.leave(room);
    const { members, total } = await rooms.members(room);
    expect(total).toBe(2);
    expect([...members].sort()).toEqual([owner.userId, member.userId].sort());
  });

  test.for(unknownRooms)('404 for the unknown %s', async (id) => {
    await expect(rooms.members(asRoomId(id))).rejects.toMatchObject(notFound);
  });
});

describe('DELETE /_synapse/admin/v2/rooms/{room_id}', () => {
  test.for(['11', '12'])('removes a room of version %s', async (version) => {
    const [owner, member] = [await newUser(), await newUser()];
    const room = await newRoom(owner, { preset: 'public_chat', room_version: version });
    await member.join(room);
    const deleteId = await rooms.delete(room, { block: false });
    const status = await ended(deleteId);
    expect(status).toMatchObject({
      deleteId,
      roomId: room,
      status: 'complete',
      shutdownRoom: { failedToKickUsers: [], newRoomId: null },
    });
    expect(status?.shutdownRoom?.kickedUsers.sort()).toEqual([owner.userId, member.userId].sort());
    await expect(rooms.find(room)).resolves.toBeUndefined();
    await expect(users.joinedRooms(idOf(member))).resolves.toMatchObject({ total: 0 });
  });

  test('moves the members to a replacement room', async () => {
    const [owner, member, keeper] = [await newUser(), await newUser(), await newUser()];
    const room = await newRoom(owner);
    await member.join(room);
    const deleteId = await rooms.delete(room, {
      block: true,
      purge: true,
      newRoomUserId: idOf(keeper),
      roomName: 'Closed',
      message: 'This room is gone.',
    });
    const status = await ended(deleteId);
    const newRoomId = status?.shutdownRoom?.newRoomId;
    const replacement = asRoomId(newRoomId ?? '');
    await expect.poll(async () => rooms.get(replacement)).toMatchObject({ name: 'Closed' });
    const { members } = await rooms.members(replacement);
    expect(members).toContain(member.userId);
    await expect(member.join(room)).rejects.toMatchObject({ status: 403 });
  });

  test('purge: false keeps the room in the list', async () => {
    const room = await newRoom(await newUser(), { name: 'ReportHistory' });
    await ended(await rooms.delete(room, { block: false, purge: false }));
    const left = { joinedMembers: 0, forgotten: true };
    await expect.poll(async () => rooms.get(room)).toMatchObject(left);
  });

  test.for(unknownRooms)('accepts the unknown %s', async (id) => {
    const deleteId = await rooms.delete(asRoomId(id), { block: false });
    await expect(ended(deleteId)).resolves.toMatchObject({ status: 'complete' });
  });

  test('a second deletion while the first runs is refused, or done too', async () => {
    const room = await newRoom(await newUser());
    const outcomes = await Promise.all(
      [1, 2].map(async () =>
        rooms.delete(room, { block: false }).then(
          async (deleteId) => (await ended(deleteId))?.status,
          (error: unknown) => error,
        ),
      ),
    );
    expect(outcomes).toContain('complete');
    const other = outcomes.find((outcome) => outcome !== 'complete');
    expect(other ?? refused).toMatchObject(refused);
    await expect(rooms.find(room)).resolves.toBeUndefined();
  });
});

describe('GET /_synapse/admin/v2/rooms/delete_status/{delete_id}', () => {
  test('undefined for an unknown deletion', async () => {
    await expect(rooms.deletionStatus('unknownunknownun')).resolves.toBeUndefined();
  });

  test('a failed deletion does not tell why', async () => {
    const room = await newRoom(await newUser());
    const keeper = await newUser();
    await users.setSuspended(idOf(keeper), true);
    const deleteId = await rooms.delete(room, { block: false, newRoomUserId: idOf(keeper) });
    await expect(ended(deleteId)).resolves.toMatchObject({ status: 'failed' });
  });
});

describe('POST /_synapse/admin/v1/join/{room_id_or_alias}', () => {
  test.for(['11', '12'])('joins an account to a public room of version %s', async (version) => {
    const user = await newUser();
    const room = await newRoom(await newUser(), { preset: 'public_chat', room_version: version });
    await expect(rooms.join(room, idOf(user))).resolves.toBe(room);
    await expect(rooms.join(room, idOf(user), { via: ['localhost'] })).resolves.toBe(room);
    await expect(users.joinedRooms(idOf(user))).resolves.toMatchObject({ joinedRooms: [room] });
  });

  test('joins by alias', async () => {
    const alias = aliasOf(uniqueLocalpart('al/ias'));
    const room = await newRoom(await newUser(), {
      preset: 'public_chat',
      room_alias_name: alias.slice(1, alias.indexOf(':')),
    });
    await expect(rooms.join(alias, idOf(await newUser()))).resolves.toBe(room);
  });

  test('a private room needs the admin in it', async () => {
    const [owner, user] = [await newUser(), await newUser()];
    const room = await newRoom(owner, { preset: 'private_chat' });
    await owner.invite(room, user.userId);
    await expect(rooms.join(room, idOf(user))).rejects.toMatchObject({
      status: 403,
      errcode: 'M_FORBIDDEN',
    });
    const admin = adminUser();
    await owner.invite(room, admin.userId);
    await admin.join(room);
    await expect(rooms.join(room, idOf(user))).resolves.toBe(room);
    await admin.leave(room);
  });

  test('403 for a banned account', async () => {
    const [owner, user] = [await newUser(), await newUser()];
    const room = await newRoom(owner);
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/ban`;
    await owner.request('POST', path, { json: { user_id: user.userId } });
    await expect(rooms.join(room, idOf(user))).rejects.toMatchObject({ status: 403 });
  });

  test('404 for an unknown account, alias or room, 400 for an account of another server', async () => {
    const room = await newRoom(await newUser());
    const id = idOf(await newUser());
    await expect(rooms.join(room, unknownUserId())).rejects.toMatchObject(notFound);
    const alias = aliasOf(uniqueLocalpart('none'));
    await expect(rooms.join(alias, id)).rejects.toMatchObject(notFound);
    await expect(rooms.join(asRoomId(unknownRooms[0] ?? ''), id)).rejects.toMatchObject(notFound);
    const remote = asUserId('@somebody:remote.example');
    await expect(rooms.join(room, remote)).rejects.toMatchObject(refused);
  });
});
