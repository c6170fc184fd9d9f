import { describe, expect, test } from 'vitest';

import {
  adminApi,
  asUserId,
  idOf,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';

const { devices } = adminApi();
const remoteUser = asUserId('@somebody:remote.example');

const notFound = { status: 404, isNotFound: true };
const refused = { status: 400 };

describe('GET /_synapse/admin/v2/users/{user_id}/devices', () => {
  test('lists the devices of an account', async () => {
    const user = await newUser('devices');
    const { deviceId } = user.account;
    const second = await user.login();
    const all = await devices.list(idOf(user));
    expect(all.map((device) => device.deviceId).sort()).toEqual([deviceId, second.deviceId].sort());
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(devices.list(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(devices.list(remoteUser)).rejects.toMatchObject(refused);
  });
});

describe('POST /_synapse/admin/v2/users/{user_id}/devices', () => {
  test('adds a device, whatever is in its ID; again changes nothing', async () => {
    const id = idOf(await newUser('devices'));
    const deviceId = 'a/b?c#d%2F é';
    await devices.create(id, deviceId);
    await devices.rename(id, deviceId, 'ReportHistory');
    await devices.create(id, deviceId);
    await expect(devices.find(id, deviceId)).resolves.toEqual({
      deviceId,
      displayName: 'ReportHistory',
      lastSeenIp: null,
      lastSeenUserAgent: null,
      lastSeenTs: null,
    });
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(devices.create(unknownUserId(), 'A')).rejects.toMatchObject(notFound);
    await expect(devices.create(remoteUser, 'A')).rejects.toMatchObject(refused);
  });
});

describe('GET /_synapse/admin/v2/users/{user_id}/devices/{device_id}', () => {
  test('shows a device', async () => {
    const user = await newUser('devices');
    const { deviceId } = user.account;
    await expect(devices.find(idOf(user), deviceId)).resolves.toMatchObject({ deviceId });
  });

  test('undefined for an unknown device or account, 400 for one of another server', async () => {
    const id = idOf(await newUser('devices'));
    await expect(devices.find(id, 'NONE')).resolves.toBeUndefined();
    await expect(devices.find(unknownUserId(), 'NONE')).resolves.toBeUndefined();
    await expect(devices.find(remoteUser, 'NONE')).rejects.toMatchObject(refused);
  });
});

describe('PUT /_synapse/admin/v2/users/{user_id}/devices/{device_id}', () => {
  test('gives a device a name', async () => {
    const user = await newUser('devices');
    const { deviceId } = user.account;
    await devices.rename(idOf(user), deviceId, 'Other phone');
    await expect(devices.find(idOf(user), deviceId)).resolves.toMatchObject({
      displayName: 'Other phone',
    });
  });

  test('404 for an unknown device or account, 400 of another server or for a long name', async () => {
    const user = await newUser('devices');
    await expect(devices.rename(idOf(user), 'NONE', 'x')).rejects.toMatchObject(notFound);
    await expect(devices.rename(unknownUserId(), 'A', 'x')).rejects.toMatchObject(notFound);
    await expect(devices.rename(remoteUser, 'A', 'x')).rejects.toMatchObject(refused);
    const long = devices.rename(idOf(user), user.account.deviceId, 'x'.repeat(101));
    await expect(long).rejects.toMatchObject({ status: 400, errcode: 'M_TOO_LARGE' });
  });
});

describe('DELETE /_synapse/admin/v2/users/{user_id}/devices/{device_id}', () => {
  test('logs a device out; again is no error', async () => {
    const user = await newUser('devices');
    const { deviceId } = user.account;
    await devices.delete(idOf(user), deviceId);
    await expect(user.whoami()).rejects.toMatchObject({ status: 401 });
    await devices.delete(idOf(user), deviceId);
    await expect(devices.list(idOf(user))).resolves.toEqual([]);
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(devices.delete(unknownUserId(), 'A')).rejects.toMatchObject(notFound);
    await expect(devices.delete(remoteUser, 'A')).rejects.toMatchObject(refused);
  });
});

describe('POST /_synapse/admin/v2/users/{user_id}/delete_devices', () => {
  test('logs several devices out and passes over unknown ones', async () => {
    const user = await newUser('devices');
    const { deviceId } = user.account;
    await devices.create(idOf(user), 'SECOND');
    await devices.create(idOf(user), 'THIRD');
    await devices.deleteMany(idOf(user), [deviceId, 'SECOND', uniqueLocalpart('NONE')]);
    await expect(user.whoami()).rejects.toMatchObject({ status: 401 });
    await expect(devices.list(idOf(user))).resolves.toMatchObject([{ deviceId: 'THIRD' }]);
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(devices.deleteMany(unknownUserId(), ['A'])).rejects.toMatchObject(notFound);
    await expect(devices.deleteMany(remoteUser, ['A'])).rejects.toMatchObject(refused);
  });
});
