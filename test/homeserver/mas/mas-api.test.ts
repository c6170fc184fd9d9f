import type { RequestListener } from 'node:http';

import { describe, expect, test } from 'vitest';

import {
  ForeignAnswerError,
  HomeserverError,
  StoreError,
  UnreachableError,
} from '../../../src/core/errors.ts';
import type { MasId } from '../../../src/homeserver/mas/json-api.ts';
import { createMasApi } from '../../../src/homeserver/mas/mas-api.ts';
import { deviceInScope } from '../../../src/homeserver/mas/sessions.ts';
import { answer, hangUp, startFaultyServer } from '../../support/faulty-server.ts';

const ids = Array.from({ length: 9 }, (_, index) => `01M8E7FMV7000000000000000${index}` as MasId);
const [id, second, third] = ids as [MasId, MasId, MasId];
const createdAt = Date.UTC(2026, 10, 27, 10, 8, 20, 310);
const created_at = '2026-11-27T10:08:20.310547173Z';

const mallory = { username: 'mallory', created_at, admin: false, legacy_guest: false };

function data(attributes: object, itemId: string = id) {
  return { type: 'whatever', id: itemId, attributes, links: { self: '/…' } };
}

/** A page, as MAS answers with `count=false`. */
function page(items: readonly object[], next?: string) {
  return answer(200, {
    data: items,
    links: { self: '/…', first: '/…', last: '/…', ...(next === undefined ? {} : { next }) },
  });
}

async function startMas(...answers: RequestListener[]) {
  const server = await startFaultyServer(...answers);
  const mas = createMasApi({ url: server.url, credentials: { accessToken: 'mpt_1' } });
  const asked = () =>
    server.requests.map(({ method, url }) => `${method} ${decodeURIComponent(url)}`);
  return { ...server, mas, asked };
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it should have failed');
}

describe('a list', () => {
  test('is read page by page, with filters, from after the last item', async () => {
    await using server = await startMas(
      page([data(mallory), data({ ...mallory, username: 'trudy' }, second)], '/api/…'),
      page([data({ ...mallory, username: 'alice' }, third)]),
    );
    const all = await Array.fromAsync(server.mas.users.all({ admin: true, status: 'active' }));
    expect(all.map(({ username }) => username)).toEqual(['mallory', 'trudy', 'alice']);
    const first = 'GET /api/admin/v1/users?filter[admin]=true&filter[status]=active&count=false';
    expect(server.asked()).toEqual([
      `${first}&page[first]=100`,
      `${first}&page[first]=100&page[after]=${second}`,
    ]);
  });

  test('goes on where the cursors of the list are wrong', async () => {
    const session = { created_at, user_id: third, finished_at: null };
    // MAS puts the user's ID where the session's belongs.
    const next = `/api/admin/v1/user-sessions?page[after]=${third}`;
    await using server = await startMas(page([data(session)], next), page([data(session, second)]));
    const all = await Array.fromAsync(server.mas.sessions.browser.all());
    expect(all.map((one) => one.id)).toEqual([id, second]);
    expect(server.asked()[1]).toContain(`page[after]=${id}`);
  });

  test('that repeats is an error', async () => {
    await using server = await startMas(page([data(mallory)], '/api/…'));
    const reading = Array.fromAsync(server.mas.users.all());
    await expect(reading).rejects.toThrow('its pages repeat');
    expect(server.requests).toHaveLength(2);
  });

  test('that is empty ends, whatever its links say', async () => {
    await using server = await startMas(page([], '/api/…'));
    expect(await Array.fromAsync(server.mas.users.all())).toEqual([]);
  });

  test('is not read further than its reader goes', async () => {
    await using server = await startMas(page([data(mallory)], '/api/…'));
    for await (const user of server.mas.users.all()) {
      expect(user.username).toBe('mallory');
      break;
    }
    expect(server.requests).toHaveLength(1);
  });
});

describe('decoding', () => {
  test('an account: times in milliseconds, unknown and missing fields', async () => {
    await using server = await startMas(
      answer(200, {
        data: data({ ...mallory, locked_at: null, deactivated_at: created_at, news: [] }),
      }),
      answer(200, { data: data({ username: 'trudy', admin: true }) }),
    );
    expect(await server.mas.users.findByLocalpart('mallory')).toEqual({
      id,
      username: 'mallory',
      createdAt,
      lockedAt: null,
      deactivatedAt: createdAt,
      admin: false,
      legacyGuest: false,
    });
    expect(await server.mas.users.find(id)).toMatchObject({ username: 'trudy', createdAt: null });
    expect(server.asked()).toEqual([
      'GET /api/admin/v1/users/by-username/mallory',
      `GET /api/admin/v1/users/${id}`,
    ]);
  });

  test('never guesses whether an account is an admin', async () => {
    await using server = await startMas(answer(200, { data: data({ username: 'trudy' }) }));
    expect(await failure(server.mas.users.find(id))).toMatchObject({
      code: 'LAWSPEAKER_BAD_ANSWER',
      message: expect.stringContaining('"data.attributes.admin"'),
    });
  });

  test.for([
    ['an ID that is not a ULID', data(mallory, '42')],
    ['a time that is not one', data({ ...mallory, created_at: 'yesterday' })],
  ] as const)('refuses %s', async ([, item]) => {
    await using server = await startMas(answer(200, { data: item }));
    const error = await failure(server.mas.users.find(id));
    expect(error).toBeInstanceOf(HomeserverError);
    expect(String(error)).toContain('the authentication service refused (200');
  });

  test('an OAuth session of a client has no account; its scope is a list', async () => {
    const scope = 'urn:matrix:client:api:* urn:matrix:client:device:ABCDEFGHIJ';
    await using server = await startMas(
      page([data({ created_at, user_id: null, client_id: second, scope })]),
    );
    const [session] = await Array.fromAsync(server.mas.sessions.oauth.all({ userId: third }));
    expect(session).toMatchObject({
      userId: null,
      clientId: second,
      scope: scope.split(' '),
      finishedAt: null,
    });
    expect(deviceInScope(session?.scope ?? [])).toBe('ABCDEFGHIJ');
    expect(server.asked()[0]).toContain(`filter[user]=${third}`);
  });

  test.for([
    [['urn:matrix:org.matrix.msc2967.client:device:ABC'], 'ABC'],
    [['openid', 'urn:matrix:client:device:a:b'], 'a:b'],
    [['urn:matrix:client:api:*'], undefined],
    [[], undefined],
  ] as const)('the device in %j is %s', ([scope, device]) => {
    expect(deviceInScope(scope)).toBe(device);
  });

  test('an answer without content is the end of it', async () => {
    await using server = await startMas((_, response) => {
      response.writeHead(204).end();
    });
    await server.mas.users.setPassword(id, { password: 'a', skipPasswordCheck: true });
    await server.mas.userEmails.delete(second);
    expect(server.requests[0]?.body).toBe('{"password":"a","skip_password_check":true}');
    expect(server.asked()[1]).toBe(`DELETE /api/admin/v1/user-emails/${second}`);
  });
});

describe('changes', () => {
  test.for([
    [true, '{"skip_erase":false}'],
    [false, '{"skip_erase":true}'],
  ] as const)('deactivation with erase %s always says so', async ([erase, body]) => {
    await using server = await startMas(answer(200, { data: data(mallory) }));
    await server.mas.users.deactivate(id, { erase });
    expect(server.requests[0]).toMatchObject({ method: 'POST', body });
  });

  test('a registration token: undefined stays, null is sent, times are RFC 3339', async () => {
    const token = { token: 'a', valid: true, usage_limit: null, times_used: 0 };
    await using server = await startMas(answer(200, { data: data(token) }));
    await server.mas.registrationTokens.modify(id, { usageLimit: null });
    await server.mas.registrationTokens.create({ expiresAt: createdAt });
    expect(server.requests.map(({ body }) => body)).toEqual([
      '{"usage_limit":null}',
      '{"expires_at":"2026-11-27T10:08:20.310Z"}',
    ]);
  });

  test('a personal session tells its token', async () => {
    const session = { created_at, actor_user_id: id, scope: 'a b', access_token: 'mpt_2' };
    await using server = await startMas(answer(201, { data: data(session, second) }));
    const made = await server.mas.personalSessions.create({
      actorId: id,
      name: 'lawspeaker',
      scope: ['a', 'b'],
      expiresInS: 60,
    });
    expect(made).toMatchObject({ id: second, actorUserId: id, accessToken: 'mpt_2' });
    expect(JSON.parse(server.requests[0]?.body ?? '')).toEqual({
      actor_user_id: id,
      human_name: 'lawspeaker',
      scope: 'a b',
      expires_in: 60,
    });
  });
});

describe('errors', () => {
  const errors = (title: string) => ({ errors: [{ title }, { title: 'cause' }] });

  test.for([
    [400, 'MAS_INVALID', errors('Username is not valid')],
    [403, 'MAS_FORBIDDEN', errors('Password auth is disabled')],
    [404, 'MAS_NOT_FOUND', errors('User ID not found')],
    [409, 'MAS_CONFLICT', errors('User already exists')],
    [410, 'MAS_GONE', errors('User is not active')],
    [422, 'MAS_INVALID', 'Failed to deserialize the JSON body into the target type'],
    [500, 'MAS_UNKNOWN', errors('Internal')],
  ] as const)('%i is %s, in our own words', async ([status, code, body]) => {
    await using server = await startMas(answer(status, body));
    const error = await failure(server.mas.users.lock(id));
    expect(error).toBeInstanceOf(HomeserverError);
    expect(error).toMatchObject({
      status,
      code,
      message: `the authentication service refused (${status} ${code})`,
      request: 'POST /api/admin/v1/users/{id}/lock',
      isNotFound: status === 404,
      mayHaveHappened: status === 500,
    });
  });

  test('what is not found is undefined', async () => {
    await using server = await startMas(answer(404, errors('not found')));
    expect(await server.mas.users.find(id)).toBeUndefined();
    expect(await server.mas.users.findByLocalpart('nobody')).toBeUndefined();
  });

  test.for([
    ['a page', 404, '<html></html>'],
    ['nothing', 405, ''],
    ['the homeserver', 404, '{"errcode":"M_UNRECOGNIZED"}'],
    ['a page', 200, '<html></html>'],
    ['a proxy', 502, 'Bad Gateway'],
  ] as const)('%s with %i is not MAS’s word', async ([, status, body]) => {
    await using server = await startMas(answer(status, body));
    const error = await failure(server.mas.users.lock(id));
    expect(error).toBeInstanceOf(ForeignAnswerError);
    expect(error).toMatchObject({
      status,
      code: 'foreign_answer',
      mayHaveHappened: true,
      advice: expect.stringContaining('`mas.url`'),
    });
    expect(String(error)).toContain('the authentication service did not answer itself');
  });

  test('no answer is about MAS too', async () => {
    await using server = await startMas(hangUp);
    const error = await failure(server.mas.users.lock(id));
    expect(error).toBeInstanceOf(UnreachableError);
    expect(error).toMatchObject({ mayHaveHappened: true });
    expect(String(error)).toContain('the authentication service can');
  });
});

test('a process whose lease is over changes nothing at MAS', async () => {
  await using server = await startFaultyServer(page([data(mallory)]));
  const over = new StoreError('another process has taken over the database');
  const mas = createMasApi({
    url: server.url,
    credentials: { accessToken: 'mpt_1' },
    assertMayChange() {
      throw over;
    },
  });
  expect(await Array.fromAsync(mas.users.all())).toHaveLength(1);
  expect(await failure(mas.users.lock(id))).toBe(over);
  expect(server.requests.map(({ method }) => method)).toEqual(['GET']);
});
