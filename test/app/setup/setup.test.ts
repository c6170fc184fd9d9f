import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { expect, test } from 'vitest';

import { createClient } from '../../../src/app/homeserver.ts';
import { AddressError } from '../../../src/app/setup/asked.ts';
import { checkSetup } from '../../../src/app/setup/setup.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { WrittenConfig } from '../../../src/config/schema.ts';
import { SetupError, UnreachableError } from '../../../src/core/errors.ts';
import { createMoves } from '../../../src/matrix/room/upgrade.ts';
import { answer, startFaultyServer } from '../../support/faulty-server.ts';
import { freePort } from '../../support/free-port.ts';
import { startTlsServer } from '../../support/tls-server.ts';

/** How the check of a set-up ends that can't be right. */
async function faultOf(
  url: string,
  adminUrl?: string,
  stored: Readonly<Record<string, string>> = {},
): Promise<Error & { advice?: string }> {
  return faultWith({ homeserver: { url, adminUrl, accessToken: 'syt_secret' } }, stored);
}

async function faultWith(
  written: Pick<WrittenConfig, 'homeserver' | 'homeservers'>,
  stored: Readonly<Record<string, string>> = {},
): Promise<Error & { advice?: string }> {
  const config = configSchema.parse({ ...written, managementRoom: '!room:localhost' });
  const stop = new AbortController();
  const moves = createMoves({ get: async (name) => stored[name], set: async () => undefined });
  try {
    await checkSetup(config, createClient(config, stop.signal), moves);
  } catch (error) {
    if (error instanceof SetupError || error instanceof UnreachableError) {
      return error as Error & { advice?: string };
    }
    throw error;
  } finally {
    stop.abort();
  }
  throw new Error('nothing was wrong');
}

/** A homeserver that knows the bot as a server admin, except for what `answers` says about a path. */
async function homeserverWhere(
  answers: Record<string, { status?: number; body: object | string }>,
) {
  const usual: Record<string, object> = {
    '/_matrix/client/v3/account/whoami': { user_id: '@bot:localhost', device_id: 'D' },
    '/_synapse/admin/v2/users/@bot:localhost': { name: '@bot:localhost', admin: true },
    '/_synapse/admin/v1/server_version': { server_version: '1.163.0' },
  };
  return startFaultyServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '');
    const own = Object.entries(answers).find(([start]) =>
      start.endsWith('*') ? path.startsWith(start.slice(0, -1)) : path === start,
    )?.[1];
    const known = usual[path];
    const { status = 200, body } =
      own ??
      (known === undefined ? { status: 403, body: { errcode: 'M_FORBIDDEN' } } : { body: known });
    answer(status, body)(request, response);
  });
}

const page = '<html>403 Forbidden</html>';

test('an unknown host name', async () => {
  const fault = await faultOf('https://matrix.no-such-server.invalid');
  expect(fault).toBeInstanceOf(AddressError);
  expect(fault.message).toMatch(
    /^The host name matrix\.no-such-server\.invalid can’t be found \((?:ENOTFOUND|EAI_AGAIN)\)\.$/u,
  );
  expect(fault.advice).toMatch(/^Check homeserver\.url\./u);
});

test('a self-signed certificate', async () => {
  await using server = await startTlsServer(answer(200));
  const url = `https://127.0.0.1:${server.port}`;
  const fault = await faultOf(url);
  expect(fault).toBeInstanceOf(AddressError);
  expect(fault.message).toBe(
    `The certificate of ${url} is not trusted (DEPTH_ZERO_SELF_SIGNED_CERT).`,
  );
  expect(fault.advice).toContain('NODE_EXTRA_CA_CERTS=/path/to/ca.pem');
});

test('https where HTTP is spoken', async () => {
  await using server = await startFaultyServer(answer(200));
  const url = server.url.replace('http:', 'https:');
  const fault = await faultOf(url);
  expect(fault).toBeInstanceOf(AddressError);
  expect(fault.message).toMatch(/^https:\/\/127\.0\.0\.1:\d+ does not speak TLS \(E\w+\)\.$/u);
  expect(fault.advice).toContain('Begin homeserver.url with http://');
});

test('https where Synapse speaks HTTP: it waits for more', async () => {
  const synapse = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => {
      if (data.includes('\r\n\r\n')) {
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
      }
    });
  });
  synapse.listen(0, '127.0.0.1');
  await once(synapse, 'listening');
  const url = `https://127.0.0.1:${(synapse.address() as AddressInfo).port}`;
  const fault = await faultOf(url);
  synapse.close();
  expect(fault).toBeInstanceOf(AddressError);
  expect(fault.message).toBe(`${url} does not speak TLS (EPROTO).`);
}, 20_000);

test('http where TLS is spoken', async () => {
  await using server = await startTlsServer(answer(200));
  const url = `http://127.0.0.1:${server.port}`;
  const fault = await faultOf(url);
  expect(fault).toBeInstanceOf(AddressError);
  expect(fault.message).toBe(`${url} speaks TLS, and its address begins with http://.`);
  expect(fault.advice).toBe('Begin homeserver.url with https://');
});

test('http where a proxy such as nginx refuses it with a page, because it speaks TLS there', async () => {
  await using server = await startTlsServer(answer(200));
  const proxy = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (first: Buffer) => {
      const isHandshake = first[0] === 0x16;
      if (!isHandshake) {
        socket.end('HTTP/1.1 400 Bad Request\r\ncontent-length: 4\r\n\r\nTLS?');
        return;
      }
      const behind = connect(server.port, '127.0.0.1');
      behind.on('error', () => undefined);
      behind.write(first);
      socket.pipe(behind).pipe(socket);
    });
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  const fault = await faultOf(url);
  proxy.close();
  expect(fault.message).toBe(`${url} speaks TLS, and its address begins with http://.`);
});

test('a proxy that redirects', async () => {
  await using server = await startFaultyServer(
    answer(301, page, { location: 'https://matrix.example.com/' }),
  );
  const fault = await faultOf(server.url);
  expect(fault.message).toBe(`${server.url} redirects to https://matrix.example.com (301).`);
  expect(fault.advice).toBe('If Synapse answers there, set homeserver.url to that address.');
});

test.each([
  ['a page of its own', '/login?token=secret'],
  ['no address', undefined],
  ['something else than a web page', 'javascript:alert(1)'],
  ['a name without end', `https://${'a.'.repeat(300)}example.com/`],
])('a proxy that redirects to %s, which is not shown', async (_, location) => {
  await using server = await startFaultyServer(
    answer(302, page, location === undefined ? {} : { location }),
  );
  const fault = await faultOf(server.url);
  expect(fault.message).toBe(`${server.url} redirects to another page (302).`);
  expect(fault.advice).toMatch(/Set homeserver\.url to where Synapse itself answers\.$/u);
});

test('a homeserver that is not running, which passes', async () => {
  const url = `http://127.0.0.1:${await freePort()}`;
  const fault = await faultOf(url);
  expect(fault).toBeInstanceOf(UnreachableError);
  expect(fault.message).toBe(`the homeserver at ${url} can't be reached (ECONNREFUSED)`);
  expect(fault.advice).toBe(
    'Nothing listens there. Start Synapse, or check the port in homeserver.url.',
  );
});

test.each([403, 404])('a proxy that hides the admin API with a page (%i)', async (status) => {
  await using server = await homeserverWhere({ '/_synapse/admin/*': { status, body: page } });
  const fault = await faultOf(server.url);
  expect(fault.message).toBe(
    `Something other than Synapse answers at ${server.url} (HTTP ${status}).`,
  );
  expect(fault.advice).toMatch(
    /Set homeserver\.adminUrl to .* such as http:\/\/127\.0\.0\.1:8008$/u,
  );
});

test('a token that is not of an admin, which no proxy says', async () => {
  await using server = await homeserverWhere({
    '/_synapse/admin/v2/*': { status: 403, body: { errcode: 'M_FORBIDDEN' } },
  });
  const fault = await faultOf(server.url);
  expect(fault.message).toBe(
    '@bot:localhost is not a server admin, so it can’t use the admin API.',
  );
});

test('an admin API of another homeserver', async () => {
  await using server = await homeserverWhere({});
  await using other = await startFaultyServer(answer(401, { errcode: 'M_UNKNOWN_TOKEN' }));
  const fault = await faultOf(server.url, other.url);
  expect(fault.message).toBe(
    `${other.url} does not accept the access token (M_UNKNOWN_TOKEN), and ${server.url} does.`,
  );
});

test.each(['1.115.0', '1.98.0rc1', '0.34.1'])('Synapse %s is too old', async (version) => {
  await using server = await homeserverWhere({
    '/_synapse/admin/v1/server_version': { body: { server_version: version } },
  });
  const fault = await faultOf(server.url);
  expect(fault.message).toBe(`Synapse ${version} is too old. Install Synapse 1.116 or newer.`);
  expect(fault.advice).toBeUndefined();
});

test.each(['1.116.0', '1.200.0+own', '2.0.0', 'unknown'])('Synapse %s is not', async (version) => {
  await using server = await homeserverWhere({
    '/_synapse/admin/v1/server_version': { body: { server_version: version } },
  });
  // This server lets nobody into the room.
  const fault = await faultOf(server.url);
  expect(fault.message).toContain('can’t join the management room');
});

test('a stored move to a room that does not name the old one as its predecessor', async () => {
  const create = '/_matrix/client/v3/rooms/!forged:localhost/state/m.room.create/';
  await using server = await homeserverWhere({
    [create]: { body: { room_version: '11', predecessor: { room_id: '!other:localhost' } } },
  });
  const moved = { 'movedFrom.!room:localhost': '!forged:localhost' };
  const fault = await faultOf(server.url, undefined, moved);
  expect(fault.message).toBe(
    'The database says that !forged:localhost has replaced !room:localhost, but that room does not name it as its predecessor.',
  );
  expect(fault.advice).toContain('Somebody may have changed the database.');
});

test('the first of several homeservers is named by its entry', async () => {
  const accessToken = 'syt_secret';
  await using server = await homeserverWhere({});
  const mixedUp = await faultWith({
    homeservers: [{ serverName: 'one.example', name: 'one', url: server.url, accessToken }],
  });
  expect(mixedUp.message).toBe(
    'The access token for one.example belongs to @bot:localhost, an account of another homeserver.',
  );
  expect(mixedUp.advice).toBe(
    `Correct homeservers.one.serverName, or its url (${server.url}) and accessToken.`,
  );
  const url = `http://127.0.0.1:${await freePort()}`;
  const away = await faultWith({ homeservers: [{ serverName: 'one.example', url, accessToken }] });
  expect(away.message).toBe(`the homeserver at ${url} can't be reached (ECONNREFUSED)`);
  expect(away.advice).toContain('check the port in homeservers.one.example.url');
});
