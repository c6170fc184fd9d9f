import { describe, expect, test } from 'vitest';

import { adminApi, adminUser, newUser } from '../../support/homeserver.ts';

const { server } = adminApi();

describe('GET /_synapse/admin/v1/server_version', () => {
  test("tells Synapse's version, also without a token that holds", async () => {
    const { server_version: version } = await adminUser().request<{ server_version: string }>(
      'GET',
      '/_synapse/admin/v1/server_version',
    );
    expect(version).toMatch(/^\d+\.\d+/u);
    await expect(server.version()).resolves.toBe(version);
    await expect(adminApi('wrong').server.version()).resolves.toBe(version);
  });
});

describe('GET and POST /_synapse/admin/v1/background_updates/enabled', () => {
  test('stop the updates of the database, and let them go on', async () => {
    await expect(server.backgroundUpdatesEnabled()).resolves.toBe(true);
    try {
      await expect(server.setBackgroundUpdatesEnabled(false)).resolves.toBe(false);
      await expect(server.backgroundUpdatesEnabled()).resolves.toBe(false);
      await expect(server.backgroundUpdateStatus()).resolves.toMatchObject({ enabled: false });
    } finally {
      await expect(server.setBackgroundUpdatesEnabled(true)).resolves.toBe(true);
    }
  });

  test('401 with a wrong token, 403 without being an admin', async () => {
    const wrong = adminApi('wrong').server.backgroundUpdatesEnabled();
    await expect(wrong).rejects.toMatchObject({ status: 401 });
    const user = adminApi((await newUser()).account.accessToken);
    await expect(user.server.backgroundUpdatesEnabled()).rejects.toMatchObject({ status: 403 });
  });
});

describe('GET /_synapse/admin/v1/background_updates/status', () => {
  test('tells which updates run', async () => {
    await expect(server.backgroundUpdateStatus()).resolves.toMatchObject({
      currentUpdates: expect.any(Object),
    });
  });
});
