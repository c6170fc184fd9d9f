import { describe, expect, test } from 'vitest';

import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { answer, startFaultyServer } from '../../support/faulty-server.ts';

const remote = {
  destination: 'remote.example',
  retry_last_ts: 1_700_000_000_000,
  retry_interval: 600_000,
  failure_ts: 1_699_999_000_000,
  last_successful_stream_ordering: null,
};

describe('GET /_synapse/admin/v1/federation/destinations', () => {
  test('its token is a string', async () => {
    await using server = await startFaultyServer(
      answer(200, { destinations: [remote], total: 2, next_token: '1' }),
      answer(200, { destinations: [{ destination: 'other.example' }], total: 2 }),
    );
    const { federation } = createAdminApi({ url: server.url, accessToken: 'token' });
    const all = await Array.fromAsync(federation.all({ limit: 1 }));
    expect(all).toEqual([
      {
        destination: 'remote.example',
        retryLastTs: 1_700_000_000_000,
        retryInterval: 600_000,
        failureTs: 1_699_999_000_000,
        lastSuccessfulStreamOrdering: null,
      },
      {
        destination: 'other.example',
        retryLastTs: null,
        retryInterval: null,
        failureTs: null,
        lastSuccessfulStreamOrdering: null,
      },
    ]);
    const path = '/_synapse/admin/v1/federation/destinations';
    expect(server.requests.map(({ url }) => url)).toEqual([
      `${path}?limit=1`,
      `${path}?limit=1&from=1`,
    ]);
  });
});

describe('GET /_synapse/admin/v1/federation/destinations/{destination}/rooms', () => {
  test('yields the rooms of all pages', async () => {
    const room = { room_id: '!a:remote.example', stream_ordering: 5 };
    await using server = await startFaultyServer(
      answer(200, { rooms: [room], total: 2, next_token: '1' }),
      answer(200, { rooms: [{ ...room, room_id: '!b' }], total: 2 }),
    );
    const { federation } = createAdminApi({ url: server.url, accessToken: 'token' });
    const all = await Array.fromAsync(federation.allRooms('[::1]:8448'));
    expect(all.map(({ roomId }) => roomId)).toEqual(['!a:remote.example', '!b']);
    const path = '/_synapse/admin/v1/federation/destinations/%5B%3A%3A1%5D%3A8448/rooms';
    expect(server.requests.map(({ url }) => url)).toEqual([path, `${path}?from=1`]);
  });
});

describe('POST /_synapse/admin/v1/federation/destinations/{destination}/reset_connection', () => {
  test('asks for the server', async () => {
    await using server = await startFaultyServer(answer(200));
    const { federation } = createAdminApi({ url: server.url, accessToken: 'token' });
    await federation.resetConnection('remote.example');
    expect(server.requests).toMatchObject([
      {
        method: 'POST',
        url: '/_synapse/admin/v1/federation/destinations/remote.example/reset_connection',
      },
    ]);
  });
});
