import { inspect } from 'node:util';

import { describe, expect, test } from 'vitest';

import { createMasApi } from '../../../src/homeserver/mas/mas-api.ts';
import { answer, hangUp, startFaultyServer } from '../../support/faulty-server.ts';
import type { FaultyServer } from '../../support/faulty-server.ts';

const clientSecret = 'wrong+secret/with:signs';
const version = answer(200, { version: 'v1.22.0' });
const refused = answer(401, { errors: [{ title: 'Access token expired' }] });

function grant(token: string, expiresIn: number | undefined = 300) {
  return answer(200, { access_token: token, token_type: 'Bearer', expires_in: expiresIn });
}

/** A client of `server` as a client of MAS, at a time that the test sets. */
function clientOf(server: FaultyServer) {
  const clock = { nowMs: 1_000_000 };
  const mas = createMasApi({
    url: server.url,
    credentials: { clientId: 'lawspeaker-client', clientSecret },
    now: () => clock.nowMs,
  });
  return { mas, clock };
}

/** What the server saw, as `METHOD path` and token. */
function seen({ requests }: FaultyServer) {
  return requests.map(({ method, url, headers }) => [
    `${method} ${url}`,
    headers.authorization?.replace(/^Basic .*/u, 'Basic'),
  ]);
}

const asked = ['POST /oauth2/token', 'Basic'];
const used = (token: string) => ['GET /api/admin/v1/version', `Bearer ${token}`];

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}

describe('client credentials', () => {
  test('are sent as they are, for the admin scope', async () => {
    await using server = await startFaultyServer(grant('mat_1'), version);
    await expect(clientOf(server).mas.server.version()).resolves.toBe('v1.22.0');
    expect(server.requests[0]).toMatchObject({
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        scope: 'urn:mas:admin',
      }).toString(),
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    const basic = server.requests[0]?.headers.authorization?.replace('Basic ', '') ?? '';
    expect(Buffer.from(basic, 'base64').toString()).toBe(`lawspeaker-client:${clientSecret}`);
    expect(seen(server)).toEqual([asked, used('mat_1')]);
  });

  test('give one token to requests at the same time', async () => {
    await using server = await startFaultyServer(grant('mat_1'), version);
    const { mas } = clientOf(server);
    await Promise.all([mas.server.version(), mas.server.version(), mas.server.version()]);
    expect(seen(server)).toEqual([asked, used('mat_1'), used('mat_1'), used('mat_1')]);
  });

  test('give a new token half a minute before the old one expires', async () => {
    await using server = await startFaultyServer(
      grant('mat_1'),
      version,
      version,
      grant('mat_2'),
      version,
    );
    const { mas, clock } = clientOf(server);
    await mas.server.version();
    clock.nowMs += 269_000;
    await mas.server.version();
    clock.nowMs += 1_000;
    await mas.server.version();
    expect(seen(server)).toEqual([asked, used('mat_1'), used('mat_1'), asked, used('mat_2')]);
  });

  test('use a token that lasts for seconds for half of its time', async () => {
    await using server = await startFaultyServer(
      grant('mat_1', 10),
      version,
      version,
      grant('mat_2', 10),
      version,
    );
    const { mas, clock } = clientOf(server);
    await mas.server.version();
    clock.nowMs += 4_000;
    await mas.server.version();
    clock.nowMs += 1_000;
    await mas.server.version();
    expect(seen(server)).toEqual([asked, used('mat_1'), used('mat_1'), asked, used('mat_2')]);
  });

  test('send a change once more, with a new token, when MAS refuses the old one', async () => {
    await using server = await startFaultyServer(
      grant('mat_1'),
      refused,
      grant('mat_2'),
      answer(201, {
        data: { id: '01M8E7FMV7ZZZZZZZZZZZZZZZZ', attributes: { created_at: null, data: {} } },
      }),
    );
    await clientOf(server).mas.policyData.set({});
    const change = 'POST /api/admin/v1/policy-data';
    expect(seen(server)).toEqual([
      asked,
      [change, 'Bearer mat_1'],
      asked,
      [change, 'Bearer mat_2'],
    ]);
    expect(server.requests[3]?.body).toBe('{"data":{}}');
  });

  test('give up when MAS refuses the new token too', async () => {
    await using server = await startFaultyServer(grant('mat_1'), refused, grant('mat_2'), refused);
    const error = await failure(clientOf(server).mas.server.version());
    expect(error).toMatchObject({ status: 401, code: 'MAS_TOKEN_REFUSED' });
    expect(server.requests).toHaveLength(4);
  });

  test.for([
    [401, 'invalid_client', 'MAS_INVALID_CLIENT', '`clients`'],
    [403, 'invalid_scope', 'MAS_INVALID_SCOPE', '`policy.data.admin_clients`'],
  ] as const)('%i %s says what to correct in which configuration', async (row) => {
    const [status, error, code, place] = row;
    await using server = await startFaultyServer(
      answer(status, { error, error_description: `about ${clientSecret}` }),
    );
    const thrown = await failure(clientOf(server).mas.server.version());
    expect(thrown).toMatchObject({
      status,
      code,
      request: 'POST /oauth2/token',
      message: `the authentication service refused (${status} ${code})`,
    });
    expect((thrown as { advice: string }).advice).toContain(place);
    expect(inspect(thrown, { depth: Infinity, showHidden: true })).not.toContain(clientSecret);
  });

  test('ask again after a failure', async () => {
    await using server = await startFaultyServer(
      answer(401, { error: 'invalid_client' }),
      grant('mat_1'),
      version,
    );
    const { mas } = clientOf(server);
    await failure(mas.server.version());
    await expect(mas.server.version()).resolves.toBe('v1.22.0');
  });

  test('are sent to an endpoint on another listener', async () => {
    await using server = await startFaultyServer(version);
    await using issuer = await startFaultyServer(grant('mat_1'));
    const mas = createMasApi({
      url: server.url,
      tokenEndpoint: `${issuer.url}/auth/oauth2/token`,
      credentials: { clientId: 'id', clientSecret },
    });
    await mas.server.version();
    expect(seen(issuer)).toEqual([['POST /auth/oauth2/token', 'Basic']]);
    expect(seen(server)).toEqual([used('mat_1')]);
  });
});

describe('a personal access token', () => {
  test('is sent, and not again after it was refused', async () => {
    await using server = await startFaultyServer(refused);
    const mas = createMasApi({ url: server.url, credentials: { accessToken: 'mpt_1' } });
    const error = await failure(mas.server.version());
    expect(error).toMatchObject({ status: 401, code: 'MAS_TOKEN_REFUSED' });
    expect((error as { advice: string }).advice).toContain('`urn:mas:admin`');
    expect(seen(server)).toEqual([used('mpt_1')]);
  });

  test.for([
    ['a broken connection', hangUp],
    ['an error', refused],
    ['a bad answer', answer(200, 'mpt_secret')],
  ] as const)('is in no error after %s', async ([, fault]) => {
    await using server = await startFaultyServer(fault);
    const mas = createMasApi({ url: server.url, credentials: { accessToken: 'mpt_secret' } });
    const error = await failure(mas.policyData.set({}));
    expect(inspect(error, { depth: Infinity, showHidden: true })).not.toContain('mpt_secret');
  });
});
