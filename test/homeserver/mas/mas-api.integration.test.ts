import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  masStartLimitMs,
  startDelegatedHomeserver,
} from '../../../dev/mas/delegated-homeserver.ts';
import type { DelegatedHomeserver } from '../../../dev/mas/delegated-homeserver.ts';
import { request } from '../../../dev/synapse/http.ts';
import { parseUserId } from '../../../src/core/ids.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { findDelegation } from '../../../src/homeserver/mas/delegation.ts';
import type { MasId } from '../../../src/homeserver/mas/json-api.ts';
import { createMasApi } from '../../../src/homeserver/mas/mas-api.ts';
import type { MasApi } from '../../../src/homeserver/mas/mas-api.ts';
import { deviceInScope } from '../../../src/homeserver/mas/sessions.ts';
import type { MasUser } from '../../../src/homeserver/mas/users.ts';
import { homeserver as plainHomeserver, uniqueLocalpart } from '../../support/homeserver.ts';

let delegated: DelegatedHomeserver;
let mas: MasApi;
let synapse: AdminApi;

beforeAll(async () => {
  delegated = await startDelegatedHomeserver();
  const { url, client } = delegated.mas;
  mas = createMasApi({ url, credentials: client });
  await mas.users.create({ localpart: 'bot' });
  const accessToken = await delegated.mas.issueCompatToken('bot', { isSynapseAdmin: true });
  synapse = createAdminApi({ url: delegated.homeserver.url, accessToken });
}, masStartLimitMs);
afterAll(async () => delegated.stop());

const notFound = { status: 404, code: 'MAS_NOT_FOUND', isNotFound: true };
const unknownId = '01ZZZZZZZZZZZZZZZZZZZZZZZZ' as MasId;

async function newUser(): Promise<MasUser> {
  return mas.users.create({ localpart: uniqueLocalpart() });
}

function idOf({ username }: MasUser): UserId {
  const userId = parseUserId(`@${username}:${delegated.homeserver.serverName}`);
  if (userId === undefined) {
    throw new Error(`${username} is not a localpart`);
  }
  return userId;
}

async function whoami(accessToken: string) {
  return request(delegated.homeserver.url, 'GET', '/_matrix/client/v3/account/whoami', {
    accessToken,
  });
}

async function deviceIds(user: MasUser): Promise<string[]> {
  return (await synapse.devices.list(idOf(user))).map(({ deviceId }) => deviceId);
}

describe('a homeserver', () => {
  test('says that it delegates accounts, and to whom', async () => {
    const { url } = delegated.mas;
    expect(await findDelegation(delegated.homeserver.url)).toEqual({
      issuer: `${url}/`,
      accountManagementUri: `${url}/account/`,
      tokenEndpoint: `${url}/oauth2/token`,
    });
  });

  test('that keeps accounts itself says so', async () => {
    expect(await findDelegation(plainHomeserver().url)).toBeUndefined();
  });

  test('accepts a token of MAS, and makes it an admin by its scope alone', async () => {
    const user = await newUser();
    const token = await delegated.mas.issueCompatToken(user.username, { deviceId: 'ABCDEFGHIJ' });
    expect(await whoami(token)).toMatchObject({ user_id: idOf(user), device_id: 'ABCDEFGHIJ' });
    const ordinary = createAdminApi({ url: delegated.homeserver.url, accessToken: token });
    await expect(ordinary.users.list({ guests: false })).rejects.toMatchObject({ status: 403 });
    await expect(synapse.users.list({ guests: false })).resolves.toMatchObject({
      users: expect.arrayContaining([expect.objectContaining({ name: idOf(user), admin: false })]),
    });
    await expect(synapse.users.list()).rejects.toMatchObject({ status: 400 });
  });

  test('refuses tokens that MAS does not know', async () => {
    await expect(whoami('mat_unknown')).rejects.toMatchObject({ status: 401 });
  });
});

describe('the admin API of a Synapse that delegates accounts', () => {
  const gone = { status: 404, errcode: 'M_UNRECOGNIZED' };

  test('has no passwords, logins, admin rights or registration tokens', async () => {
    const user = idOf(await newUser());
    const password = { newPassword: 'correct horse', logoutDevices: true };
    await expect(synapse.users.resetPassword(user, password)).rejects.toMatchObject(gone);
    const until = { validUntilMs: Date.now() + 60_000 };
    await expect(synapse.users.loginAs(user, until)).rejects.toMatchObject(gone);
    await expect(synapse.users.setAdmin(user, true)).rejects.toMatchObject(gone);
    await expect(synapse.registrationTokens.list()).rejects.toMatchObject(gone);
  });

  test('deactivates accounts without MAS knowing', async () => {
    const user = await newUser();
    await synapse.users.deactivate(idOf(user), { erase: false });
    expect(await synapse.users.find(idOf(user))).toMatchObject({ deactivated: true });
    expect(await mas.users.find(user.id)).toMatchObject({ deactivatedAt: null });
  });

  test('shows accounts that MAS does not know', async () => {
    const localpart = uniqueLocalpart('bridged');
    const userId = (await delegated.addUserOfSynapseAlone(localpart)) as UserId;
    expect(await mas.users.findByLocalpart(localpart)).toBeUndefined();
    expect(await synapse.users.find(userId)).toMatchObject({ deactivated: false });
  });
});

describe('an account', () => {
  test('is in Synapse as soon as MAS has made it, and can be found and listed', async () => {
    const user = await newUser();
    expect(await synapse.users.find(idOf(user))).toMatchObject({ displayname: user.username });
    expect(await mas.users.find(user.id)).toEqual(user);
    expect(await mas.users.findByLocalpart(user.username.toUpperCase())).toEqual(user);
    expect(await mas.users.findByLocalpart(idOf(user))).toBeUndefined();
    const all = await Array.fromAsync(mas.users.all({ search: user.username }));
    expect(all).toEqual([user]);
  });

  test('is refused if it exists or its name is not valid', async () => {
    const { username } = await newUser();
    await expect(mas.users.create({ localpart: username })).rejects.toMatchObject({ status: 409 });
    await expect(mas.users.create({ localpart: 'Ä' })).rejects.toMatchObject({ status: 400 });
    await expect(mas.users.lock(unknownId)).rejects.toMatchObject(notFound);
  });

  test('is locked and unlocked in Synapse too', async () => {
    const user = await newUser();
    const release = delegated.mas.holdJobs();
    const locked = await mas.users.lock(user.id);
    expect(locked.lockedAt).toBeCloseTo(Date.now(), -5);
    expect(await synapse.users.find(idOf(user))).toMatchObject({ locked: false });
    release();
    await expect.poll(async () => synapse.users.find(idOf(user))).toMatchObject({ locked: true });
    expect(await mas.users.unlock(user.id)).toMatchObject({ lockedAt: null });
    await expect.poll(async () => synapse.users.find(idOf(user))).toMatchObject({ locked: false });
  });

  test('is deactivated without being erased, and reactivated with its password', async () => {
    const user = await newUser();
    await mas.users.setPassword(user.id, { password: 'correct horse', skipPasswordCheck: false });
    const token = await delegated.mas.issueCompatToken(user.username);
    await mas.userEmails.add(user.id, `${user.username}@example.com`);
    await mas.users.deactivate(user.id, { erase: false });
    await expect
      .poll(async () => synapse.users.find(idOf(user)))
      .toMatchObject({ deactivated: true, erased: false });
    await expect(whoami(token)).rejects.toMatchObject({ status: 401 });
    expect(await Array.fromAsync(mas.userEmails.all({ userId: user.id }))).toEqual([]);

    expect(await mas.users.reactivate(user.id)).toMatchObject({ deactivatedAt: null });
    expect(await synapse.users.find(idOf(user))).toMatchObject({ deactivated: false });
    const login = await request<{ user_id: string; access_token: string }>(
      delegated.mas.url,
      'POST',
      '/_matrix/client/v3/login',
      {
        json: {
          type: 'm.login.password',
          identifier: { type: 'm.id.user', user: user.username },
          password: 'correct horse',
        },
      },
    );
    expect(await whoami(login.access_token)).toMatchObject({ user_id: idOf(user) });
  });

  test('is erased if asked to', async () => {
    const user = await newUser();
    await mas.users.deactivate(user.id, { erase: true });
    await expect
      .poll(async () => synapse.users.find(idOf(user)))
      .toMatchObject({ deactivated: true, erased: true });
  });

  test('has the email addresses of MAS', async () => {
    const user = await newUser();
    const address = `${user.username}@example.com`;
    const email = await mas.userEmails.add(user.id, address);
    await expect.poll(async () => synapse.users.findByThreepid('email', address)).toBe(idOf(user));
    expect(await Array.fromAsync(mas.userEmails.all({ email: address }))).toEqual([email]);
    await expect(mas.userEmails.add(user.id, address)).rejects.toMatchObject({ status: 409 });
    await mas.userEmails.delete(email.id);
    await expect.poll(async () => synapse.users.findByThreepid('email', address)).toBeUndefined();
  });

  test('that is an admin is found as one', async () => {
    const user = await newUser();
    await mas.users.setAdmin(user.id, true);
    const admins = await Array.fromAsync(mas.users.all({ admin: true }));
    expect(admins.map(({ id }) => id)).toContain(user.id);
    expect(await synapse.users.find(idOf(user))).toMatchObject({ admin: false });
  });
});

describe('sessions', () => {
  test('of all kinds end, and their devices leave Synapse', async () => {
    const user = await newUser();
    const tokens = [
      await delegated.mas.issueCompatToken(user.username, { deviceId: 'COMPATABCD' }),
      await delegated.mas.addOAuthSession(user, 'OAUTHABCDE'),
    ];
    await delegated.mas.addBrowserSession(user);
    const personal = await mas.personalSessions.create({
      actorId: user.id,
      name: 'a test',
      scope: ['urn:matrix:client:api:*', 'urn:matrix:client:device:PERSONALAB'],
      expiresInS: 60,
    });
    expect(personal.expiresAt).toBeGreaterThan(Date.now());
    expect(await whoami(personal.accessToken)).toMatchObject({ device_id: 'PERSONALAB' });
    expect((await deviceIds(user)).sort()).toEqual(['COMPATABCD', 'OAUTHABCDE', 'PERSONALAB']);

    const active = { userId: user.id, status: 'active' } as const;
    const [compat, ...others] = await Array.fromAsync(mas.sessions.compat.all(active));
    const [oauth] = await Array.fromAsync(mas.sessions.oauth.all(active));
    const [browser] = await Array.fromAsync(mas.sessions.browser.all(active));
    expect(others).toEqual([]);
    expect(compat?.deviceId).toBe('COMPATABCD');
    expect(deviceInScope(oauth?.scope ?? [])).toBe('OAUTHABCDE');

    await mas.sessions.compat.finish(compat?.id ?? unknownId);
    await mas.sessions.oauth.finish(oauth?.id ?? unknownId);
    const ended = await mas.sessions.browser.finish(browser?.id ?? unknownId);
    expect(ended.finishedAt).not.toBeNull();
    await mas.personalSessions.revoke(personal.id);
    await expect.poll(async () => deviceIds(user)).toEqual([]);
    for (const token of [...tokens, personal.accessToken]) {
      await expect(whoami(token)).rejects.toMatchObject({ status: 401 });
    }
    await expect(mas.sessions.compat.finish(compat?.id ?? unknownId)).rejects.toMatchObject({
      status: 400,
    });
    await expect(mas.personalSessions.revoke(personal.id)).rejects.toMatchObject({ status: 409 });
    await expect(mas.sessions.oauth.finish(unknownId)).rejects.toMatchObject(notFound);
    expect(await Array.fromAsync(mas.sessions.browser.all(active))).toEqual([]);
  });

  test('in a browser are listed on all pages, although MAS’s cursors are wrong', async () => {
    const user = await newUser();
    for (let made = 0; made < 101; made += 1) {
      await delegated.mas.addBrowserSession(user);
    }
    const all = await Array.fromAsync(mas.sessions.browser.all({ userId: user.id }));
    expect(new Set(all.map(({ id }) => id)).size).toBe(101);
  });

  test('with one personal token serve both APIs', async () => {
    const user = await newUser();
    const { accessToken } = await mas.personalSessions.create({
      actorId: user.id,
      name: 'lawspeaker',
      scope: ['urn:matrix:client:api:*', 'urn:synapse:admin:*', 'urn:mas:admin'],
    });
    const personal = createMasApi({ url: delegated.mas.url, credentials: { accessToken } });
    const { serverName } = await personal.server.siteConfig();
    expect(serverName).toBe(delegated.homeserver.serverName);
    expect(await personal.server.version()).toMatch(/^v?\d+\./u);
    const admin = createAdminApi({ url: delegated.homeserver.url, accessToken });
    await expect(admin.users.list({ guests: false, limit: 1 })).resolves.toMatchObject({
      users: [expect.anything()],
    });
  });
});

describe('registration tokens', () => {
  test('are made, found by their text, changed, revoked and restored', async () => {
    const text = uniqueLocalpart('token');
    const made = await mas.registrationTokens.create({ token: text, usageLimit: 3 });
    expect(made).toMatchObject({ token: text, valid: true, usageLimit: 3, timesUsed: 0 });
    await expect(mas.registrationTokens.create({ token: text })).rejects.toMatchObject({
      status: 409,
    });
    expect(await mas.registrationTokens.findByText(text)).toEqual(made);
    const expiresAt = Date.now() + 60_000;
    const changed = await mas.registrationTokens.modify(made.id, { expiresAt, usageLimit: null });
    expect(changed).toMatchObject({ expiresAt, usageLimit: null });
    expect(await mas.registrationTokens.revoke(made.id)).toMatchObject({ valid: false });
    await expect(mas.registrationTokens.revoke(made.id)).rejects.toMatchObject({ status: 400 });
    expect(await mas.registrationTokens.unrevoke(made.id)).toMatchObject({ valid: true });
  });
});

describe('upstream links and policy data', () => {
  test('are kept', async () => {
    const user = await newUser();
    const [provider] = await Array.fromAsync(mas.upstreamLinks.providers());
    const link = {
      userId: user.id,
      providerId: provider?.id ?? unknownId,
      subject: user.username,
    };
    const made = await mas.upstreamLinks.create(link);
    await expect(mas.upstreamLinks.create(link)).rejects.toMatchObject({ status: 409 });
    const found = await Array.fromAsync(mas.upstreamLinks.all({ subject: user.username }));
    expect(found).toEqual([made]);
    await mas.upstreamLinks.delete(made.id);
    expect(await mas.upstreamLinks.find(made.id)).toBeUndefined();

    const set = await mas.policyData.set({ banned: ['a'] });
    expect(await mas.policyData.latest()).toEqual(set);
    expect(await mas.policyData.find(set.id)).toEqual(set);
    expect(await mas.policyData.find(unknownId)).toBeUndefined();
  });
});
