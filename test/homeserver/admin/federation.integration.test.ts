import { describe, expect, test } from 'vitest';

import { adminApi } from '../../support/homeserver.ts';

// The server of the tests does not federate: what pages look like is in federation.test.ts.
const { federation } = adminApi();

const notFound = { status: 404, isNotFound: true };

describe('GET /_synapse/admin/v1/federation/destinations', () => {
  test('lists other servers, of which there are none', async () => {
    const none = { destinations: [], total: 0, nextToken: null };
    await expect(federation.list()).resolves.toEqual(none);
    const query = { destination: 'remote', orderBy: 'failure_ts', dir: 'b', limit: 5 } as const;
    await expect(federation.list(query)).resolves.toEqual(none);
    await expect(Array.fromAsync(federation.all())).resolves.toEqual([]);
  });

  test('400 for what is not ASCII, never a page of 0', async () => {
    await expect(federation.list({ destination: 'é' })).rejects.toMatchObject({ status: 400 });
    await expect(federation.list({ limit: 0 })).rejects.toThrow(RangeError);
  });
});

describe('GET /_synapse/admin/v1/federation/destinations/{destination}', () => {
  test('undefined for a server that was never talked to', async () => {
    await expect(federation.find('remote.example')).resolves.toBeUndefined();
    await expect(federation.find('[::1]:8448')).resolves.toBeUndefined();
  });
});

describe('GET /_synapse/admin/v1/federation/destinations/{destination}/rooms', () => {
  test('404 for a server that was never talked to', async () => {
    await expect(federation.listRooms('remote.example')).rejects.toMatchObject(notFound);
    const all = Array.fromAsync(federation.allRooms('remote.example'));
    await expect(all).rejects.toMatchObject(notFound);
  });
});

describe('POST /_synapse/admin/v1/federation/destinations/{destination}/reset_connection', () => {
  test('404 for a server that was never talked to', async () => {
    await expect(federation.resetConnection('remote.example')).rejects.toMatchObject(notFound);
  });
});
