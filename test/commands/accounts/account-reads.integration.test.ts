import { randomInt } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import { fileBehind } from '../../support/file-behind.ts';
import {
  adminApi,
  idOf,
  newRoom,
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

async function setAccountData(user: MatrixUser, type: string, content: object): Promise<void> {
  const path = `/_matrix/client/v3/user/${encodeURIComponent(user.userId)}/account_data/${encodeURIComponent(type)}`;
  await user.request('PUT', path, { json: content });
}

describe('joined-rooms', () => {
  it('names the rooms of an account, page by page', async () => {
    const mallory = await newUser('mallory');
    const rooms = [
      await newRoom(mallory, { name: 'Den <b>' }),
      await newRoom(mallory, { name: 'Other' }),
    ];
    const first = await room.vic.ask(`!joined-rooms ${mallory.userId} --limit 1`);
    expect(first.body).toContain(`2 rooms of ${mallory.userId}, 1 shown`);
    const second = await room.vic.ask('!more');
    const seen = [first, second].flatMap(
      ({ field }) => (field.data as { rows: { room_id: string; name: string }[] }).rows,
    );
    expect(seen.map(({ room_id: id }) => id).sort()).toEqual(rooms.sort());
    expect(seen.map(({ name }) => name).sort()).toEqual(['Den <b>', 'Other']);
    expect(`${first.html}${second.html}`).toContain('Den &lt;b&gt;');
  });

  it('tells unknown from remote, though Synapse does not', async () => {
    const unknown = await room.ana.ask(`!joined-rooms ${unknownUserId()}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    const remote = await room.ana.ask('!joined-rooms @mallory:remote.example');
    expect(remote.field).toMatchObject({ status: 'done', data: { total: 0 } });
    expect(remote.body).toContain('shares no room with @mallory:remote.example');
    const malformed = await room.ana.ask('!joined-rooms @mallory:a:b:c');
    expect(malformed.field.status).toBe('usage');
  });
});

/** The rows of a list's answer, as programs read them. */
const rowsOf = ({ field }: { readonly field: { readonly data?: unknown } }) =>
  (field.data as { rows: { room_id: string; name: string | null; membership: string }[] }).rows;

describe('memberships', () => {
  let mallory: MatrixUser;
  let host: MatrixUser;
  beforeAll(async () => {
    [mallory, host] = await Promise.all([
      newUser('mallory', { displayName: 'Mallory' }),
      newUser(),
    ]);
    const open = async (name: string) => newRoom(host, { name, preset: 'public_chat' });
    const act = async (place: string, action: string) =>
      host.request('POST', `/_matrix/client/v3/rooms/${encodeURIComponent(place)}/${action}`, {
        json: { user_id: mallory.userId },
      });
    await mallory.join(await open('Joined <b>'));
    const left = await open('Left');
    await mallory.join(left);
    await mallory.leave(left);
    const kicked = await open('Kicked');
    await mallory.join(kicked);
    await act(kicked, 'kick');
    await act(await open('Banned'), 'ban');
    await host.invite(
      await newRoom(host, { name: 'Invited', preset: 'private_chat' }),
      mallory.userId,
    );
    const declined = await newRoom(host, { name: 'Declined', preset: 'private_chat' });
    await host.invite(declined, mallory.userId);
    await mallory.leave(declined);
    const knock = { type: 'm.room.join_rules', state_key: '', content: { join_rule: 'knock' } };
    const knocked = await newRoom(host, { name: 'Knocked', initial_state: [knock] });
    await mallory.request('POST', `/_matrix/client/v3/knock/${encodeURIComponent(knocked)}`, {
      json: {},
    });
  });

  it('names the rooms of each kind, those that matter first', async () => {
    const answer = await room.vic.ask(`!memberships ${mallory.userId}`);
    expect(answer.field).toMatchObject({ status: 'done', data: { total: 7 } });
    expect(answer.body).toContain(
      `7 rooms of Mallory ${mallory.userId} (1 joined, 1 invited, 1 knocked, 1 banned, 3 left)`,
    );
    const found = rowsOf(answer).map(({ name, membership }) => `${membership} ${name}`);
    expect(found.slice(0, 4)).toEqual([
      'join Joined <b>',
      'invite Invited',
      'knock Knocked',
      'ban Banned',
    ]);
    expect(found.slice(4).sort()).toEqual(['leave Declined', 'leave Kicked', 'leave Left']);
    expect(answer.html).toContain('Joined &lt;b&gt;');
    expect(answer.body).toMatch(/Banned.*banned/u);
  });

  it('shows one kind, page by page, and as a file', async () => {
    const first = await room.vic.ask(`!memberships ${mallory.userId} --membership left --limit 2`);
    expect(first.body).toContain(`(3 left), 2 shown`);
    const second = await room.vic.ask('!more');
    const seen = [first, second].flatMap(rowsOf);
    expect(seen).toHaveLength(3);
    expect(new Set(seen.map(({ name }) => name))).toEqual(new Set(['Declined', 'Kicked', 'Left']));
    const file = await room.ana.ask(`!memberships ${mallory.userId} banned --format csv`);
    expect(file.body).toContain('1 row in memberships.csv');
    const [header, row] = (await fileBehind(room.ana, 'memberships.csv')).split('\n');
    expect(header).toBe('room_id,name,canonical_alias,membership,joined_members');
    expect(row).toMatch(/^!.*,Banned,,ban,1$/u);
  });

  it('says that there is nothing, and who is not there', async () => {
    const none = await room.vic.ask(`!memberships ${host.userId} --membership banned`);
    expect(none.field).toMatchObject({ status: 'done', data: { total: 0 } });
    expect(none.body).toContain(`${host.userId} is not banned from any room`);
    const nowhere = await room.vic.ask(`!memberships ${(await newUser()).userId}`);
    expect(nowhere.body).toContain('This server knows no room of');
    const wrong = await room.vic.ask(`!memberships ${host.userId} --membership ban`);
    expect(wrong.field.status).toBe('usage');
    expect(wrong.body).toContain('Possible values: joined, invited, knocked, banned, left.');
    const unknown = await room.vic.ask(`!memberships ${unknownUserId()}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    const remote = await room.vic.ask('!memberships @mallory:remote.example');
    expect(remote.field).toMatchObject({ status: 'failed', error: { code: 'remote_user' } });
  });

  it('is for server admins alone', async () => {
    const asked = adminApi(mallory.account.accessToken).users.memberships(idOf(mallory));
    await expect(asked).rejects.toMatchObject({ status: 403, code: 'M_FORBIDDEN' });
  });
});

describe('account-data', () => {
  it('shows kinds and sizes, and no contents', async () => {
    const mallory = await newUser('mallory');
    await setAccountData(mallory, 'org.example.note', { text: 'n'.repeat(2000) });
    const answer = await room.ben.ask(`!account-data ${mallory.userId}`);
    expect(answer.body).toContain('org.example.note');
    expect(answer.body).toContain('2 kB');
    expect(JSON.stringify(answer.content)).not.toContain('nnnnn');
  });

  it('sends the contents as a file, without what guards encrypted messages', async () => {
    const mallory = await newUser('mallory');
    await setAccountData(mallory, 'org.example.note', { text: 'a note' });
    await setAccountData(mallory, 'm.secret_storage.key.abc', { mac: 'guess-me' });
    await setAccountData(mallory, 'org.example.secret', { encrypted: { abc: { mac: 'mac2' } } });
    const answer = await room.ana.ask(`!account-data ${mallory.userId} --format json`);
    expect(answer.field.status).toBe('done');
    const text = await fileBehind(room.ana, 'account-data.json');
    expect(JSON.parse(text)).toMatchObject({ global: { 'org.example.note': { text: 'a note' } } });
    expect(text).toContain('m.secret_storage.key.abc');
    expect(text).not.toContain('guess-me');
    expect(text).not.toContain('mac2');
  });

  it('says who is not there', async () => {
    const unknown = await room.ana.ask(`!account-data ${unknownUserId()}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    const remote = await room.ana.ask('!account-data @mallory:remote.example');
    expect(remote.field.error?.code).toBe('remote_user');
  });
});

describe('pushers', () => {
  it('shows where notifications go, and no push keys', async () => {
    const mallory = await newUser('mallory');
    await mallory.request('POST', '/_matrix/client/v3/pushers/set', {
      json: {
        app_id: 'org.example.app',
        app_display_name: 'Example',
        device_display_name: 'Phone',
        kind: 'http',
        lang: 'en',
        pushkey: 'push-key-of-mallory',
        data: { url: 'https://push.example/_matrix/push/v1/notify' },
      },
    });
    const answer = await room.ben.ask(`!pushers ${mallory.userId}`);
    expect(answer.body).toContain('1 pusher of');
    expect(answer.body).toContain('org.example.app');
    expect(answer.body).toContain('push.example');
    expect(JSON.stringify(answer.content)).not.toContain('push-key-of-mallory');
    const none = await room.ben.ask(`!pushers ${room.ben.user.userId}`);
    expect(none.field.data).toMatchObject({ total: 0 });
    expect(none.body).toContain('has no pushers');
    const unknown = await room.ben.ask(`!pushers ${unknownUserId()}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    const remote = await room.ben.ask('!pushers @mallory:remote.example');
    expect(remote.field.error?.code).toBe('remote_user');
  });
});

describe('ratelimit', () => {
  it('sets, shows and clears an account’s own limit, and is taken back', async () => {
    const mallory = await newUser('mallory');
    const user = mallory.userId;
    const none = await room.vic.ask(`!ratelimit ${user}`);
    expect(none.field).toMatchObject({ audit: [], data: { messages_per_second: null } });
    expect(none.body).toContain('the server’s limit');
    const denied = await room.vic.ask(`!ratelimit ${user} --clear`);
    expect(denied.field.status).toBe('denied');

    const set = await room.ben.ask(`!ratelimit ${user} --messages-per-second 2 --burst-count 1000`);
    expect(set.field).toMatchObject({ status: 'done', data: { messages_per_second: 2 } });
    expect(set.body).toContain('2 messages per second, 1,000 at once');
    const unlimited = await room.ben.ask(
      `!ratelimit ${user} --messages-per-second 0 --burst-count 0`,
    );
    expect(unlimited.body).toContain(': unlimited');
    expect(await users.getRatelimit(idOf(mallory))).toEqual({
      messagesPerSecond: 0,
      burstCount: 0,
    });
    await room.ben.ask(`!undo ${unlimited.field.audit[0]}`);
    expect(await users.getRatelimit(idOf(mallory))).toEqual({
      messagesPerSecond: 2,
      burstCount: 1000,
    });
    await room.ben.ask(`!undo ${set.field.audit[0]}`);
    expect(await users.getRatelimit(idOf(mallory))).toBeUndefined();
    const twice = await room.ben.ask(`!ratelimit ${user} --clear`);
    expect(twice.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
  });

  it('says that a burst of 0 silences somebody, which it does', async () => {
    const mallory = await newUser('mallory');
    const den = await newRoom(mallory);
    const set = await room.ana.ask(
      `!ratelimit ${mallory.userId} --messages-per-second 5 --burst-count 0`,
    );
    expect(set.body).toContain('can’t send anything');
    await expect(mallory.sendText(den, 'hello')).rejects.toMatchObject({ status: 429 });
  });

  it('refuses half a limit, which Synapse takes for none', async () => {
    const mallory = await newUser('mallory');
    const half = await room.ana.ask(`!ratelimit ${mallory.userId} --messages-per-second 5`);
    expect(half.field.status).toBe('usage');
    expect(half.body).toContain('--burst-count is missing');
    const both = await room.ana.ask(
      `!ratelimit ${mallory.userId} --messages-per-second 5 --burst-count 5 --clear`,
    );
    expect(both.field.status).toBe('usage');
    expect(await users.getRatelimit(idOf(mallory))).toBeUndefined();
  });

  it('can lift the bot’s own limit, and not tighten it', async () => {
    const bot = room.bot.userId;
    const tight = await room.ana.ask(`!ratelimit ${bot} --messages-per-second 1 --burst-count 1`);
    expect(tight.field.status).toBe('protected');
    const lifted = await room.ana.ask(`!ratelimit ${bot} --messages-per-second 0 --burst-count 0`);
    expect(lifted.field.status).toBe('done');
    const unknown = await room.ana.ask(`!ratelimit ${unknownUserId()}`);
    expect(unknown.field.error?.code).toBe('unknown_user');
    const remote = await room.ana.ask('!ratelimit @mallory:remote.example --clear');
    expect(remote.field.error?.code).toBe('remote_user');
  });
});

describe('username-available', () => {
  it('says whether a name is free, and why not', async () => {
    const name = uniqueLocalpart('alice');
    const free = await room.vic.ask(`!username-available ${name}`);
    expect(free.field.data).toEqual({ username: name, available: true, reason: null });
    expect(free.body).toContain(`${name} is available`);
    const taken = await room.vic.ask(`!username-available ${room.ben.user.account.localpart}`);
    expect(taken.field).toMatchObject({
      status: 'done',
      data: { available: false, reason: 'taken' },
    });
    const capitals = await room.vic.ask('!username-available Alice');
    expect(capitals.field.data).toMatchObject({ available: false, reason: 'invalid' });
    expect(capitals.body).toContain('Usernames can contain a–z');
    const id = await room.vic.ask('!username-available @alice:remote.example');
    expect(id.field.status).toBe('usage');
    expect(id.body).toContain('e.g. alice');
  });
});

describe('find-user', () => {
  it('finds by e-mail, phone and login, however they are written', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    const name = mallory.account.localpart;
    const phone = `44${randomInt(1e9, 1e10)}`;
    await users.modify(idOf(mallory), {
      threepids: [
        { medium: 'email', address: `${name}@found.example` },
        { medium: 'msisdn', address: phone },
      ],
      externalIds: [{ authProvider: 'idp', externalId: `a/b:${name}` }],
    });
    for (const flags of [
      `--email ${name.toUpperCase()}@Found.example`,
      `--phone "+${phone.slice(0, 2)} (${phone.slice(2, 5)}) ${phone.slice(5)}"`,
      `--provider idp --external-id a/b:${name}`,
    ]) {
      const answer = await room.ben.ask(`!find-user ${flags}`);
      expect(answer.field).toMatchObject({
        status: 'done',
        data: { name: mallory.userId },
      });
      expect(answer.body).toContain('active, not a server admin');
      expect(answer.body).toContain(`e-mail ${name}@found.example`);
    }
  });

  it('says who is not there, and what it can’t read', async () => {
    const nobody = await room.ana.ask('!find-user --email nobody@nowhere.example');
    expect(nobody.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    const login = await room.ana.ask('!find-user --provider idp --external-id nobody');
    expect(login.field.error?.code).toBe('unknown_user');
    for (const flags of [
      '',
      '--email x',
      '--phone 12',
      '--provider idp',
      '--external-id x',
      '--email a@b.example --phone +447470274584',
    ]) {
      const answer = await room.ana.ask(`!find-user ${flags}`);
      expect(answer.field.status).toBe('usage');
    }
  });
});

describe('personal data', () => {
  it('is for moderators: a viewer reads of an account what members of its rooms know', async () => {
    const mallory = await newUser('mallory');
    const address = `${mallory.account.localpart}@private.example`;
    await users.modify(idOf(mallory), {
      threepids: [{ medium: 'email', address }],
      externalIds: [{ authProvider: 'idp', externalId: address }],
    });
    const since = room.vic.events.length;
    for (const line of [
      `whois ${mallory.userId}`,
      `devices ${mallory.userId}`,
      `device ${mallory.userId} ${mallory.account.deviceId}`,
      `account-data ${mallory.userId}`,
      `pushers ${mallory.userId}`,
      'find-user --email somebody@else.example',
      'tokens',
      'token some-token',
    ]) {
      expect((await room.vic.ask(`!${line}`)).field).toMatchObject({ status: 'denied' });
    }
    const shown = await room.vic.ask(`!user ${mallory.userId}`);
    expect(shown.field).toMatchObject({ status: 'done', data: { name: mallory.userId } });
    expect(JSON.stringify(room.vic.events.slice(since))).not.toContain('@private.example');
    expect((await room.ben.ask(`!user ${mallory.userId}`)).body).toContain(`e-mail ${address}`);
  });
});
