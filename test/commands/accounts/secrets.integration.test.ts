import { randomInt } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { placesOtherThanDirect, readDirectRoom } from '../../support/direct-room.ts';
import {
  adminApi,
  asUserId,
  homeserver,
  idOf,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const { users } = adminApi();

/** The secret about an account that the bot has told somebody alone, and the proof that it did so alone. */
async function secretFor(person: MatrixUser, about: string): Promise<string> {
  const { texts, members } = await readDirectRoom(room, person);
  expect([...members].sort()).toEqual([room.bot.userId, person.userId].sort());
  const told = texts.filter((text) => text.split('\n')[0]?.includes(about));
  expect(told).toHaveLength(1);
  const secret = told[0]?.split('\n')[1] ?? '';
  expect(secret.length).toBeGreaterThan(15);
  expect(await placesOtherThanDirect(room)).not.toContain(secret);
  return secret;
}

/** Logs in with a password, as the account's owner would. */
async function logIn(localpart: string, password: string): Promise<MatrixUser> {
  const { serverName } = homeserver();
  const userId = `@${localpart}:${serverName}`;
  const account = { userId, localpart, password, accessToken: '', deviceId: '' };
  const user = new MatrixUser(homeserver(), account);
  await user.login();
  return user;
}

describe('create-user', () => {
  it('makes an account, and sends its password to the asker alone', async () => {
    const name = uniqueLocalpart('alice');
    const phone = `44${randomInt(1e9, 1e10)}`;
    const answer = await room.ben.ask(
      `!create-user ${name} --displayname "Alice <i>" --email Alice@${name}.example --phone "+44 7470 274584" --external-id idp:${name}`,
    );
    expect(answer.field.status).toBe('usage');
    expect(answer.body).toContain('can’t contain spaces');

    const created = await room.ben.ask(
      `!create-user ${name} --displayname "Alice <i>" --email Alice@${name}.example --phone +${phone.slice(0, 2)}-${phone.slice(2)} --external-id idp:a:${name} --user-type bot --reason new`,
    );
    expect(created.field).toMatchObject({ command: 'create-user', status: 'done' });
    expect(created.body).toContain('✅ Created Alice <i>');
    expect(created.html).toContain('Alice &lt;i&gt;');
    const account = await users.get(asUserId(`@${name}:${homeserver().serverName}`));
    expect(account).toMatchObject({
      displayname: 'Alice <i>',
      admin: false,
      userType: 'bot',
      externalIds: [{ authProvider: 'idp', externalId: `a:${name}` }],
    });
    expect(account.threepids.map(({ address }) => address).sort()).toEqual([
      phone,
      `alice@${name}.example`,
    ]);

    const password = await secretFor(room.ben.user, name);
    await expect(logIn(name, password)).resolves.toBeDefined();
    const twice = await room.ben.ask(`!create-user ${name}`);
    expect(twice.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(twice.body).toContain('already exists');
    await expect(logIn(name, password)).resolves.toBeDefined();
  });

  it('makes a server admin for an admin alone, after a confirmation', async () => {
    const name = uniqueLocalpart('root');
    const denied = await room.ben.ask(`!create-user ${name} --admin`);
    expect(denied.field.status).toBe('denied');
    const { confirmation, outcome } = await askAndConfirm(room.ana, `!create-user ${name} --admin`);
    expect(confirmation.body).toContain('as a server admin?');
    expect(outcome.body).toContain('a server admin');
    expect(await users.get(asUserId(`@${name}:${homeserver().serverName}`))).toMatchObject({
      admin: true,
    });
    await secretFor(room.ana.user, name);
  });

  it('says what is wrong with a name, before anything is asked for', async () => {
    const name = uniqueLocalpart('alice');
    const capitals = await room.ana.ask(`!create-user ${name.toUpperCase()}`);
    expect(capitals.field.status).toBe('usage');
    expect(capitals.body).toContain(`Usernames are lower case: ${name}`);
    for (const wrong of ['_alice', '12345', 'ålice']) {
      const answer = await room.ana.ask(`!create-user ${wrong}`);
      expect(answer.field.status).toBe('usage');
      expect(answer.body).toContain('a–z');
    }
    const remote = await room.ana.ask('!create-user @alice:remote.example');
    expect(remote.field).toMatchObject({ status: 'failed', error: { code: 'remote_user' } });
    const dry = await room.ana.ask(`!create-user ${name} --dry-run`);
    expect(dry.field.status).toBe('dry_run');
    expect(await users.find(asUserId(`@${name}:${homeserver().serverName}`))).toBeUndefined();
  });

  it('takes nothing away from another account', async () => {
    const owner = await newUser('owner');
    const email = `${owner.account.localpart}@owned.example`;
    await users.modify(idOf(owner), {
      threepids: [{ medium: 'email', address: email }],
      externalIds: [{ authProvider: 'idp', externalId: owner.account.localpart }],
    });
    const name = uniqueLocalpart('thief');
    for (const flag of [`--email ${email}`, `--external-id idp:${owner.account.localpart}`]) {
      const answer = await room.ana.ask(`!create-user ${name} ${flag}`);
      expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
      expect(answer.body).toContain(`belongs to ${owner.userId}`);
    }
    expect(await users.find(asUserId(`@${name}:${homeserver().serverName}`))).toBeUndefined();
    expect((await users.get(idOf(owner))).threepids).toHaveLength(1);
  });

  it('refuses a type that the server does not know', async () => {
    const name = uniqueLocalpart('alice');
    const answer = await room.ana.ask(`!create-user ${name} --user-type nosuch`);
    expect(answer.field.status).toBe('failed');
    expect(await users.find(asUserId(`@${name}:${homeserver().serverName}`))).toBeUndefined();
  });

  it('refuses the name of a deactivated account, and says how it comes back', async () => {
    const gone = await newUser('gone');
    await users.deactivate(idOf(gone), { erase: false });
    const answer = await room.ana.ask(`!create-user ${gone.userId}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain(`!reactivate ${gone.userId}`);
  });
});

describe('reset-password', () => {
  it('replaces the password, logs out, and tells the asker alone', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    const { confirmation, outcome } = await askAndConfirm(
      room.ana,
      `!reset-password ${mallory.userId} --reason stolen`,
    );
    expect(confirmation.body).toContain('Will: log out 1 device, send the password only to @ana-');
    expect(outcome.body).toContain('✅ Reset the password of Mallory');
    const password = await secretFor(room.ana.user, mallory.userId);
    await expect(mallory.whoami()).rejects.toMatchObject({ status: 401 });
    await expect(mallory.login()).rejects.toMatchObject({ status: 403 });
    await expect(mallory.login(password)).resolves.toBeDefined();
  });

  it('leaves devices logged in with --no-logout', async () => {
    const mallory = await newUser('mallory');
    const { confirmation } = await askAndConfirm(
      room.ben,
      `!reset-password ${mallory.userId} --no-logout`,
    );
    expect(confirmation.body).toContain('leave 1 device logged in');
    await expect(mallory.whoami()).resolves.toMatchObject({ user_id: mallory.userId });
    await expect(
      mallory.login(await secretFor(room.ben.user, mallory.userId)),
    ).resolves.toBeDefined();
  });

  it('is refused for whom it must not or can’t be done', async () => {
    const gone = await newUser('gone');
    await users.deactivate(idOf(gone), { erase: false });
    const deactivated = await room.ana.ask(`!reset-password ${gone.userId}`);
    expect(deactivated.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    const bot = await room.ana.ask(`!reset-password ${room.bot.userId}`);
    expect(bot.field.status).toBe('protected');
    const unknown = await room.ana.ask(`!reset-password ${unknownUserId()}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    const remote = await room.ana.ask('!reset-password @mallory:remote.example');
    expect(remote.field.error?.code).toBe('remote_user');
    const viewer = await room.vic.ask(`!reset-password ${gone.userId}`);
    expect(viewer.field.status).toBe('denied');
  });
});

describe('login-as', () => {
  it('sends a token that dies to the asker alone', async () => {
    const mallory = await newUser('mallory');
    const { confirmation, outcome } = await askAndConfirm(room.ana, `!login-as ${mallory.userId}`);
    expect(confirmation.body).toContain('for 1 hour?');
    expect(outcome.body).toContain('It works until');
    const { valid_until_ms: until } = outcome.field.data as { valid_until_ms: number };
    expect(until).toBeGreaterThan(Date.now() + 3_500_000);
    expect(until).toBeLessThan(Date.now() + 3_700_000);
    const accessToken = await secretFor(room.ana.user, mallory.userId);
    const asMallory = new MatrixUser(homeserver(), { ...mallory.account, accessToken });
    await expect(asMallory.whoami()).resolves.toMatchObject({ user_id: mallory.userId });
  });

  it('is for admins, about those who are not protected, and not for long', async () => {
    const mallory = await newUser('mallory');
    const denied = await room.ben.ask(`!login-as ${mallory.userId}`);
    expect(denied.field.status).toBe('denied');
    const long = await room.ana.ask(`!login-as ${mallory.userId} --for 2d`);
    expect(long.field.status).toBe('usage');
    expect(long.body).toContain('At most 24h');
    const moderator = await room.ana.ask(`!login-as ${room.ben.user.userId}`);
    expect(moderator.field.status).toBe('protected');
    const unknown = await room.ana.ask(`!login-as ${unknownUserId()}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    await users.setLocked(idOf(mallory), true);
    const locked = await room.ana.ask(`!login-as ${mallory.userId}`);
    expect(locked.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
  });

  it('warns that it also works for a deactivated account', async () => {
    const gone = await newUser('gone');
    await users.deactivate(idOf(gone), { erase: false });
    const confirmation = await room.ana.ask(`!login-as ${gone.userId}`);
    expect(confirmation.body).toContain('although the account is deactivated');
    await room.ana.ask(`!cancel ${confirmation.field.confirmation?.code}`);
  });
});
