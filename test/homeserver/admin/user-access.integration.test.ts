import { describe, expect, test } from 'vitest';

import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import {
  adminApi,
  asUserId,
  homeserver,
  idOf,
  newUser,
  unknownUserId,
} from '../../support/homeserver.ts';

const { users } = adminApi();
const remoteUser = asUserId('@somebody:remote.example');

const notFound = { status: 404, isNotFound: true };
const refused = { status: 400 };

describe('POST /_synapse/admin/v1/reset_password/{user_id}', () => {
  test('sets a password and ends all sessions', async () => {
    const user = await newUser('reset');
    await users.resetPassword(idOf(user), { newPassword: 'new one', logoutDevices: true });
    await expect(user.whoami()).rejects.toMatchObject({ status: 401 });
    await expect(user.login()).rejects.toMatchObject({ status: 403 });
    await expect(user.login('new one')).resolves.toMatchObject({ userId: user.userId });
  });

  test('can leave the sessions alone', async () => {
    const user = await newUser('reset');
    await users.resetPassword(idOf(user), { newPassword: 'new one', logoutDevices: false });
    await expect(user.whoami()).resolves.toMatchObject({ user_id: user.userId });
  });

  test('404 for an unknown account and for one of another server', async () => {
    const options = { newPassword: 'x', logoutDevices: true };
    await expect(users.resetPassword(unknownUserId(), options)).rejects.toMatchObject(notFound);
    await expect(users.resetPassword(remoteUser, options)).rejects.toMatchObject(notFound);
  });
});

describe('GET and PUT /_synapse/admin/v1/users/{user_id}/admin', () => {
  test('make an account an admin, and no longer', async () => {
    const user = await newUser('admin');
    await expect(users.getAdmin(idOf(user))).resolves.toBe(false);
    await users.setAdmin(idOf(user), true);
    await expect(users.getAdmin(idOf(user))).resolves.toBe(true);
    await expect(adminApi(user.account.accessToken).server.version()).resolves.toBeTypeOf('string');
    await users.setAdmin(idOf(user), false);
    await expect(users.getAdmin(idOf(user))).resolves.toBe(false);
  });

  test('unknown accounts: false when asked, 404 when set', async () => {
    await expect(users.getAdmin(unknownUserId())).resolves.toBe(false);
    await expect(users.setAdmin(unknownUserId(), true)).rejects.toMatchObject(notFound);
  });

  test('400 for an account of another server and for the own demotion', async () => {
    await expect(users.getAdmin(remoteUser)).rejects.toMatchObject(refused);
    await expect(users.setAdmin(remoteUser, true)).rejects.toMatchObject(refused);
    const admin = await newUser('admin', { admin: true });
    const asAdmin = adminApi(admin.account.accessToken);
    await expect(asAdmin.users.setAdmin(idOf(admin), false)).rejects.toMatchObject(refused);
  });
});

describe('POST /_synapse/admin/v1/users/{user_id}/login', () => {
  const inAMinute = () => ({ validUntilMs: Date.now() + 60_000 });

  test('gives a token that acts as the account, without a device', async () => {
    const user = await newUser('login');
    const { accessToken } = await users.loginAs(idOf(user), inAMinute());
    const puppet = new MatrixUser(homeserver(), { ...user.account, accessToken });
    const whoami = await puppet.whoami();
    expect(whoami.user_id).toBe(user.userId);
    expect(whoami.device_id).toBeUndefined();
  });

  test('the token dies at its time', async () => {
    const user = await newUser('login');
    const validUntilMs = Date.now() + 700.5;
    const { accessToken } = await users.loginAs(idOf(user), { validUntilMs });
    const puppet = new MatrixUser(homeserver(), { ...user.account, accessToken });
    await puppet.whoami();
    await expect
      .poll(
        async () =>
          puppet.whoami().then(
            () => 200,
            (error: { status: number }) => error.status,
          ),
        {
          timeout: 5_000,
        },
      )
      .toBe(401);
    expect(Date.now()).toBeGreaterThanOrEqual(validUntilMs);
  });

  test('the token of a deactivated account works', async () => {
    const user = await newUser('login');
    await users.deactivate(idOf(user), { erase: false });
    const { accessToken } = await users.loginAs(idOf(user), inAMinute());
    const puppet = new MatrixUser(homeserver(), { ...user.account, accessToken });
    await expect(puppet.whoami()).resolves.toMatchObject({ user_id: user.userId });
  });

  test('404 for an unknown account, 400 for one of another server and for oneself', async () => {
    await expect(users.loginAs(unknownUserId(), inAMinute())).rejects.toMatchObject(notFound);
    await expect(users.loginAs(remoteUser, inAMinute())).rejects.toMatchObject(refused);
    const self = asUserId(homeserver().admin.userId);
    await expect(users.loginAs(self, inAMinute())).rejects.toMatchObject(refused);
  });
});

describe('GET, POST and DELETE /_synapse/admin/v1/users/{user_id}/override_ratelimit', () => {
  test('set a limit and take it back', async () => {
    const id = idOf(await newUser('limit'));
    await expect(users.getRatelimit(id)).resolves.toBeUndefined();
    const limit = { messagesPerSecond: 3, burstCount: 7 };
    await expect(users.setRatelimit(id, limit)).resolves.toEqual(limit);
    await expect(users.getRatelimit(id)).resolves.toEqual(limit);
    const none = { messagesPerSecond: 0, burstCount: 0 };
    await expect(users.setRatelimit(id, none)).resolves.toEqual(none);
    await expect(users.getRatelimit(id)).resolves.toEqual(none);
    await users.clearRatelimit(id);
    await users.clearRatelimit(id);
    await expect(users.getRatelimit(id)).resolves.toBeUndefined();
  });

  test('404 for an unknown account, 400 for one of another server and for a bad limit', async () => {
    const limit = { messagesPerSecond: 1, burstCount: 1 };
    await expect(users.getRatelimit(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(users.setRatelimit(unknownUserId(), limit)).rejects.toMatchObject(notFound);
    await expect(users.clearRatelimit(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(users.getRatelimit(remoteUser)).rejects.toMatchObject(refused);
    await expect(users.setRatelimit(remoteUser, limit)).rejects.toMatchObject(refused);
    await expect(users.clearRatelimit(remoteUser)).rejects.toMatchObject(refused);
    const id = idOf(await newUser('limit'));
    const half = { messagesPerSecond: 0.5, burstCount: 1 };
    await expect(users.setRatelimit(id, half)).rejects.toMatchObject(refused);
  });
});
