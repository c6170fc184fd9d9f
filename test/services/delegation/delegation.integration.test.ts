import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { startDelegatedServer } from '../../support/delegated-room.ts';
import type { DelegatedServer } from '../../support/delegated-room.ts';
import { idOf } from '../../support/homeserver.ts';
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
});
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

  test('that only Synapse knows is shown and deactivated there', async () => {
    const bridged = await server.newUser('bridged');
    server.mas.forget(bridged.account.localpart);
    const shown = await room.ben.ask(`!user ${bridged.userId}`);
    expect(shown.body).toContain('Only Synapse knows this account');
    const { outcome } = await askAndConfirm(room.ben, `!deactivate ${bridged.userId}`);
    expect(outcome.field.status).toBe('done');
    expect(await synapse.users.get(idOf(bridged))).toMatchObject({ deactivated: true });
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
    for (const command of ['deactivate', 'lock', 'suspend', 'shadow-ban', 'redact-user']) {
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

  test('are not those of Synapse’s own column', async () => {
    const former = await server.newUser('former');
    await synapse.users.modify(idOf(former), { admin: true });
    const locked = await room.ben.ask(`!lock ${former.userId}`);
    expect(locked.field.status).toBe('done');
  });
});
