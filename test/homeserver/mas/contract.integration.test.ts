import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import {
  masStartLimitMs,
  realMasBinary,
  startDelegatedHomeserver,
} from '../../../dev/mas/delegated-homeserver.ts';
import type { Mas } from '../../../dev/mas/mas.ts';
import { startStandIn } from '../../../dev/mas/stand-in.ts';
import { HomeserverError } from '../../../src/core/errors.ts';
import type { MasId } from '../../../src/homeserver/mas/json-api.ts';
import { createMasApi } from '../../../src/homeserver/mas/mas-api.ts';
import type { MasApi } from '../../../src/homeserver/mas/mas-api.ts';
import { recordAnswers } from '../../support/recorded-answers.ts';

// What a real MAS answered, in form, is written down in contract.txt. The stand-in must answer the same, and so
// must a real MAS if there is one. After a new version of MAS, look at the differences, and write it down again
// with `LAWSPEAKER_TEST_MAS=… npx vitest run -u test/homeserver/mas/contract.integration.test.ts -t real`.
const written = path.join(import.meta.dirname, 'contract.txt');

const unknown = '01ZZZZZZZZZZZZZZZZZZZZZZZZ' as MasId;
const admin = '/api/admin/v1';

/** For requests that MAS refuses: what it answers is written down. */
async function refused(asked: Promise<unknown>): Promise<void> {
  await asked.catch((error: unknown) => {
    if (!(error instanceof HomeserverError)) {
      throw error;
    }
  });
}

async function read(list: AsyncIterable<unknown>): Promise<void> {
  await Array.fromAsync(list);
}

async function firstOf(list: AsyncIterable<{ readonly id: MasId }>): Promise<MasId> {
  for await (const { id } of list) {
    return id;
  }
  return unknown;
}

/** Makes every call that the bot can make, and what may go wrong with it. Returns the answers in form. */
async function answersOf(mas: Mas): Promise<string> {
  const record = await recordAnswers(mas.url);
  try {
    const api = createMasApi({ url: record.url, credentials: mas.client });
    const send = async (method: string, place: string, options: RequestInit = {}) =>
      fetch(`${record.url}${place}`, { method, ...options });

    record.note('tokens');
    await api.server.version();
    await clientCredentials(mas, send);
    record.note('the service itself');
    await api.server.siteConfig();
    const mallory = await accounts(api, record.note);
    await emails(api, mallory, record.note);
    await sessions(api, mas, mallory, record.note);
    await personalSessions(api, mallory, record.note);
    await registrationTokens(api, record.note);
    await upstreamLinks(api, mallory, record.note);
    record.note('clients');
    await read(api.clients.all({ kind: 'static' }));
    await read(api.clients.all({ kind: 'dynamic' }));
    record.note('policy data');
    await api.policyData.latest();
    const { id: policy } = await api.policyData.set({ admin_users: ['nobody'] });
    await api.policyData.latest();
    await api.policyData.find(policy);
    await api.policyData.find(unknown);
    await rawRequests(api, mas, send, record.note);
    return record.written();
  } finally {
    await record.stop();
  }
}

type Note = (text: string) => void;
type Send = (method: string, place: string, options?: RequestInit) => Promise<Response>;

async function clientCredentials({ client }: Mas, send: Send): Promise<void> {
  const basic = (id: string, secret: string) =>
    `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  const ask = async (authorization: string, form: Readonly<Record<string, string>>) =>
    send('POST', '/oauth2/token', {
      headers: { authorization },
      body: new URLSearchParams(form),
    });
  const right = basic(client.clientId, client.clientSecret);
  const grant = { grant_type: 'client_credentials' };
  await ask(right, grant);
  await ask(right, { ...grant, scope: 'urn:mas:admin urn:synapse:admin:*' });
  await ask(basic(client.clientId, 'wrong'), { ...grant, scope: 'urn:mas:admin' });
  await ask(basic(unknown, 'wrong'), { ...grant, scope: 'urn:mas:admin' });
}

async function accounts({ users }: MasApi, note: Note): Promise<MasId> {
  note('accounts');
  const { id } = await users.create({ localpart: 'mallory' });
  await users.create({ localpart: 'eve', displayName: 'Eve', avatarUrl: 'mxc://localhost/eve' });
  await refused(users.create({ localpart: 'mallory' }));
  await refused(users.create({ localpart: 'Not Valid' }));
  await users.find(id);
  await users.find(unknown);
  await users.findByLocalpart('MALLORY');
  await users.findByLocalpart('nobody');
  await users.findByLocalpart('@mallory:localhost');
  await read(users.all());
  await read(users.all({ admin: true, search: 'mall', status: 'active', legacyGuest: false }));
  await refused(read(users.all({ activeClientId: unknown })));

  note('passwords');
  await users.setPassword(id, { password: 'correct horse', skipPasswordCheck: false });
  await users.setPassword(id, { password: 'a', skipPasswordCheck: true });
  await refused(users.setPassword(id, { password: 'a', skipPasswordCheck: false }));
  const password = { password: 'correct horse', skipPasswordCheck: false };
  await refused(users.setPassword(unknown, password));

  note('admin rights');
  await users.setAdmin(id, true);
  await users.setAdmin(id, false);
  await refused(users.setAdmin(unknown, true));

  note('locks');
  await users.lock(id);
  await users.lock(id);
  await read(users.all({ status: 'locked' }));
  await users.unlock(id);
  await users.unlock(id);
  await refused(users.lock(unknown));
  await refused(users.unlock(unknown));

  note('deactivation');
  await users.deactivate(id, { erase: false });
  await users.deactivate(id, { erase: true });
  await read(users.all({ status: 'deactivated' }));
  await refused(users.deactivate(unknown, { erase: false }));
  // MAS tells Synapse by a job, which must not come after the reactivation.
  await new Promise((resolve) => void setTimeout(resolve, 3000));
  await users.reactivate(id);
  await users.reactivate(id);
  await refused(users.reactivate(unknown));
  return id;
}

async function emails({ userEmails }: MasApi, mallory: MasId, note: Note): Promise<void> {
  note('e-mail addresses');
  const { id } = await userEmails.add(mallory, 'mallory@example.org');
  await refused(userEmails.add(mallory, 'mallory@example.org'));
  await refused(userEmails.add(mallory, 'nope'));
  await refused(userEmails.add(unknown, 'unknown@example.org'));
  await userEmails.find(id);
  await userEmails.find(unknown);
  await read(userEmails.all({ userId: mallory }));
  await read(userEmails.all({ email: 'mallory@example.org' }));
  await read(userEmails.all({ email: 'nobody@example.org' }));
  await refused(read(userEmails.all({ userId: unknown })));
  await userEmails.delete(id);
  await refused(userEmails.delete(id));
}

async function sessions(api: MasApi, mas: Mas, mallory: MasId, note: Note): Promise<void> {
  const person = { id: mallory, username: 'mallory' };
  await mas.issueCompatToken('mallory', { deviceId: 'COMPAT0001' });
  await mas.addBrowserSession(person);
  await mas.addOAuthSession(person, 'DYNAMIC001');
  await mas.addOAuthSession(person, 'STATIC0001', { client: 'static' });
  const scopes = ['urn:matrix:client:api:*'];
  for (const kind of ['compat', 'oauth', 'browser'] as const) {
    note(`${kind} sessions`);
    const list = api.sessions[kind];
    const id = await firstOf(list.all({ userId: mallory, status: 'active' }));
    const now = Date.now();
    await read(list.all({ createdAfter: now - 60_000, createdBefore: now + 60_000 }));
    await read(list.all({ lastActiveAfter: now + 60_000, lastActiveBefore: now }));
    await refused(read(list.all({ userId: unknown })));
    await list.find(id);
    await list.find(unknown);
    await list.finish(id);
    await refused(list.finish(id));
    await refused(list.finish(unknown));
    await read(list.all({ userId: mallory, status: 'finished' }));
  }
  note('sessions of a client, and with a scope');
  await read(api.sessions.oauth.all({ clientKind: 'static', userId: mallory, scopes }));
  await read(api.sessions.oauth.all({ clientKind: 'dynamic', userId: mallory, scopes }));
  await read(api.sessions.oauth.all({ scopes: ['urn:mas:admin'], userId: mallory }));
  await read(api.sessions.oauth.all({ clientId: mas.client.clientId as MasId, userId: mallory }));
  await refused(read(api.sessions.oauth.all({ clientId: unknown })));
  await read(api.users.all({ activeClientId: mas.client.clientId as MasId }));
}

async function personalSessions(
  { personalSessions: list, users }: MasApi,
  mallory: MasId,
  note: Note,
): Promise<void> {
  note('personal sessions');
  const scope = ['urn:matrix:client:api:*', 'urn:matrix:client:device:PERSONAL01'];
  const wanted = { actorId: mallory, name: 'a test', scope, expiresInS: 60 };
  const { id } = await list.create(wanted);
  await list.create({ ...wanted, expiresInS: undefined });
  await refused(list.create({ ...wanted, scope: ['a "b"'] }));
  await refused(list.create({ ...wanted, actorId: unknown }));
  const { id: gone } = await users.create({ localpart: 'gone' });
  await users.deactivate(gone, { erase: false });
  await refused(list.create({ ...wanted, actorId: gone }));
  await read(list.all({ actorId: mallory, status: 'active' }));
  await read(list.all({ ownerId: mallory }));
  await refused(read(list.all({ actorId: unknown })));
  await list.find(id);
  await list.find(unknown);
  await list.regenerate(id, { expiresInS: 120 });
  await list.revoke(id);
  await refused(list.revoke(id));
  await refused(list.revoke(unknown));
  await refused(list.regenerate(id));
  await refused(list.regenerate(unknown));
  await read(list.all({ actorId: mallory, status: 'revoked' }));
}

async function registrationTokens({ registrationTokens: list }: MasApi, note: Note): Promise<void> {
  note('registration tokens');
  const { id } = await list.create({ token: 'welcome', usageLimit: 3 });
  await list.create({ expiresAt: Date.now() + 60_000 });
  await list.create({ usageLimit: 0, expiresAt: Date.now() - 60_000 });
  await refused(list.create({ token: 'welcome' }));
  await list.find(id);
  await list.find(unknown);
  await list.modify(id, { usageLimit: null, expiresAt: Date.now() + 60_000 });
  await list.modify(id, { expiresAt: null });
  await refused(list.modify(unknown, { usageLimit: 1 }));
  await list.revoke(id);
  await refused(list.revoke(id));
  await refused(list.revoke(unknown));
  await read(list.all({ valid: true }));
  await read(list.all({ valid: false, revoked: true }));
  await list.unrevoke(id);
  await refused(list.unrevoke(id));
  await refused(list.unrevoke(unknown));
  await read(list.all());
}

async function upstreamLinks(
  { upstreamLinks: list }: MasApi,
  mallory: MasId,
  note: Note,
): Promise<void> {
  note('identities at other providers');
  const providerId = await firstOf(list.providers({ enabled: true }));
  const wanted = { userId: mallory, providerId, subject: 'mallory-there' };
  const { id } = await list.create({ ...wanted, accountName: 'Mallory' });
  await refused(list.create(wanted));
  await refused(list.create({ ...wanted, userId: unknown, subject: 'other' }));
  await refused(list.create({ ...wanted, providerId: unknown }));
  await list.find(id);
  await list.find(unknown);
  await read(list.all({ userId: mallory }));
  await read(list.all({ providerId, subject: 'mallory-there' }));
  await read(list.all({ subject: 'nobody' }));
  await refused(read(list.all({ userId: unknown })));
  await refused(read(list.all({ providerId: unknown })));
  await list.delete(id);
  await refused(list.delete(id));
}

/** What the bot never asks, or MAS answers only if something is wrong: the bot must understand it. */
async function rawRequests(api: MasApi, mas: Mas, send: Send, note: Note): Promise<void> {
  const { id: actorId } = await api.users.create({ localpart: 'raw' });
  const personal = async (scope: string) =>
    api.personalSessions.create({ actorId, name: 'raw', scope: [scope] });
  const { accessToken } = await personal('urn:mas:admin');
  const withoutScope = await personal('urn:matrix:client:api:*');
  const revoked = await personal('urn:mas:admin');
  await api.personalSessions.revoke(revoked.id);
  const compat = await mas.issueCompatToken('raw', { deviceId: 'COMPAT0002' });

  note('tokens that are refused');
  await send('GET', `${admin}/version`);
  for (const token of ['nonsense', compat, withoutScope.accessToken, revoked.accessToken]) {
    await send('GET', `${admin}/version`, { headers: { authorization: `Bearer ${token}` } });
  }

  const authorization = `Bearer ${accessToken}`;
  const get = async (place: string) =>
    send('GET', `${admin}${place}`, { headers: { authorization } });
  const post = async (place: string, body: string, contentType = 'application/json') =>
    send('POST', `${admin}${place}`, {
      headers: { authorization, 'content-type': contentType },
      body,
    });
  note('IDs that are not IDs');
  for (const kind of ['users', 'user-emails', 'compat-sessions', 'upstream-oauth-links']) {
    await get(`/${kind}/nope`);
  }
  await post('/users/nope/lock', '');
  await post('/personal-sessions/nope/revoke', '');

  note('filters and pages that are not valid');
  await get('/users?filter[status]=gone');
  await get('/users?filter[admin]=maybe');
  await get('/users?filter[misspelt]=1&page[first]=1&count=false');
  await get('/compat-sessions?filter[user]=nope');
  await get('/compat-sessions?filter[status]=revoked');
  await get('/user-sessions?filter[status]=revoked');
  await get('/oauth2-sessions?filter[client-kind]=other');
  await get('/personal-sessions?filter[status]=finished');
  await get('/oauth2-clients?filter[client-kind]=other');
  await get('/user-registration-tokens?filter[valid]=maybe');
  await get('/users?page[first]=0');
  await get('/users?page[after]=nope');
  await get('/users?page[first]=1&page[last]=1');
  await get('/users?count=only');
  await get('/users?page[first]=1');

  note('bodies that are not valid');
  await post('/users', '{}');
  await post('/users', '{"username":1}');
  await post('/users', '{');
  await post('/users', 'username=x', 'application/x-www-form-urlencoded');
  await post(`/users/${actorId}/set-admin`, '{"admin":"yes"}');
  await post('/policy-data', '{}');
  await post('/personal-sessions', '{}');

  note('paths and methods that are not there');
  await get('/nothing');
  await send('DELETE', `${admin}/users`, { headers: { authorization } });
  await send('DELETE', `${admin}/user-registration-tokens/${actorId}`, {
    headers: { authorization },
  });
}

/** What a MAS of its own answers. */
async function answersOfNew(start?: typeof startStandIn): Promise<string> {
  const delegated = await startDelegatedHomeserver(start);
  try {
    return await answersOf(delegated.mas);
  } finally {
    await delegated.stop();
  }
}

describe('what MAS answers to each request of the bot, in form', () => {
  test('is what the stand-in answers', async () => {
    await expect(await answersOfNew(startStandIn)).toMatchFileSnapshot(written);
  });

  test.skipIf(realMasBinary === undefined)(
    'is what the real MAS answers that LAWSPEAKER_TEST_MAS names',
    async () => {
      await expect(await answersOfNew()).toMatchFileSnapshot(written);
    },
    masStartLimitMs + 120_000,
  );

  test('is written down for each endpoint that the client has', async () => {
    const folder = path.join(import.meta.dirname, '../../../src/homeserver/mas');
    const names = await readdir(folder);
    const sources = await Promise.all(
      names.map(async (name) => readFile(path.join(folder, name), 'utf8')),
    );
    const endpoints = new Set(
      sources.flatMap((source) => source.match(/\b[A-Z]{3,6} \/api\/admin\/v1\/[\w{}/-]+/gu) ?? []),
    );
    expect(endpoints.size).toBeGreaterThan(20);
    const text = await readFile(written, 'utf8');
    const asked = new Set(
      text
        .split('\n')
        .filter((line) => line.includes(' -> '))
        .map((line) => line.replace(/(?:\?.*)? -> .*$/u, '').replaceAll('<id>', '{id}'))
        .map((line) => line.replace(/by-username\/.*$/u, 'by-username/{username}')),
    );
    expect([...endpoints].filter((endpoint) => !asked.has(endpoint))).toEqual([]);
  });
});
