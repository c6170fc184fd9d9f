import { describe, expect, test } from 'vitest';

import { TargetError } from '../../../src/core/errors.ts';
import {
  adminApi,
  asUserId,
  homeserver,
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

describe('GET /_synapse/admin/v2/users/{user_id}', () => {
  test('shows an account', async () => {
    const user = await newUser('get', { displayName: 'Alice Example' });
    const beforeMs = Date.now();
    const detail = await users.get(idOf(user));
    expect(detail).toMatchObject({
      name: user.userId,
      displayname: 'Alice Example',
      avatarUrl: null,
      admin: false,
      deactivated: false,
      erased: false,
      locked: false,
      suspended: false,
      shadowBanned: false,
      isGuest: false,
      userType: null,
      threepids: [],
      externalIds: [],
    });
    expect(Math.abs((detail.creationTs ?? 0) - beforeMs)).toBeLessThan(60_000);
  });

  test('404 for an unknown account, which find makes undefined', async () => {
    await expect(users.get(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(users.find(unknownUserId())).resolves.toBeUndefined();
  });

  test('400 for an account of another server, also by find', async () => {
    await expect(users.get(remoteUser)).rejects.toMatchObject(refused);
    await expect(users.find(remoteUser)).rejects.toMatchObject(refused);
  });

  test('401 with a wrong token, 403 without being an admin', async () => {
    const user = await newUser();
    await expect(adminApi('wrong').users.get(idOf(user))).rejects.toMatchObject({
      status: 401,
      errcode: 'M_UNKNOWN_TOKEN',
    });
    const ordinary = adminApi(user.account.accessToken);
    await expect(ordinary.users.get(idOf(user))).rejects.toMatchObject({
      status: 403,
      errcode: 'M_FORBIDDEN',
    });
  });

  test('an ID is one segment, whatever is in it', async () => {
    const { serverName } = homeserver();
    const slash = asUserId(`@${uniqueLocalpart('sl/ash')}:${serverName}`);
    await users.create(slash, {});
    await expect(users.get(slash)).resolves.toMatchObject({ name: slash });
    const victim = await newUser('victim');
    const cut = asUserId(`${user(victim.userId)}?.evil:${serverName}`);
    await expect(users.find(cut)).resolves.toBeUndefined();
    await expect(users.deactivate(cut, { erase: false })).rejects.toMatchObject(notFound);
    await expect(users.get(idOf(victim))).resolves.toMatchObject({ deactivated: false });
  });

  /** The ID without its server name. */
  function user(id: string): string {
    return id.slice(0, id.indexOf(':'));
  }
});

describe('GET /_synapse/admin/v2/users', () => {
  test('finds accounts by a part of the name, page by page', async () => {
    const part = uniqueLocalpart('many');
    const ids = ['a', 'b', 'c', 'd', 'e'].map((end) =>
      asUserId(`@${part}${end}:${homeserver().serverName}`),
    );
    for (const id of ids) {
      await users.create(id, {});
    }
    const page = await users.list({ name: part, limit: 2 });
    expect(page).toMatchObject({ total: 5, nextToken: '2' });
    expect(page.users.map(({ name }) => name)).toEqual(ids.slice(0, 2));
    const last = await users.list({ name: part, limit: 2, from: '4' });
    expect(last).toMatchObject({ total: 5, nextToken: null });
    const all = await Array.fromAsync(users.all({ name: part, limit: 2 }));
    expect(all.map(({ name }) => name)).toEqual(ids);
    const backwards = await Array.fromAsync(users.all({ userId: part, limit: 3, dir: 'b' }));
    expect(backwards.map(({ name }) => name)).toEqual(ids.reverse());
  });

  test('its times are the times of the detail', async () => {
    const user = await newUser('times');
    const page = await users.list({ name: user.account.localpart });
    const { creationTs } = await users.get(idOf(user));
    expect(page.users[0]?.creationTs).toBe(creationTs);
  });

  test('shows deactivated accounts only when asked, locked ones always', async () => {
    const part = uniqueLocalpart('states');
    const locked = await newUser(`${part}-l`);
    const gone = await newUser(`${part}-d`);
    await users.setLocked(idOf(locked), true);
    await users.deactivate(idOf(gone), { erase: false });
    const some = await users.list({ name: part });
    expect(some.users).toMatchObject([{ name: locked.userId, locked: true }]);
    const all = await users.list({ name: part, deactivated: true, orderBy: 'deactivated' });
    expect(all.users).toMatchObject([
      { name: locked.userId, deactivated: false },
      { name: gone.userId, deactivated: true },
    ]);
  });

  test('can be only admins', async () => {
    const admin = homeserver().admin;
    const page = await users.list({ admins: true, name: admin.localpart });
    expect(page.users).toMatchObject([{ name: admin.userId, admin: true }]);
    const others = await users.list({ admins: false, name: admin.localpart });
    expect(others.users).toEqual([]);
  });

  test('never asks for a page of 0', async () => {
    await expect(users.list({ limit: 0 })).rejects.toThrow(RangeError);
  });

  test('400 for a user_id that is not ASCII, while name may be', async () => {
    await expect(users.list({ userId: 'é' })).rejects.toMatchObject(refused);
    await expect(users.list({ name: 'é%é' })).resolves.toMatchObject({ total: 0 });
  });
});

describe('PUT /_synapse/admin/v2/users/{user_id}', () => {
  test('create makes an account with all it is given', async () => {
    const id = unknownUserId();
    const externalId = `x/${id}`;
    const address = `${uniqueLocalpart()}@example.org`;
    const created = await users.create(id, {
      password: 'correct horse',
      displayname: 'New One',
      avatarUrl: 'mxc://localhost/abc',
      admin: false,
      userType: 'bot',
      threepids: [{ medium: 'email', address }],
      externalIds: [{ authProvider: 'oidc-test', externalId }],
    });
    expect(created).toMatchObject({
      name: id,
      displayname: 'New One',
      avatarUrl: 'mxc://localhost/abc',
      admin: false,
      userType: 'bot',
      threepids: [{ medium: 'email', address }],
      externalIds: [{ authProvider: 'oidc-test', externalId }],
    });
    await expect(users.findByThreepid('email', address)).resolves.toBe(id);
    await expect(users.findByExternalId('oidc-test', externalId)).resolves.toBe(id);
  });

  test('create does not touch an account that exists', async () => {
    const user = await newUser('exists', { displayName: 'Before' });
    const creating = users.create(idOf(user), { displayname: 'After', password: 'other' });
    await expect(creating).rejects.toThrow(TargetError);
    await expect(creating).rejects.toMatchObject({ code: 'state' });
    await expect(users.get(idOf(user))).resolves.toMatchObject({ displayname: 'Before' });
    await expect(user.whoami()).resolves.toMatchObject({ user_id: user.userId });
  });

  test('create: 400 for what is no name for an account, or of another server', async () => {
    const upper = asUserId(`@Upper-${uniqueLocalpart()}:${homeserver().serverName}`);
    await expect(users.create(upper, {})).rejects.toMatchObject({
      status: 400,
      errcode: 'M_INVALID_USERNAME',
    });
    await expect(users.create(remoteUser, {})).rejects.toMatchObject(refused);
  });

  test('create: an external ID of somebody else is a 409 that leaves the account', async () => {
    const externalIds = [{ authProvider: 'oidc-test', externalId: uniqueLocalpart() }];
    await users.create(unknownUserId(), { externalIds });
    const second = unknownUserId();
    await expect(users.create(second, { externalIds })).rejects.toMatchObject({ status: 409 });
    await expect(users.find(second)).resolves.toMatchObject({ name: second, externalIds: [] });
  });

  test('modify changes the profile, and clears it with empty texts', async () => {
    const user = await newUser('modify', { displayName: 'Before' });
    const change = { displayname: 'After', avatarUrl: 'mxc://localhost/abc' };
    await expect(users.modify(idOf(user), change)).resolves.toMatchObject(change);
    const cleared = await users.modify(idOf(user), { displayname: '', avatarUrl: '' });
    // The server clears one to null and may leave the other empty.
    expect([cleared.displayname ?? '', cleared.avatarUrl ?? '']).toEqual(['', '']);
  });

  test('modify changes password, type and IDs, and leaves the rest', async () => {
    const user = await newUser('modify', { displayName: 'Same' });
    const externalId = uniqueLocalpart();
    const changed = await users.modify(idOf(user), {
      password: 'battery staple',
      logoutDevices: false,
      userType: 'support',
      externalIds: [{ authProvider: 'oidc-test', externalId }],
    });
    expect(changed).toMatchObject({ userType: 'support', displayname: 'Same', admin: false });
    await expect(user.whoami()).resolves.toMatchObject({ user_id: user.userId });
    await expect(user.login('battery staple')).resolves.toMatchObject({ userId: user.userId });
    const back = await users.modify(idOf(user), { userType: null, externalIds: [] });
    expect(back).toMatchObject({ userType: null, externalIds: [] });
  });

  test('modify, setLocked and reactivate never create an account', async () => {
    const id = unknownUserId();
    await expect(users.modify(id, { admin: true })).rejects.toMatchObject(notFound);
    await expect(users.setLocked(id, true)).rejects.toMatchObject(notFound);
    await expect(users.reactivate(id)).rejects.toMatchObject(notFound);
    await expect(users.find(id)).resolves.toBeUndefined();
    await expect(users.modify(remoteUser, { admin: true })).rejects.toMatchObject(refused);
  });

  test('reactivate opens an account again, without its name and password', async () => {
    const user = await newUser('back', { displayName: 'Gone' });
    await users.deactivate(idOf(user), { erase: true });
    await expect(users.get(idOf(user))).resolves.toMatchObject({ deactivated: true, erased: true });
    const back = await users.reactivate(idOf(user));
    expect(back).toMatchObject({ deactivated: false, erased: false, displayname: null });
    await expect(user.login()).rejects.toMatchObject({ status: 403 });
    await expect(users.reactivate(idOf(user))).resolves.toMatchObject({ deactivated: false });
  });

  test('setLocked stops the sessions and gives them back', async () => {
    const user = await newUser('locked');
    await expect(users.setLocked(idOf(user), true)).resolves.toMatchObject({ locked: true });
    await expect(user.whoami()).rejects.toMatchObject({ status: 401, errcode: 'M_USER_LOCKED' });
    await expect(users.setLocked(idOf(user), false)).resolves.toMatchObject({ locked: false });
    await expect(user.whoami()).resolves.toMatchObject({ user_id: user.userId });
  });
});

describe('POST /_synapse/admin/v1/deactivate/{user_id}', () => {
  test('closes an account, logs it out and lets it leave its rooms', async () => {
    const user = await newUser('deactivate');
    await newRoom(user);
    await users.deactivate(idOf(user), { erase: false });
    await expect(users.get(idOf(user))).resolves.toMatchObject({
      deactivated: true,
      erased: false,
    });
    await expect(user.whoami()).rejects.toMatchObject({ status: 401 });
    await expect.poll(async () => (await users.joinedRooms(idOf(user))).total).toBe(0);
  });

  test('is idempotent; erase can come later and is not undone by a repetition', async () => {
    const id = idOf(await newUser('deactivate'));
    await users.deactivate(id, { erase: false });
    await users.deactivate(id, { erase: true });
    await users.deactivate(id, { erase: false });
    await expect(users.get(id)).resolves.toMatchObject({ deactivated: true, erased: true });
  });

  test('keeps the admin flag', async () => {
    const id = idOf(await newUser('deactivate', { admin: true }));
    await users.deactivate(id, { erase: false });
    await expect(users.get(id)).resolves.toMatchObject({ deactivated: true, admin: true });
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    const options = { erase: true };
    await expect(users.deactivate(unknownUserId(), options)).rejects.toMatchObject(notFound);
    await expect(users.deactivate(remoteUser, options)).rejects.toMatchObject(refused);
  });
});

describe('PUT /_synapse/admin/v1/suspend/{user_id}', () => {
  test('keeps an account from sending, and lets it again', async () => {
    const user = await newUser('suspend');
    const room = await newRoom(user);
    await users.setSuspended(idOf(user), true);
    await expect(users.get(idOf(user))).resolves.toMatchObject({ suspended: true });
    await expect(user.sendText(room, 'spam')).rejects.toMatchObject({
      errcode: 'M_USER_SUSPENDED',
    });
    await users.setSuspended(idOf(user), false);
    await expect(user.sendText(room, 'sorry')).resolves.toMatch(/^\$/);
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(users.setSuspended(unknownUserId(), true)).rejects.toMatchObject(notFound);
    await expect(users.setSuspended(remoteUser, true)).rejects.toMatchObject(refused);
  });
});

describe('POST and DELETE /_synapse/admin/v1/users/{user_id}/shadow_ban', () => {
  test('hides what an account sends, and shows it again; both can be repeated', async () => {
    const user = await newUser('shadow');
    const room = await newRoom(user);
    await users.shadowBan(idOf(user));
    await users.shadowBan(idOf(user));
    await expect(users.get(idOf(user))).resolves.toMatchObject({ shadowBanned: true });
    const hidden = await user.sendText(room, 'nobody sees this');
    await users.unshadowBan(idOf(user));
    await users.unshadowBan(idOf(user));
    await expect(users.get(idOf(user))).resolves.toMatchObject({ shadowBanned: false });
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/event/`;
    await expect(user.request('GET', `${path}${encodeURIComponent(hidden)}`)).rejects.toMatchObject(
      { status: 404 },
    );
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(users.shadowBan(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(users.unshadowBan(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(users.shadowBan(remoteUser)).rejects.toMatchObject(refused);
    await expect(users.unshadowBan(remoteUser)).rejects.toMatchObject(refused);
  });
});
