import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { masStartLimitMs } from '../../../dev/mas/delegated-homeserver.ts';
import { startBotProcess } from '../../../dev/room/bot-process.ts';
import { createClient } from '../../../src/app/homeserver.ts';
import { askDelegation } from '../../../src/app/setup/delegation.ts';
import { checkSetup } from '../../../src/app/setup/setup.ts';
import { watchMas } from '../../../src/app/watch-mas.ts';
import { configSchema } from '../../../src/config/schema.ts';
import type { WrittenConfig } from '../../../src/config/schema.ts';
import { SetupError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { MasError } from '../../../src/homeserver/mas/mas-errors.ts';
import { createMoves } from '../../../src/matrix/room/upgrade.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { startDelegatedServer } from '../../support/delegated-room.ts';
import type { DelegatedServer } from '../../support/delegated-room.ts';
import { homeserver as plainHomeserver, idOf, uniqueLocalpart } from '../../support/homeserver.ts';
import { cardOf } from '../../support/report-room.ts';
import { asWritten } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

// One Synapse in delegated mode, and one room, for all of these.
let server: DelegatedServer;
let room: TestRoom;
/** Synapse's own word. */
let synapse: AdminApi;

beforeAll(async () => {
  server = await startDelegatedServer();
  room = await server.openRoom();
  const { accessToken } = room.bot.account;
  synapse = createAdminApi({ url: server.homeserver.url, accessToken });
}, masStartLimitMs);
afterAll(async () => {
  await room?.close();
  await server?.stop();
});

describe('an account', () => {
  test('is shown with what both services say, and where they differ', async () => {
    const mallory = await server.newUser('mallory');
    const same = await room.vic.ask(`!user ${mallory.userId}`);
    expect(same.body).toContain('active, not a server admin');
    expect(same.body).toContain('MAS: active · Synapse: active');
    expect(same.body).not.toContain('differ');

    await synapse.users.setLocked(idOf(mallory), true);
    const other = await room.vic.ask(`!user ${mallory.userId}`);
    expect(other.body).toContain('They differ: locked only at Synapse');
    expect(other.body).toContain('active, not a server admin');
  });

  test('that is new is among the newest, for rules on sign-ups', async () => {
    const mallory = await server.newUser('mallory');
    const newest = await synapse.users.newest(3);
    expect(newest.map(({ name }) => name)).toContain(mallory.userId);
    expect(newest[0]?.creationTs).toBeGreaterThan(Date.now() - 60_000);
  });

  test('that only Synapse knows is shown and deactivated there', async () => {
    const userId = (await server.addUserOfSynapseAlone(uniqueLocalpart('bridged'))) as UserId;
    const shown = await room.ben.ask(`!user ${userId}`);
    expect(shown.body).toContain('Only Synapse knows this account');
    const { outcome } = await askAndConfirm(room.ben, `!deactivate ${userId}`);
    expect(outcome.field.status).toBe('done');
    expect(await synapse.users.get(userId)).toMatchObject({ deactivated: true });
  });

  test('that only MAS knows is shown, and deactivated there', async () => {
    const localpart = uniqueLocalpart('unknown');
    const userId = `@${localpart}:${server.homeserver.serverName}`;
    await server.mas.addUserOfMasAlone(localpart);
    const shown = await room.vic.ask(`!user ${userId}`);
    expect(shown.body).toContain('Only MAS knows this account');
    for (const command of ['devices', 'whois', 'sessions']) {
      const answer = await room.ben.ask(`!${command} ${userId}`);
      expect(answer.field.status).toBe('done');
    }
    const { outcome } = await askAndConfirm(room.ben, `!deactivate ${userId}`);
    expect(outcome.field.status).toBe('done');
    expect((await server.atMas({ account: { localpart } })).deactivatedAt).not.toBeNull();
  });

  test('is locked and unlocked at MAS, and it is done when Synapse shows it', async () => {
    const mallory = await server.newUser('mallory');
    const locked = await room.ben.ask(`!lock ${mallory.userId}`);
    expect(locked.field.status).toBe('done');
    expect((await server.atMas(mallory)).lockedAt).not.toBeNull();
    expect(await synapse.users.get(idOf(mallory))).toMatchObject({ locked: true });

    const unlocked = await room.ben.ask(`!unlock ${mallory.userId}`);
    expect(unlocked.field.status).toBe('done');
    expect((await server.atMas(mallory)).lockedAt).toBeNull();
    expect(await synapse.users.get(idOf(mallory))).toMatchObject({ locked: false });
  });

  test('is deactivated at MAS without erasing it, and reactivated', async () => {
    const mallory = await server.newUser('mallory');
    const { outcome } = await askAndConfirm(room.ben, `!deactivate ${mallory.userId}`);
    expect(outcome.field.status).toBe('done');
    expect((await server.atMas(mallory)).deactivatedAt).not.toBeNull();
    expect(await synapse.users.get(idOf(mallory))).toMatchObject({
      deactivated: true,
      erased: false,
    });
    await expect(mallory.createRoom()).rejects.toMatchObject({ status: 401 });

    const back = await room.ben.ask(`!reactivate ${mallory.userId}`);
    expect(back.field.status).toBe('done');
    expect((await server.atMas(mallory)).deactivatedAt).toBeNull();
  });

  test('is erased only if that was asked for', async () => {
    const mallory = await server.newUser('mallory');
    const { outcome } = await askAndConfirm(room.ben, `!deactivate ${mallory.userId} --erase`);
    expect(outcome.field.status).toBe('done');
    expect(await synapse.users.get(idOf(mallory))).toMatchObject({ erased: true });
  });

  test('counts as deactivated in lists only if MAS says so', async () => {
    const prefix = uniqueLocalpart('former');
    const [atSynapse, atBoth] = await Promise.all(
      ['one', 'two'].map(async (name) => server.register({ localpart: `${prefix}-${name}` })),
    );
    const onlySynapse = (await server.addUserOfSynapseAlone(`${prefix}-three`)) as UserId;
    if (atSynapse === undefined || atBoth === undefined) {
      throw new TypeError('two accounts were made');
    }
    await synapse.users.deactivate(idOf(atSynapse), { erase: false });
    await synapse.users.deactivate(onlySynapse, { erase: false });
    await askAndConfirm(room.ben, `!deactivate ${atBoth.userId}`);
    const all = await room.ben.ask(`!users --name ${prefix} --deactivated`);
    const { rows } = all.field.data as { rows: object[] };
    expect(rows).toMatchObject([
      { name: atSynapse.userId, deactivated: false },
      { name: onlySynapse, deactivated: true },
      { name: atBoth.userId, deactivated: true },
    ]);
    const only = await room.ben.ask(`!users --name ${prefix} --deactivated-only`);
    expect(only.body).not.toContain(atSynapse.userId);
  });

  test('is running until Synapse shows the change', async () => {
    const mallory = await server.newUser('mallory');
    const release = server.mas.holdJobs();
    const { event } = await room.ben.answerTo(await room.ben.say(`!lock ${mallory.userId}`));
    await room.ben.outcomeOf({ event }, 'running');
    expect((await server.atMas(mallory)).lockedAt).not.toBeNull();
    release();
    await room.ben.outcomeOf({ event }, 'done');
  });
});

describe('server admins', () => {
  test('are those of MAS, and are protected', async () => {
    const admin = await server.newUser('admin');
    await server.api.users.setAdmin((await server.atMas(admin)).id, true);
    for (const command of ['deactivate', 'lock', 'suspend', 'redact-user', 'takedown']) {
      const refused = await room.ben.ask(`!${command} ${admin.userId}`);
      expect(refused.field).toMatchObject({ error: { code: 'protected' } });
    }
    expect((await room.vic.ask(`!user ${admin.userId}`)).body).toContain('server admin');
    expect((await server.atMas(admin)).deactivatedAt).toBeNull();
  });

  test('are those who hold an admin scope', async () => {
    const holder = await server.newUser('holder');
    await server.api.personalSessions.create({
      actorId: (await server.atMas(holder)).id,
      name: 'tool',
      scope: ['urn:matrix:client:api:*', 'urn:synapse:admin:*'],
    });
    const refused = await room.ben.ask(`!deactivate ${holder.userId}`);
    expect(refused.field).toMatchObject({ error: { code: 'protected' } });
  });

  test('are left out of many accounts that are read from the list', async () => {
    const prefix = uniqueLocalpart('many');
    const names = Array.from({ length: 34 }, (_, at) => `${prefix}-${at}`);
    await Promise.all(names.map(async (localpart) => server.api.users.create({ localpart })));
    const [admin, holder, first, last] = await Promise.all(
      [names[7], names[20], names[0], names[33]].map(async (localpart = '') =>
        server.atMas({ account: { localpart } }),
      ),
    );
    if (admin === undefined || holder === undefined || first === undefined || last === undefined) {
      throw new TypeError('34 accounts were made');
    }
    await server.api.users.setAdmin(admin.id, true);
    // A client of MAS's configuration: this bot is one, too, and its many sessions belong to nobody.
    await server.mas.addOAuthSession(holder, 'DEVICE0008', {
      client: 'static',
      scope: 'urn:mas:admin',
    });
    // Locked in Synapse alone, which has no effect.
    const firstId = `@${first.username}:${server.homeserver.serverName}` as UserId;
    await synapse.users.setLocked(firstId, true);
    const { confirmation, outcome } = await askAndConfirm(
      room.ben,
      `!lock --matching "--name ${prefix}"`,
    );
    expect(confirmation.body).toContain('Lock 32 accounts?');
    expect(outcome.body).toContain('32 of 32 accounts done');
    const locked = await Array.fromAsync(
      server.api.users.all({ search: prefix, status: 'locked' }),
    );
    expect(locked).toHaveLength(32);
    expect(locked.map(({ id }) => id)).toEqual(expect.arrayContaining([first.id, last.id]));
    expect(locked.map(({ id }) => id)).not.toContain(admin.id);
    expect(locked.map(({ id }) => id)).not.toContain(holder.id);
  });

  test('are not known while MAS does not answer, so nothing is done to anybody', async () => {
    const accounts = await Promise.all([server.newUser('spared'), server.newUser('spared')]);
    const [mallory] = accounts;
    const open = server.mas.closeAdminApi();
    try {
      const refusals = await Promise.all(
        [
          `!lock ${mallory.userId}`,
          `!suspend ${accounts.map(({ userId }) => userId).join(' ')}`,
          '!suspend --matching "--name spared"',
        ].map(async (line) => room.ben.ask(line)),
      );
      for (const { body, field } of refusals) {
        expect(field).toMatchObject({ status: 'failed', error: { code: 'unreachable' } });
        expect(body).toContain('the authentication service');
      }
    } finally {
      open();
    }
    for (const one of accounts) {
      expect(await synapse.users.get(idOf(one))).toMatchObject({ locked: false, suspended: false });
    }
  });

  test('are not those of Synapse’s own column', async () => {
    const former = await server.newUser('former');
    await synapse.users.modify(idOf(former), { admin: true });
    const locked = await room.ben.ask(`!lock ${former.userId}`);
    expect(locked.field.status).toBe('done');
  });
});

describe('passwords and sessions', () => {
  test('a new password ends the sessions of all kinds', async () => {
    const mallory = await server.newUser('mallory');
    const atMas = await server.atMas(mallory);
    await server.mas.addBrowserSession(atMas);
    await server.mas.addOAuthSession(atMas, 'DEVICE0005');
    const { outcome } = await askAndConfirm(room.ana, `!reset-password ${mallory.userId}`);
    expect(outcome.field.status).toBe('done');
    expect(await synapse.devices.list(idOf(mallory))).toEqual([]);
    const query = { userId: atMas.id, status: 'active' } as const;
    expect(await Array.fromAsync(server.api.sessions.browser.all(query))).toEqual([]);
    expect(await Array.fromAsync(server.api.sessions.oauth.all(query))).toEqual([]);
  });

  test('a device that is deleted takes its session along', async () => {
    const mallory = await server.newUser('mallory');
    const { deviceId } = mallory.account;
    await server.mas.addOAuthSession(await server.atMas(mallory), 'DEVICE0006');
    const line = `!delete-device ${mallory.userId} ${deviceId}`;
    const { outcome } = await askAndConfirm(room.ben, line);
    expect(outcome.field.status).toBe('done');
    expect(await synapse.devices.list(idOf(mallory))).toMatchObject([{ deviceId: 'DEVICE0006' }]);
    const sessions = server.api.sessions.compat.all({ userId: (await server.atMas(mallory)).id });
    expect(await Array.fromAsync(sessions)).toMatchObject([{ finishedAt: expect.any(Number) }]);
  });

  test('all sessions of several accounts end together, and never those of an admin', async () => {
    const [mallory, eve, admin] = await Promise.all([
      server.newUser('mallory'),
      server.newUser('eve'),
      server.newUser('admin'),
    ]);
    await server.api.users.setAdmin((await server.atMas(admin)).id, true);
    const users = [mallory, eve, admin].map(({ userId }) => userId).join(' ');
    const { outcome } = await askAndConfirm(room.ben, `!end-sessions ${users}`);
    expect(outcome.field.status).toMatch(/done|partial/u);
    expect(await synapse.devices.list(idOf(mallory))).toEqual([]);
    expect(await synapse.devices.list(idOf(eve))).toEqual([]);
    expect(await synapse.devices.list(idOf(admin))).toHaveLength(1);
  });

  test('are listed, of all kinds, with the connections of their devices', async () => {
    const mallory = await server.newUser('mallory');
    const atMas = await server.atMas(mallory);
    await server.mas.addBrowserSession(atMas);
    await server.mas.addOAuthSession(atMas, 'DEVICE0007');
    await server.api.personalSessions.create({
      actorId: atMas.id,
      name: 'script',
      scope: ['urn:matrix:client:api:*'],
      expiresInS: 3600,
    });
    const listed = await room.ben.ask(`!sessions ${mallory.userId}`);
    expect(listed.body).toContain(`4 sessions of`);
    const { rows } = listed.field.data as { rows: object[] };
    expect(rows).toEqual(
      expect.arrayContaining(
        [
          { kind: 'browser', device_id: null },
          { kind: 'oauth', device_id: 'DEVICE0007' },
          { kind: 'compat', device_id: mallory.account.deviceId },
          { kind: 'personal', name: 'script', expires_ts: expect.any(Number) as number },
        ].map((row) => expect.objectContaining(row) as object),
      ),
    );
    const devices = await room.ben.ask(`!devices ${mallory.userId}`);
    expect(devices.body).toContain('2 devices of');
    expect((await room.ben.ask(`!whois ${mallory.userId}`)).field.status).toBe('done');
  });

  test('acting as somebody takes a personal session that expires', async () => {
    const mallory = await server.newUser('mallory');
    const { outcome } = await askAndConfirm(room.ana, `!login-as ${mallory.userId} --for 30m`);
    expect(outcome.field.status).toBe('done');
    const { id: actorId } = await server.atMas(mallory);
    const [session] = await Array.fromAsync(server.api.personalSessions.all({ actorId }));
    expect(session?.scope).not.toContain('urn:synapse:admin:*');
    expect((session?.expiresAt ?? 0) - Date.now()).toBeLessThanOrEqual(1_800_000);
  });
});

describe('admin rights', () => {
  test('are granted and revoked at MAS, with the sessions that have them', async () => {
    const mallory = await server.newUser('mallory');
    const granted = await askAndConfirm(room.ana, `!admin ${mallory.userId} --grant`);
    expect(granted.outcome.field.status).toBe('done');
    expect(await server.atMas(mallory)).toMatchObject({ admin: true });
    const { id: actorId } = await server.atMas(mallory);
    await server.api.personalSessions.create({
      actorId,
      name: 'tool',
      scope: ['urn:matrix:client:api:*', 'urn:mas:admin'],
    });
    const revoked = await askAndConfirm(room.ana, `!admin ${mallory.userId} --revoke`);
    expect(revoked.outcome.field.status).toBe('done');
    expect(await server.atMas(mallory)).toMatchObject({ admin: false });
    const sessions = server.api.personalSessions.all({ actorId, status: 'active' });
    expect(await Array.fromAsync(sessions)).toEqual([]);
    expect((await room.ana.ask(`!admin ${mallory.userId}`)).body).toContain('not a server admin');
  });

  test('show in the list of accounts', async () => {
    const admin = await server.newUser('listed');
    await server.api.users.setAdmin((await server.atMas(admin)).id, true);
    const admins = await room.ana.ask('!users --admins');
    expect(admins.body).toContain(admin.account.localpart);
    const other = await server.newUser('listed');
    const others = await room.ana.ask('!users --no-admins --name listed');
    expect(others.body).toContain(other.userId);
    expect(others.body).not.toContain(admin.userId);
    expect(others.body).toMatch(/^ℹ️ 1 account\b/u);
  });
});

describe('a new account', () => {
  test('is made at MAS with its addresses, and found by them', async () => {
    const localpart = uniqueLocalpart('new');
    const email = `${localpart}@example.org`;
    const created = await room.ana.ask(
      `!create-user ${localpart} --email ${email} --displayname Newcomer`,
    );
    expect(created.field.status).toBe('done');
    const found = await room.ben.ask(`!find-user ${email}`);
    expect(found.body).toContain(localpart);

    const userId = `@${localpart}:${server.homeserver.serverName}`;
    const other = `other-${email}`;
    const edited = await askAndConfirm(room.ana, `!edit-user ${userId} --email ${other}`);
    expect(edited.outcome.field.status).toBe('done');
    const { id } = await server.atMas({ account: { localpart } });
    const emails = server.api.userEmails.all({ userId: id });
    expect(await Array.fromAsync(emails)).toMatchObject([{ email: other }]);
  });
});

describe('registration tokens', () => {
  test('are MAS’s: created, shown, changed, revoked, and restored', async () => {
    const token = uniqueLocalpart('token');
    const created = await room.ana.ask(`!create-token --token ${token} --uses 3`);
    expect(created.field.status).toBe('done');
    expect((await room.ana.ask(`!token ${token}`)).body).toContain('3');
    expect((await room.ana.ask(`!edit-token ${token} --uses 5`)).field.status).toBe('done');
    expect((await room.ana.ask('!tokens')).body).toContain(token);
    await askAndConfirm(room.ana, `!delete-token ${token}`);
    expect(await server.api.registrationTokens.findByText(token)).toMatchObject({
      valid: false,
      usageLimit: 5,
    });
    expect((await room.ana.ask('!tokens')).body).not.toContain(token);
    await room.ana.ask(`!create-token --token ${token}`);
    expect(await server.api.registrationTokens.findByText(token)).toMatchObject({
      valid: true,
      usageLimit: null,
    });
  });
});

describe('what can’t work', () => {
  test('says so before anything is asked', async () => {
    const [mallory, other] = await Promise.all([server.newUser(), server.newUser()]);
    for (const line of [
      `!shadow-ban ${mallory.userId}`,
      `!shadow-ban ${mallory.userId} ${other.userId}`,
      `!add-device ${mallory.userId} BRIDGE1`,
    ]) {
      const refused = await room.ben.ask(line);
      expect(refused.field).toMatchObject({ error: { code: 'state' } });
      expect(refused.body).toContain('Matrix Authentication Service');
    }
  });
});

describe('the start', () => {
  /** Why a bot with these settings, and this token, does not start. */
  async function faultOf(mas: WrittenConfig['mas'], accessToken = room.bot.account.accessToken) {
    const config = configSchema.parse({
      homeserver: { url: server.homeserver.url, accessToken },
      mas,
      managementRoom: room.id,
    });
    const stop = new AbortController();
    const moves = createMoves({ get: async () => undefined, set: async () => undefined });
    const error: unknown = await checkSetup(config, createClient(config, stop.signal), moves).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    stop.abort();
    if (!(error instanceof SetupError)) {
      throw new TypeError(`not an error of the set-up: ${String(error)}`);
    }
    return `${error.message}\n${error.advice ?? ''}`;
  }

  test('says what is missing, and which lines of MAS’s configuration to add', async () => {
    const { url, client } = server.mas;
    expect(await faultOf(undefined)).toMatch(/delegates accounts .*no mas\.url[^]*admin_clients:/u);
    expect(await faultOf({ url, ...client, clientSecret: 'wrong' })).toMatch(
      /MAS_INVALID_CLIENT[^]*client_secret_basic/u,
    );
    // The bot's token for Synapse alone.
    expect(await faultOf({ url })).toMatch(/MAS_TOKEN_REFUSED[^]*urn:mas:admin/u);
    expect(await faultOf({ url: server.homeserver.url, ...client })).toContain('adminapi');
    const ordinary = await server.newUser();
    expect(await faultOf({ url, ...client }, ordinary.account.accessToken)).toMatch(
      /urn:synapse:admin:\*[^]*issue-compatibility-token/u,
    );
  });

  test('refuses MAS for a homeserver that keeps its accounts itself', async () => {
    const config = configSchema.parse({
      homeserver: { url: plainHomeserver().url, accessToken: plainHomeserver().admin.accessToken },
      mas: { url: server.mas.url },
      managementRoom: room.id,
    });
    await expect(askDelegation(config)).rejects.toThrow('does not delegate accounts');
  });
});

describe('a token of MAS that is revoked', () => {
  test('is told in the room, and again when it works', async () => {
    let isRevoked = true;
    const told: string[] = [];
    const watch = watchMas({
      mas: {
        server: {
          ...server.api.server,
          async version() {
            if (isRevoked) {
              throw new MasError(401, 'MAS_TOKEN_REFUSED', 'GET /api/admin/v1/version');
            }
            return 'v1.22.0';
          },
        },
      },
      log: { error: () => undefined, warn: () => undefined },
      intervalMs: 10,
      alarm: async (_name, { title }) => void told.push(JSON.stringify(title)),
    });
    watch.start();
    await vi.waitUntil(() => told.length === 1);
    expect(watch.fault()).toContain('MAS_TOKEN_REFUSED');
    isRevoked = false;
    await vi.waitUntil(() => told.length === 2);
    expect(watch.fault()).toBeUndefined();
    expect(told[1]).toContain('accepts me again');
    await watch.stop();
  });
});

test('status says who keeps the accounts', async () => {
  const version = (await server.api.server.version()).replace(/^v/u, '');
  expect((await room.vic.ask('!status')).body).toContain(`accounts by MAS ${version}`);
});

describe('a report', () => {
  test('is handled by a rule', async () => {
    const [mallory, admin, ...reporters] = await Promise.all(
      ['mallory', 'admin', 'one', 'two', 'three'].map(async (name) => server.newUser(name)),
    );
    if (mallory === undefined || admin === undefined) {
      throw new TypeError('five accounts were made');
    }
    const areOldAt = Date.now() + 1000;
    const reporting = await server.openRoom(
      {
        reports: {
          enabled: true,
          rules: [
            {
              name: 'mass-reported',
              when: {
                distinctReporters: { atLeast: 3, within: '1h' },
                // By default, reports by accounts that are as new as these don't count.
                reporterAccountAge: { atLeast: '1s' },
                sender: 'local',
              },
              then: ['lock {sender}'],
              mode: 'act',
            },
          ],
        },
      },
      { pollIntervalMs: 500 },
    );
    try {
      await server.api.users.setAdmin((await server.atMas(admin)).id, true);
      const lobby = await mallory.createRoom({ preset: 'public_chat' });
      await Promise.all([admin, ...reporters].map(async (one) => one.join(lobby)));
      const byAdmin = await admin.sendText(lobby, 'no spam here');
      const spam = await mallory.sendText(lobby, 'cheap pills');
      // Only then do their reports count.
      await vi.waitUntil(() => Date.now() > areOldAt);
      for (const event of [byAdmin, spam]) {
        for (const reporter of reporters) {
          await reporter.reportEvent(lobby, event, { reason: 'spam' });
        }
      }
      const card = await cardOf(reporting.ana, spam, ({ body }) => body.startsWith('✅'));
      expect(card.body).toContain('resolved by rule mass-reported');
      expect((await server.atMas(mallory)).lockedAt).not.toBeNull();
      const other = await cardOf(reporting.ana, byAdmin);
      // A shadow-ban has no effect here.
      expect(other.body).toContain('🔨 deactivate');
      expect(other.body).not.toContain('shadow-ban');
      // Rules keep off the admins of MAS.
      await reporting.ana.until('the refusal', () =>
        reporting.ana.inThread(other.event).find(({ field }) => field.error?.code === 'protected'),
      );
      expect((await server.atMas(admin)).lockedAt).toBeNull();
      const line = `!redact-user ${reporters[0]?.userId ?? ''}`;
      const { outcome } = await askAndConfirm(reporting.ben, line);
      expect(outcome.body).toContain('!suspend');
      expect(outcome.body).not.toContain('shadow-ban');
    } finally {
      await reporting.close();
    }
  });
});

describe('a process that is killed between MAS’s answer and Synapse’s state', () => {
  test('leads to one call and a true answer', async () => {
    const mallory = await server.newUser('mallory');
    await room.stopBot();
    const bot = await startBotProcess(room.folder, asWritten(room.config));
    const release = server.mas.holdJobs();
    const command = await room.ben.say(`!lock ${mallory.userId}`);
    await vi.waitUntil(async () => (await server.atMas(mallory)).lockedAt !== null, 20_000);
    await bot.kill();
    expect(await synapse.users.get(idOf(mallory))).toMatchObject({ locked: false });

    await room.startBot();
    const answer = await room.ben.answerTo(command);
    release();
    expect((await room.ben.outcomeOf(answer, 'done', 'failed')).field.status).toBe('done');
    expect(await synapse.users.get(idOf(mallory))).toMatchObject({ locked: true });
    expect(room.ben.answersTo(command)).toHaveLength(1);
  });
});
