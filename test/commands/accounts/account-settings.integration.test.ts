import { randomBytes } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { masStartLimitMs } from '../../../dev/mas/delegated-homeserver.ts';
import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { openCutOffRoom } from '../../support/cut-off.ts';
import { startDelegatedServer } from '../../support/delegated-room.ts';
import type { DelegatedServer } from '../../support/delegated-room.ts';
import {
  adminApi,
  asUserId,
  idOf,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { users } = adminApi();

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** Uploads a new master key, which needs a password if there is one already. */
async function replaceMasterKey(user: MatrixUser): Promise<unknown> {
  const key = randomBytes(32).toString('base64').replaceAll('=', '');
  return user.request('POST', '/_matrix/client/v3/keys/device_signing/upload', {
    json: {
      master_key: { user_id: user.userId, usage: ['master'], keys: { [`ed25519:${key}`]: key } },
    },
  });
}

describe('allow-cross-signing-reset', () => {
  let server: DelegatedServer;
  let delegated: TestRoom;
  beforeAll(async () => {
    server = await startDelegatedServer();
    delegated = await server.openRoom();
  }, masStartLimitMs);
  afterAll(async () => {
    await delegated?.close();
    await server?.stop();
  });

  it('lets somebody replace their keys for a while', async () => {
    const { ben } = delegated;
    const vera = await server.newUser('vera');
    await replaceMasterKey(vera);
    await expect(replaceMasterKey(vera)).rejects.toMatchObject({ status: 401 });

    const line = `!allow-cross-signing-reset ${vera.userId}`;
    const dryRun = await ben.ask(`${line} --dry-run`);
    expect(dryRun.field.status).toBe('dry_run');
    await expect(replaceMasterKey(vera)).rejects.toMatchObject({ status: 401 });

    const allowed = await ben.ask(`${line} --reason "lost her recovery key"`);
    expect(allowed.field).toMatchObject({ status: 'done', data: { user_id: vera.userId } });
    expect(allowed.field.audit).toHaveLength(1);
    expect(allowed.body).toContain('Allowed a reset of the cross-signing keys of');
    expect(allowed.body).toMatch(/It ends in \d+ minutes/u);
    await replaceMasterKey(vera);
    const undone = await ben.ask(`!undo ${allowed.field.audit[0]}`);
    expect(undone.body).toContain('can’t be undone');
  });

  it('says who has no keys, and refuses protected, unknown and remote accounts', async () => {
    const { ana, ben, vic } = delegated;
    const keyless = await server.newUser();
    const none = await ben.ask(`!allow-cross-signing-reset ${keyless.userId}`);
    expect(none.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(none.body).toContain('has no cross-signing keys');
    const own = await ben.ask(`!allow-cross-signing-reset ${ana.user.userId}`);
    expect(own.field.status).toBe('protected');
    const unknown = await ben.ask(`!allow-cross-signing-reset ${unknownUserId()}`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_user' } });
    const remote = await ben.ask('!allow-cross-signing-reset @a:remote.example');
    expect(remote.field).toMatchObject({ error: { code: 'remote_user' } });
    const viewer = await vic.ask(`!allow-cross-signing-reset ${keyless.userId}`);
    expect(viewer.field.status).toBe('denied');
  });

  it('is refused where it would have no effect', async () => {
    const vera = await newUser('vera');
    const answer = await room.ben.ask(`!allow-cross-signing-reset ${vera.userId}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('this homeserver keeps passwords itself');
  });
});

describe('experimental-features', () => {
  it('shows, enables and disables them, and is taken back exactly', async () => {
    const vera = await newUser('vera');
    const shown = await room.vic.ask(`!experimental-features ${vera.userId}`);
    expect(shown.field).toMatchObject({ status: 'done', audit: [] });
    expect(shown.body).toContain('msc3881 disabled');

    const line = `!experimental-features ${vera.userId} --enable msc3881 --disable msc4222`;
    expect((await room.ben.ask(`${line} --dry-run`)).body).toContain('New: msc3881 enabled');
    const changed = await room.ben.ask(line);
    expect(changed.body).toContain('Changed the experimental features of');
    expect(changed.body).toContain('msc3881 enabled');
    expect((await users.experimentalFeatures(idOf(vera))).get('msc3881')).toBe(true);
    const again = await room.ben.ask(line);
    expect(again.field).toMatchObject({ status: 'failed', error: { code: 'state' } });

    await room.ben.ask(`!undo ${changed.field.audit[0]}`);
    expect((await users.experimentalFeatures(idOf(vera))).get('msc3881')).toBe(false);
  });

  it('names the features that Synapse has, and refuses contradictions', async () => {
    const vera = await newUser('vera');
    const unknown = await room.ben.ask(`!experimental-features ${vera.userId} --enable msc1`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    expect(unknown.body).toContain('It knows msc3881');
    await expect(
      users.setExperimentalFeatures(idOf(vera), new Map([['msc1', true]])),
    ).rejects.toMatchObject({ status: 400 });
    const both = await room.ben.ask(
      `!experimental-features ${vera.userId} --enable msc3881 --disable msc3881`,
    );
    expect(both.field.status).toBe('usage');
    const viewer = await room.vic.ask(`!experimental-features ${vera.userId} --enable msc3881`);
    expect(viewer.field.status).toBe('denied');
    const own = await room.ben.ask(
      `!experimental-features ${room.ana.user.userId} --disable msc3881`,
    );
    expect(own.field.status).toBe('protected');
  });

  it.for(['carried out', 'lost'] as const)('looks whether it was %s', async (how) => {
    const vera = await newUser('vera');
    await using place = await openCutOffRoom();
    const said = await place.cutOff(
      `!experimental-features ${vera.userId} --enable msc3881`,
      ['PUT', /\/experimental_features\//u],
      how,
    );
    await place.room.ana.outcomeOf(
      await place.room.ana.answerTo(said),
      how === 'lost' ? 'failed' : 'done',
    );
    expect((await users.experimentalFeatures(idOf(vera))).get('msc3881')).toBe(how !== 'lost');
  });
});

describe('where Synapse neither expires accounts nor asks for approval', () => {
  it('account-validity says which keys turn that on', async () => {
    const vera = await newUser('vera');
    const answer = await room.ben.ask(`!account-validity ${vera.userId} --expires 30d`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('this homeserver does not expire accounts');
    expect(answer.body).toContain('account_validity.period');
    await expect(users.setValidity(idOf(vera))).rejects.toMatchObject({ status: 500 });
  });

  it('approve and users --waiting-for-approval say so, too', async () => {
    const vera = await newUser('vera');
    const answer = await room.ben.ask(`!approve ${vera.userId}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain('does not ask for approval');
    const list = await room.ben.ask('!users --waiting-for-approval');
    expect(list.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(list.body).toContain('experimental_features.msc3866');
  });
});

describe('users --suspended', () => {
  it('looks every account up, and says so', async () => {
    const name = uniqueLocalpart('suspect');
    const [one, other] = await Promise.all([newUser(name), newUser(name)]);
    await users.setSuspended(idOf(one), true);
    const suspended = await room.vic.ask(`!users --name ${name} --suspended`);
    expect(suspended.field.data).toMatchObject({ total: 1 });
    expect(suspended.body).toContain(one.userId);
    expect(suspended.body).toContain('Synapse can’t filter by --suspended');
    const others = await room.vic.ask(`!users --name ${name} --no-suspended`);
    expect(others.field.data).toMatchObject({ total: 1 });
    expect(others.body).toContain(other.userId);
    const freed = await room.ben.ask(`!unsuspend --matching "--name ${name} --suspended"`);
    expect(freed.body).toContain('1 account');
  });
});

describe('where Synapse expires accounts and asks for approval', () => {
  let server: OwnHomeserver;
  let own: TestRoom;
  let vera: MatrixUser;
  beforeAll(async () => {
    server = await startOwnHomeserver();
    own = await openRoom({}, { server });
    vera = await MatrixUser.register(server, { localpart: uniqueLocalpart('vera') });
    await own.stopBot();
    // From now on, nobody gets a token when they register.
    await server.restart(() => undefined, {
      account_validity: { enabled: true, period: '3w' },
      experimental_features: {
        msc3866: { enabled: true, require_approval_for_new_accounts: true },
      },
    });
    await own.startBot();
  });
  afterAll(async () => {
    await own.close();
    await server.stop();
  });

  const login = async (user: string) =>
    own.vic.user.request('POST', '/_matrix/client/v3/login', {
      json: {
        type: 'm.login.password',
        identifier: { type: 'm.id.user', user },
        password: 'a long password',
      },
    });

  it('account-validity renews an account, or ends it', async () => {
    const whoami = async () => vera.request('GET', '/_matrix/client/v3/account/whoami');
    const renewed = await own.ben.ask(`!account-validity ${vera.userId} --no-emails`);
    expect(renewed.field.status).toBe('done');
    expect(renewed.body).toMatch(/Renewed .*\n.*expires in 3 weeks/u);
    expect(renewed.body).toContain('that time can’t be brought back');
    const set = await own.ben.ask(`!account-validity ${vera.userId} --expires 3d`);
    expect(set.body).toMatch(/Set the expiry of .*\n.*The account expires in 3 days/u);
    await whoami();

    const ended = await own.ben.ask(`!account-validity ${vera.userId} --expires 2026-01-01`);
    expect(ended.body).toContain('Expired now');
    await expect(whoami()).rejects.toMatchObject({ status: 403 });
    const protectedOne = await own.ben.ask(`!account-validity ${own.ana.user.userId}`);
    expect(protectedOne.field.status).toBe('protected');
    const wrong = await own.ben.ask(`!account-validity ${vera.userId} --expires never`);
    expect(wrong.field.status).toBe('usage');
    const viewer = await own.vic.ask(`!account-validity ${vera.userId}`);
    expect(viewer.field.status).toBe('denied');
  });

  it('approve lets somebody log in; undo takes that back', async () => {
    const id = `@${uniqueLocalpart('newcomer')}:${server.serverName}`;
    await own.bot.request('PUT', `/_synapse/admin/v2/users/${encodeURIComponent(id)}`, {
      json: { password: 'a long password', approved: false },
    });
    await expect(login(id)).rejects.toMatchObject({ status: 403 });
    const waiting = await own.vic.ask('!users --waiting-for-approval');
    expect(waiting.field.data).toMatchObject({ total: 1 });
    expect(waiting.body).toContain(id);
    expect(waiting.body).not.toContain('can’t filter');

    const approved = await own.ben.ask(`!approve ${id} --reason "vouched for"`);
    expect(approved.field).toMatchObject({ status: 'done', data: { approved: true } });
    await login(id);
    expect((await own.vic.ask('!users --waiting-for-approval')).field.data).toMatchObject({
      total: 0,
    });

    const undone = await own.ben.ask(`!undo ${approved.field.audit[0]}`);
    expect(undone.body).toContain('No longer approved');
    await expect(login(id)).rejects.toMatchObject({ status: 403 });
    await own.ben.ask(`!approve ${id}`);
    const again = await own.ben.ask(`!approve ${id}`);
    expect(again.body).toContain('Already approved');
    const admin = await own.ben.ask(`!approve ${own.ana.user.userId} --revoke`);
    expect(admin.field.status).toBe('protected');
    const { users: ownUsers } = createAdminApi({
      url: server.url,
      accessToken: own.bot.account.accessToken,
    });
    await expect(
      ownUsers.setApproved(asUserId(`@nobody:${server.serverName}`), true),
    ).rejects.toMatchObject({ status: 404 });
  });
});
