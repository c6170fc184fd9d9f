import { randomInt } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, idOf, newRoom, newUser, unknownUserId } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

const { users, devices } = adminApi();

describe('edit-user', () => {
  it('changes what is asked for, shows before and after, and is taken back', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    const name = mallory.account.localpart;
    const { confirmation, outcome: changed } = await askAndConfirm(
      room.ben,
      `!edit-user ${mallory.userId} --displayname "Mal <b>" --avatar-url mxc://localhost/abc --user-type bot --email ${name}@new.example --external-id idp:${name} --reason test`,
    );
    expect(confirmation.body).toContain(
      'Anyone with access to the new address or login can get into',
    );
    expect(changed.field).toMatchObject({ command: 'edit-user', status: 'done' });
    expect(changed.body).toContain('✅ Changed Mal <b>');
    expect(changed.body).toContain('Name: Mallory → Mal <b>');
    expect(await users.get(idOf(mallory))).toMatchObject({
      displayname: 'Mal <b>',
      avatarUrl: 'mxc://localhost/abc',
      userType: 'bot',
      threepids: [{ address: `${name}@new.example` }],
      externalIds: [{ authProvider: 'idp', externalId: name }],
    });

    const undone = await room.ben.ask(`!undo ${changed.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'edit-user', status: 'done' });
    const after = await users.get(idOf(mallory));
    expect(after).toMatchObject({ displayname: 'Mallory', userType: null });
    expect(after).toMatchObject({ threepids: [], externalIds: [] });
    expect(after.avatarUrl ?? '').toBe('');
    await expect(mallory.whoami()).resolves.toMatchObject({ user_id: mallory.userId });
  });

  it('asks with how long it lasts, and makes no link of anybody’s name', async () => {
    const mallory = await newUser('mallory', { displayName: 'Evil https://x.example' });
    const confirmation = await room.ana.ask(
      `!edit-user ${mallory.userId} --logout-devices --displayname Mal --for 3d`,
    );
    expect(confirmation.field.status).toBe('pending');
    expect(confirmation.body.split('\n')[0]).toMatch(/ for 3 days\?$/u);
    expect(confirmation.body).toContain('x[.]example');
    expect(confirmation.body).not.toContain('x.example');
    const dry = await room.ana.ask(
      `!edit-user ${mallory.userId} --displayname M --for 3d --dry-run`,
    );
    expect(dry.body.split('\n')[0]).toMatch(/ for 3 days$/u);
    await room.ana.ask(`!cancel ${confirmation.field.confirmation?.code}`);
  });

  it('changes no name that the rooms of a suspended account would not show', async () => {
    const mallory = await newUser('mallory', { displayName: 'Bad name' });
    const place = await newRoom(mallory);
    await users.setSuspended(idOf(mallory), true);
    const line = `!edit-user ${mallory.userId} --displayname Mallory`;
    const refused = await room.ana.ask(line);
    expect(refused.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(refused.body).toContain('is suspended: 1 room would keep showing the old name');
    expect(await users.get(idOf(mallory))).toMatchObject({ displayname: 'Bad name' });

    for (const typed of [`!lock ${mallory.userId}`, `!unsuspend ${mallory.userId}`, line]) {
      expect((await room.ana.ask(typed)).field.status).toBe('done');
    }
    const eve = await newUser('eve');
    await eve.join(place);
    const member = `rooms/${encodeURIComponent(place)}/state/m.room.member/${encodeURIComponent(mallory.userId)}`;
    const nameShown = async () =>
      (await eve.request<{ displayname: string }>('GET', `/_matrix/client/v3/${member}`))
        .displayname;
    await expect.poll(nameShown).toBe('Mallory');
  });

  it('changes the name of a suspended account that is in no room', async () => {
    const mallory = await newUser('mallory', { displayName: 'Bad name' });
    await users.setSuspended(idOf(mallory), true);
    const changed = await room.ana.ask(`!edit-user ${mallory.userId} --displayname Mallory`);
    expect(changed.field.status).toBe('done');
    expect(await users.get(idOf(mallory))).toMatchObject({ displayname: 'Mallory' });
  });

  it('replaces all e-mail addresses, and leaves the phone numbers', async () => {
    const mallory = await newUser('mallory');
    const name = mallory.account.localpart;
    const phone = `44${randomInt(1e9, 1e10)}`;
    await users.modify(idOf(mallory), {
      threepids: [
        { medium: 'email', address: `${name}@one.example` },
        { medium: 'email', address: `${name}@two.example` },
        { medium: 'msisdn', address: phone },
      ],
    });
    const line = `!edit-user ${mallory.userId} --email ${name}@ONE.example --email ${name}@three.example`;
    const dry = await room.ana.ask(`${line} --dry-run`);
    expect(dry.field.status).toBe('dry_run');
    expect(dry.body).toContain(`${name}@one.example, ${name}@two.example`);
    expect(dry.body).toContain('Replaces all e-mail addresses.');
    const { outcome: changed } = await askAndConfirm(room.ana, line);
    expect(changed.field.status).toBe('done');
    const { threepids } = await users.get(idOf(mallory));
    expect(threepids.map(({ address }) => address).sort()).toEqual(
      [phone, `${name}@one.example`, `${name}@three.example`].sort(),
    );

    const cleared = await room.ana.ask(`!edit-user ${mallory.userId} --clear-email --clear-phone`);
    expect(cleared.field.status).toBe('done');
    expect((await users.get(idOf(mallory))).threepids).toEqual([]);
    await askAndConfirm(room.ana, `!undo ${cleared.field.audit[0]}`);
    expect((await users.get(idOf(mallory))).threepids).toHaveLength(3);
  });

  it('takes no address away from another account', async () => {
    const [owner, thief] = await Promise.all([newUser('owner'), newUser('thief')]);
    const email = `${owner.account.localpart}@owned.example`;
    await users.modify(idOf(owner), { threepids: [{ medium: 'email', address: email }] });
    const answer = await room.ana.ask(`!edit-user ${thief.userId} --email ${email}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain(`belongs to ${owner.userId}`);
    expect((await users.get(idOf(owner))).threepids).toHaveLength(1);
  });

  it('changes the account of a spammer who has used up their messages', async () => {
    const mallory = await newUser('mallory');
    await newRoom(mallory);
    await users.setRatelimit(idOf(mallory), { messagesPerSecond: 1, burstCount: 0 });
    const answer = await room.ana.ask(
      `!edit-user ${mallory.userId} --user-type support --displayname Tamed`,
    );
    expect(answer.field.status).toMatch(/^(?:done|partial)$/u);
    const after = await users.get(idOf(mallory));
    expect(after.userType).toBe('support');
    expect(answer.field.status === 'done').toBe(after.displayname === 'Tamed');
  }, 60_000);

  it('makes a server admin, and no longer, after a confirmation to an admin', async () => {
    const mallory = await newUser('mallory');
    const denied = await room.ben.ask(`!edit-user ${mallory.userId} --admin`);
    expect(denied.field.status).toBe('denied');
    const { confirmation, outcome } = await askAndConfirm(
      room.ana,
      `!edit-user ${mallory.userId} --admin`,
    );
    expect(confirmation.body).toContain('can read, change and delete everything');
    expect(outcome.field.data).toMatchObject({ admin: true });
    const revoked = await askAndConfirm(room.ana, `!edit-user ${mallory.userId} --no-admin`);
    expect(revoked.confirmation.body).toMatch(/will be (?:the only server admin )?left/u);
    expect(await users.get(idOf(mallory))).toMatchObject({ admin: false });
  });

  it('logs all devices out on demand, after a confirmation', async () => {
    const mallory = await newUser('mallory');
    await devices.create(idOf(mallory), 'SECOND');
    const { confirmation, outcome } = await askAndConfirm(
      room.ben,
      `!edit-user ${mallory.userId} --logout-devices --displayname Gone`,
    );
    expect(confirmation.body).toContain('Will: log out 2 devices');
    expect(outcome.body).toContain('2 devices logged out');
    await expect(mallory.whoami()).rejects.toMatchObject({ status: 401 });
    expect(await users.get(idOf(mallory))).toMatchObject({ displayname: 'Gone' });
    const none = await room.ben.ask(`!undo ${outcome.field.audit[0]}`);
    expect(none.body).toContain('can’t be undone');
  });

  it('makes a deactivated account active again', async () => {
    const mallory = await newUser('mallory');
    await users.deactivate(idOf(mallory), { erase: false });
    const answer = await room.ana.ask(`!edit-user ${mallory.userId} --reactivate`);
    expect(answer.field.status).toBe('done');
    expect(answer.body).toContain('no password');
    expect(await users.get(idOf(mallory))).toMatchObject({ deactivated: false });
  });

  it('says what it can’t read, and calls nothing', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    for (const [flags, message] of [
      ['', 'Nothing to change'],
      ['--email nobody', 'is not an e-mail address'],
      ['--phone 0123', 'is not a phone number'],
      ['--external-id nobody', 'is not in the form PROVIDER:ID'],
      ['--avatar-url https://example.com/x.png', 'is not an mxc address'],
      ['--user-type bot --clear-type', 'contradicts'],
      [`--displayname ${'x'.repeat(257)}`, 'The limit is 256'],
    ] as const) {
      const answer = await room.ana.ask(`!edit-user ${mallory.userId} ${flags}`);
      expect(answer.field).toMatchObject({ status: 'usage', audit: [] });
      expect(answer.body).toContain(message);
    }
    const same = await room.ana.ask(`!edit-user ${mallory.userId} --displayname Mallory`);
    expect(same.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
  });

  it('makes no account by a typing error, and keeps off those who are protected', async () => {
    const nobody = unknownUserId();
    const unknown = await room.ana.ask(`!edit-user ${nobody} --displayname X`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    expect(await users.find(nobody)).toBeUndefined();
    const remote = await room.ana.ask('!edit-user @mallory:remote.example --displayname X');
    expect(remote.field.error?.code).toBe('remote_user');
    for (const flags of ['--email a@b.example', '--displayname X', '--logout-devices']) {
      const answer = await room.ana.ask(`!edit-user ${room.ben.user.userId} ${flags}`);
      expect(answer.field.status).toBe('protected');
    }
    const bot = await room.ana.ask(`!edit-user ${room.bot.userId} --no-admin`);
    expect(bot.field.status).toBe('protected');
  });
});

describe('admin', () => {
  it('says who is a server admin', async () => {
    const mallory = await newUser('mallory');
    const plain = await room.vic.ask(`!admin ${mallory.userId}`);
    expect(plain.field).toMatchObject({ status: 'done', audit: [], data: { admin: false } });
    expect(plain.body).toContain('is not a server admin');
    const bot = await room.vic.ask(`!admin ${room.bot.userId}`);
    expect(bot.field.data).toMatchObject({ user_id: room.bot.userId, admin: true });
  });

  it('grants and revokes, each after a confirmation, and is taken back', async () => {
    const mallory = await newUser('mallory');
    const granted = await askAndConfirm(room.ana, `!admin ${mallory.userId} --grant`);
    expect(granted.confirmation.body).toContain(`${mallory.userId} a server admin?`);
    expect(granted.outcome.field.data).toMatchObject({ admin: true });
    await expect(adminApi(mallory.account.accessToken).users.list({})).resolves.toBeDefined();

    const twice = await room.ana.ask(`!admin ${mallory.userId} --grant`);
    expect(twice.field).toMatchObject({ status: 'failed', error: { code: 'state' } });

    const undo = await room.ana.ask(`!undo ${granted.outcome.field.audit[0]}`);
    expect(undo.field).toMatchObject({ command: 'admin', status: 'pending' });
    expect(undo.body).toMatch(/will be (?:the only server admin )?left/u);
    await room.ana.ask('!confirm');
    const revoked = await room.ana.outcomeOf(undo, 'done');
    expect(revoked.body).toContain('No longer a server admin');
    await expect(users.getAdmin(idOf(mallory))).resolves.toBe(false);
    const never = await room.ana.ask(`!admin ${mallory.userId} --revoke`);
    expect(never.field.error?.code).toBe('state');
  });

  it('can make a moderator an admin, and never revokes the bot', async () => {
    const { outcome } = await askAndConfirm(room.ana, `!admin ${room.vic.user.userId} --grant`);
    expect(outcome.field.status).toBe('done');
    await askAndConfirm(room.ana, `!admin ${room.vic.user.userId} --revoke`);
    for (const flag of ['', ' --override-protection']) {
      const bot = await room.ana.ask(`!admin ${room.bot.userId} --revoke${flag}`);
      expect(bot.field.status).toBe('protected');
    }
    await expect(users.getAdmin(idOf(room.bot))).resolves.toBe(true);
  });

  it('is refused to moderators, and for accounts that are not there', async () => {
    const mallory = await newUser('mallory');
    const denied = await room.ben.ask(`!admin ${mallory.userId} --grant`);
    expect(denied.field.status).toBe('denied');
    const both = await room.ana.ask(`!admin ${mallory.userId} --grant --revoke`);
    expect(both.field).toMatchObject({ status: 'usage', audit: [] });
    const unknown = await room.ana.ask(`!admin ${unknownUserId()}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    const remote = await room.ana.ask('!admin @mallory:remote.example --grant');
    expect(remote.field.error?.code).toBe('remote_user');
    await users.deactivate(idOf(mallory), { erase: false });
    const deactivated = await room.ana.ask(`!admin ${mallory.userId} --grant`);
    expect(deactivated.field.error?.code).toBe('state');
  });
});
