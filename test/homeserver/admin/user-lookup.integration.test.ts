import { describe, expect, test } from 'vitest';

import {
  adminApi,
  asUserId,
  idOf,
  newRoom,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';

const { users } = adminApi();
const remoteUser = asUserId('@somebody:remote.example');

const notFound = { status: 404, isNotFound: true };
const refused = { status: 400 };

describe('GET /_synapse/admin/v1/username_available', () => {
  test('tells free from taken', async () => {
    const user = await newUser('taken');
    const { localpart } = user.account;
    const taken = { available: false, reason: 'taken' };
    await expect(users.usernameAvailable(uniqueLocalpart())).resolves.toEqual({ available: true });
    await expect(users.usernameAvailable(localpart)).resolves.toEqual(taken);
    await users.deactivate(idOf(user), { erase: true });
    await expect(users.usernameAvailable(localpart)).resolves.toEqual(taken);
  });

  test.for(['Upper', 'with blank', '', 'é', '123', '_under', 'a@b', 'x'.repeat(300)])(
    '"%s" is invalid',
    async (localpart) => {
      const invalid = { available: false, reason: 'invalid' };
      await expect(users.usernameAvailable(localpart)).resolves.toEqual(invalid);
    },
  );

  test('other errors stay errors', async () => {
    const user = await newUser();
    const ordinary = adminApi(user.account.accessToken);
    await expect(ordinary.users.usernameAvailable('a')).rejects.toMatchObject({ status: 403 });
  });
});

describe('GET /_synapse/admin/v1/threepid/{medium}/users/{address}', () => {
  test('finds whose address it is, in whatever case', async () => {
    const address = `${uniqueLocalpart('Mixed')}+tag/1@Example.org`;
    const phone = `44${Math.floor(Math.random() * 1e9)}`;
    const id = unknownUserId();
    await users.create(id, {
      threepids: [
        { medium: 'email', address },
        { medium: 'msisdn', address: phone },
      ],
    });
    await expect(users.findByThreepid('email', address)).resolves.toBe(id);
    await expect(users.findByThreepid('email', address.toUpperCase())).resolves.toBe(id);
    await expect(users.findByThreepid('msisdn', phone)).resolves.toBe(id);
  });

  test('undefined for an unknown address', async () => {
    const address = `${uniqueLocalpart()}@example.org`;
    await expect(users.findByThreepid('email', address)).resolves.toBeUndefined();
  });
});

describe('GET /_synapse/admin/v1/auth_providers/{provider}/users/{external_id}', () => {
  test('finds whose external ID it is, whatever is in it', async () => {
    const id = unknownUserId();
    const externalId = `https://idp.example/u?x=1#${uniqueLocalpart()}/@é%2F`;
    await users.create(id, { externalIds: [{ authProvider: 'oidc-test', externalId }] });
    await expect(users.findByExternalId('oidc-test', externalId)).resolves.toBe(id);
    await expect(users.findByExternalId('oidc-other', externalId)).resolves.toBeUndefined();
  });

  test('undefined for an unknown ID', async () => {
    const found = users.findByExternalId('oidc-test', uniqueLocalpart());
    await expect(found).resolves.toBeUndefined();
  });
});

describe('GET /_synapse/admin/v1/whois/{user_id}', () => {
  test('shows with what an account was seen', async () => {
    const user = await newUser('whois');
    await user.whoami();
    // Synapse keeps these back for some seconds.
    await expect
      .poll(async () => users.whois(idOf(user)), { timeout: 20_000, interval: 250 })
      .toMatchObject([{ ip: '127.0.0.1', userAgent: expect.any(String) }]);
    const [connection] = await users.whois(idOf(user));
    expect(Math.abs((connection?.lastSeen ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test('is empty for an unknown account, 400 for one of another server', async () => {
    await expect(users.whois(unknownUserId())).resolves.toEqual([]);
    await expect(users.whois(remoteUser)).rejects.toMatchObject(refused);
  });
});

describe('GET /_synapse/admin/v1/users/{user_id}/joined_rooms', () => {
  test('lists the rooms of an account, also of version 12', async () => {
    const user = await newUser('rooms');
    const rooms = [
      await newRoom(user),
      await newRoom(user, { room_version: '12' }),
      await newRoom(user, { room_version: '11' }),
    ];
    const left = await newRoom(user);
    await user.leave(left);
    expect(rooms[1]).not.toContain(':');
    const { joinedRooms, total } = await users.joinedRooms(idOf(user));
    expect(total).toBe(3);
    expect(joinedRooms.sort()).toEqual(rooms.sort());
  });

  test('is empty for an unknown account and one of another server', async () => {
    const nothing = { joinedRooms: [], total: 0 };
    await expect(users.joinedRooms(unknownUserId())).resolves.toEqual(nothing);
    await expect(users.joinedRooms(remoteUser)).resolves.toEqual(nothing);
  });
});

describe('GET /_synapse/admin/v1/users/{user_id}/memberships', () => {
  test('lists also the rooms that an account has left, was invited to or banned from', async () => {
    const [user, host] = [await newUser('memberships'), await newUser('host')];
    const [joined, left, invited, banned] = [
      await newRoom(host, { preset: 'public_chat', room_version: '12' }),
      await newRoom(host, { preset: 'public_chat' }),
      await newRoom(host, { invite: [user.userId] }),
      await newRoom(host, { preset: 'public_chat' }),
    ];
    await user.join(joined);
    await user.join(left);
    await user.leave(left);
    await host.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(banned)}/ban`, {
      json: { user_id: user.userId },
    });
    const memberships = await users.memberships(idOf(user));
    expect(new Map(memberships.map(({ roomId, membership }) => [roomId, membership]))).toEqual(
      new Map([
        [joined, 'join'],
        [left, 'leave'],
        [invited, 'invite'],
        [banned, 'ban'],
      ]),
    );
  });

  test('is empty for an unknown account and one of another server', async () => {
    await expect(users.memberships(unknownUserId())).resolves.toEqual([]);
    await expect(users.memberships(remoteUser)).resolves.toEqual([]);
  });
});

describe('GET /_synapse/admin/v1/users/{user_id}/accountdata', () => {
  test('shows what an account keeps', async () => {
    const user = await newUser('data');
    const room = await newRoom(user);
    const own = `/_matrix/client/v3/user/${encodeURIComponent(user.userId)}`;
    const content = { some_key: ['a', 1] };
    await user.request('PUT', `${own}/account_data/org.example.a`, { json: content });
    const roomPath = `${own}/rooms/${encodeURIComponent(room)}/account_data/org.example.b`;
    await user.request('PUT', roomPath, { json: content });
    await expect(users.accountData(idOf(user))).resolves.toMatchObject({
      global: { 'org.example.a': content },
      rooms: { [room]: { 'org.example.b': content } },
    });
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(users.accountData(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(users.accountData(remoteUser)).rejects.toMatchObject(refused);
  });
});

describe('GET /_synapse/admin/v1/users/{user_id}/pushers', () => {
  test('shows where notifications go', async () => {
    const user = await newUser('push');
    await expect(users.pushers(idOf(user))).resolves.toEqual([]);
    const data = { url: 'https://push.example/_matrix/push/v1/notify', format: 'event_id_only' };
    await user.request('POST', '/_matrix/client/v3/pushers/set', {
      json: {
        kind: 'http',
        app_id: 'org.example.app',
        app_display_name: 'App',
        device_display_name: 'Phone',
        lang: 'en',
        pushkey: 'key',
        data,
      },
    });
    await expect(users.pushers(idOf(user))).resolves.toMatchObject([
      { appId: 'org.example.app', kind: 'http', enabled: true, deviceDisplayName: 'Phone', data },
    ]);
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(users.pushers(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(users.pushers(remoteUser)).rejects.toMatchObject(refused);
  });
});
