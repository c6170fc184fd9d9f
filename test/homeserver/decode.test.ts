import { expect, test } from 'vitest';

import { parseRoomId, parseUserId } from '../../src/core/ids.ts';
import type { RoomId, UserId } from '../../src/core/ids.ts';
import { createAdminApi } from '../../src/homeserver/admin/admin-api.ts';
import { answer, startFaultyServer } from '../support/faulty-server.ts';

const user = parseUserId('@a:localhost') as UserId;
const room = parseRoomId('!a:localhost') as RoomId;

async function answered(body: object) {
  const server = await startFaultyServer(answer(200, body));
  const api = createAdminApi({ url: server.url, accessToken: 'token' });
  return { api, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test('fields that an older server leaves out are null, false or empty', async () => {
  await using server = await answered({ name: '@a:localhost' });
  await expect(server.api.users.get(user)).resolves.toEqual({
    name: '@a:localhost',
    displayname: null,
    avatarUrl: null,
    admin: false,
    deactivated: false,
    erased: false,
    locked: false,
    suspended: false,
    shadowBanned: false,
    isGuest: false,
    userType: null,
    appserviceId: null,
    creationTs: null,
    lastSeenTs: null,
    consentVersion: null,
    consentTs: null,
    threepids: [],
    externalIds: [],
  });
});

test('fields that a newer server adds are left out', async () => {
  await using server = await answered({ members: [], total: 0, new_field: { a: 1 } });
  await expect(server.api.rooms.members(room)).resolves.toEqual({ members: [], total: 0 });
});

test('booleans may be 0 and 1, times come in one unit', async () => {
  const detail = { name: '@a:localhost', admin: 1, deactivated: 0, creation_ts: 1_700_000_000 };
  await using server = await answered(detail);
  await expect(server.api.users.get(user)).resolves.toMatchObject({
    admin: true,
    deactivated: false,
    creationTs: 1_700_000_000_000,
  });
});

test('IDs of other servers that break the rules do not hide the rest', async () => {
  const members = ['@a:localhost', '@with blank:evil.example', '@\u202E\n:evil.example', '@:x'];
  await using server = await answered({ members, total: 4 });
  await expect(server.api.rooms.members(room)).resolves.toEqual({ members, total: 4 });
  await using other = await answered({ joined_rooms: ['!', '!a b:evil'], total: 2 });
  await expect(other.api.users.joinedRooms(user)).rejects.toThrow('"joined_rooms.0"');
});

test.for(['a:localhost', '@nobody', '#alias:localhost', ''])('"%s" is no user ID', async (name) => {
  await using server = await answered({ name });
  await expect(server.api.users.get(user)).rejects.toThrow('"name"');
});
