import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import {
  adminApi,
  idOf,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const { media } = adminApi();

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom();
});
afterAll(async () => room.close());

/** Uploads files of these many bytes and returns their media IDs. */
async function upload(user: MatrixUser, ...sizes: number[]): Promise<string[]> {
  const ids: string[] = [];
  for (const bytes of sizes) {
    const uri = await user.uploadMedia(new Uint8Array(bytes), 'image/png', `${bytes}.png`);
    ids.push(uri.slice(uri.lastIndexOf('/') + 1));
  }
  return ids;
}

async function filesOf(user: MatrixUser): Promise<number> {
  return (await media.list(idOf(user))).total;
}

describe('media', () => {
  it('lists the files of an account in the order asked for, page by page', async () => {
    const mallory = await newUser('mallory', { displayName: 'Mallory' });
    const [small = '', large = '', middle = ''] = await upload(mallory, 10, 3000, 200);
    const first = await room.vic.ask(
      `!media ${mallory.userId} --order-by media_length --dir b --limit 2`,
    );
    expect(first.field).toMatchObject({
      command: 'media',
      status: 'done',
      data: { total: 3, rows: [{ media_id: large, media_length: 3000 }, { media_id: middle }] },
    });
    expect(first.body).toContain(`3 files of Mallory ${mallory.userId}, 2 shown`);
    expect(first.body).toContain('3 kB');
    expect(first.body).toContain('3000.png');
    expect(first.body).not.toContain('delete-media');
    const more = await room.vic.ask('!more');
    expect(more.field.data).toMatchObject({ rows: [{ media_id: small }] });
  });

  it('says so where there is nothing, and where a page can’t begin', async () => {
    const user = await newUser();
    const none = await room.vic.ask(`!media ${user.account.localpart}`);
    expect(none.body).toContain(`${user.userId} has no files`);
    const odd = await room.vic.ask(`!media ${user.userId} --from 99999999999999999999`);
    expect(odd.field).toMatchObject({ error: { code: 'usage' } });
  });

  it('shows hostile file names as what they are', async () => {
    const user = await newUser();
    const name = '<img src=x>\u202Egnp.exe';
    await user.uploadMedia(new Uint8Array(5), 'text/html', name);
    const answer = await room.vic.ask(`!media ${user.userId}`);
    expect(answer.html).toContain('&lt;img src=x&gt;⟨U+202E⟩gnp.exe');
    expect(answer.html).not.toContain('<img');
  });

  it('refuses unknown, remote and malformed accounts plainly', async () => {
    const unknown = await room.vic.ask(`!media ${unknownUserId()}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown_user' } });
    const remote = await room.vic.ask('!media @somebody:remote.example');
    expect(remote.field).toMatchObject({ error: { code: 'remote_user' } });
    const malformed = await room.vic.ask('!media a:b:c');
    expect(malformed.field).toMatchObject({ status: 'usage' });
  });
});

describe('delete-media', () => {
  it('deletes every file with --all, over more than one page, once it is confirmed', async () => {
    const mallory = await newUser('mallory');
    await upload(mallory, ...Array.from({ length: 101 }, () => 1));
    const other = await newUser();
    await upload(other, 1);
    const confirmation = await room.ben.ask(`!delete-media ${mallory.userId} --all --reason spam`);
    expect(confirmation.field).toMatchObject({ command: 'delete-media', status: 'pending' });
    expect(confirmation.body).toContain(
      `Delete all 101 files, 101 bytes, of ${mallory.account.localpart} ${mallory.userId}?`,
    );
    expect(confirmation.body).toContain(
      'Will not: delete copies on other servers, files of other users',
    );
    expect(confirmation.body).toContain('This can’t be undone');
    expect(await filesOf(mallory)).toBe(101);

    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('✅ Deleted 101 files');
    expect(outcome.body).toContain('None are left.');
    expect(outcome.field.data).toMatchObject({ total: 101, remaining: 0 });
    expect(await filesOf(mallory)).toBe(0);
    expect(await filesOf(other)).toBe(1);
  });

  it('deletes those that the flags choose, and says what is left', async () => {
    const mallory = await newUser('mallory');
    const [, large = ''] = await upload(mallory, 10, 3000, 200);
    const confirmation = await room.ana.ask(
      `!delete-media ${mallory.userId} --order-by media_length --dir b --limit 1`,
    );
    expect(confirmation.body).toContain('Delete 1 file, 3 kB, of');
    expect(confirmation.body).toContain('2 other files will be kept');
    expect(confirmation.body).toContain(`mxc://localhost/${large} 3000.png, image/png`);
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('✅ Deleted 1 file of ');
    expect(outcome.body).toContain('2 files are left.');
    expect(outcome.field.data).toMatchObject({ deleted_media: [large], remaining: 2 });
    expect(await filesOf(mallory)).toBe(2);
  });

  it('changes nothing on a dry run', async () => {
    const mallory = await newUser('mallory');
    await upload(mallory, 10);
    const answer = await room.ana.ask(`!delete-media ${mallory.userId} --all --dry-run`);
    expect(answer.field).toMatchObject({ status: 'dry_run' });
    expect(await filesOf(mallory)).toBe(1);
  });

  it('refuses what would delete nothing, contradicts itself, or hits a protected account', async () => {
    const user = await newUser();
    const none = await room.ana.ask(`!delete-media ${user.userId} --all`);
    expect(none.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(none.body).toContain('has no files');
    const both = await room.ana.ask(`!delete-media ${user.userId} --all --limit 5`);
    expect(both.field).toMatchObject({ status: 'usage' });
    await upload(room.ben.user, 1);
    const own = await room.ana.ask(`!delete-media ${room.ben.user.userId} --all`);
    expect(own.field).toMatchObject({ status: 'protected' });
    const viewer = await room.vic.ask(`!delete-media ${user.userId} --all`);
    expect(viewer.field).toMatchObject({ status: 'denied' });
    const unknown = await room.ana.ask(`!delete-media ${unknownUserId()}`);
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_user' } });
  });
});

describe('delete-media with the addresses of files', () => {
  const address = (id: string) => `mxc://localhost/${id}`;
  const exists = async (id: string) => (await media.find(address(id) as MxcUri)) !== undefined;

  it('deletes exactly these, and shows before what they are', async () => {
    const [mallory, eve] = [await newUser('mallory'), await newUser('eve')];
    const [small = '', kept = ''] = await upload(mallory, 11, 12);
    const [large = ''] = await upload(eve, 3000);
    await media.quarantine(address(small) as MxcUri);
    await media.protect(large);
    const confirmation = await room.ben.ask(
      `!delete-media ${address(small)} ${address(large)} --reason spam`,
    );
    expect(confirmation.field).toMatchObject({ command: 'delete-media', status: 'pending' });
    expect(confirmation.body).toContain('Delete 2 files, 3 kB, of 2 users?');
    expect(confirmation.body).toContain(`${address(small)} image/png, 11 bytes, 11.png · uploaded`);
    expect(confirmation.body).toMatch(new RegExp(`by ${mallory.userId} · quarantined`, 'u'));
    expect(confirmation.body).toMatch(new RegExp(`by ${eve.userId} · protected`, 'u'));
    expect(confirmation.body).toContain('Synapse no longer blocks new uploads of it');
    expect(confirmation.body).toContain('This can’t be undone');
    expect([await exists(small), await exists(large)]).toEqual([true, true]);

    await room.ben.ask('!confirm');
    const outcome = await room.ben.outcomeOf(confirmation, 'done');
    expect(outcome.body).toContain('✅ Deleted 2 files');
    expect(outcome.field.data).toMatchObject({
      total: 2,
      deleted_media: [small, large],
      failed: [],
    });
    expect(outcome.field.audit).toHaveLength(1);
    expect([await exists(small), await exists(large), await exists(kept)]).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('says of each file why it can’t be deleted, and deletes the others', async () => {
    const mallory = await newUser('mallory');
    const [here = ''] = await upload(mallory, 11);
    const none = address(uniqueLocalpart('none'));
    const away = 'mxc://remote.example/AbCdEf';
    const confirmation = await room.ana.ask(`!delete-media ${address(here)} ${none} ${away}`);
    expect(confirmation.body).toContain(`Delete ${address(here)}?`);
    expect(confirmation.body).toContain('Left out: 2 files');
    expect(confirmation.body).toContain(`this server has no file ${none}.`);
    expect(confirmation.body).toContain(`${away} is a file of another server`);
    await room.ana.ask('!confirm');
    const outcome = await room.ana.outcomeOf(confirmation, 'partial');
    expect(outcome.body).toContain('⚠️ Deleted 1 file');
    expect(outcome.body).toContain('Not deleted: 2 files');
    expect(outcome.field.data).toMatchObject({
      total: 1,
      failed: [
        { uri: none, code: 'unknown' },
        { uri: away, code: 'state' },
      ],
    });
    expect(await exists(here)).toBe(false);
  });

  it('asks nothing where nothing can be deleted, and keeps off protected people', async () => {
    const none = address(uniqueLocalpart('none'));
    const unknown = await room.ana.ask(`!delete-media ${none}`);
    expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    const away = await room.ana.ask(
      '!delete-media mxc://remote.example/AbCdEf mxc://remote.example/x',
    );
    expect(away.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(away.body).toContain('Nothing was changed.');

    const mallory = await newUser('mallory');
    const [theirs = ''] = await upload(mallory, 11);
    const [own = '', other = ''] = await upload(room.ben.user, 12, 13);
    const refused = await room.ana.ask(
      `!delete-media ${[theirs, own, other].map(address).join(' ')}`,
    );
    expect(refused.field).toMatchObject({ status: 'protected' });
    expect(refused.body).toContain(`${room.ben.user.userId} has uploaded ${address(own)}`);
    expect(refused.body).toContain('1 other file can’t be touched either:');
    expect(refused.body).toContain(address(other));
    const flags = await room.ana.ask(`!delete-media ${address(theirs)} --all`);
    expect(flags.field).toMatchObject({ status: 'usage' });
    const both = await room.ana.ask(`!delete-media ${address(theirs)} ${mallory.userId}`);
    expect(both.field).toMatchObject({ status: 'usage' });
    expect(both.body).toContain('Give users or files, not both.');
    expect([await exists(theirs), await exists(own), await exists(other)]).toEqual([
      true,
      true,
      true,
    ]);
  });
});

describe('media-stats', () => {
  it('shows who has uploaded how much, the most first', async () => {
    const part = uniqueLocalpart('stats');
    const [one, two] = [await newUser(part), await newUser(part)];
    await upload(one, 10);
    await upload(two, 1000, 2000);
    const answer = await room.vic.ask(`!media-stats --search ${part}`);
    expect(answer.field).toMatchObject({
      status: 'done',
      data: {
        total: 2,
        rows: [
          { user_id: two.userId, media_count: 2, media_length: 3000 },
          { user_id: one.userId, media_count: 1, media_length: 10 },
        ],
      },
    });
    expect(answer.body).toContain('2 accounts');
    const byCount = await room.vic.ask(`!media-stats --search ${part} --order-by media_count`);
    expect(byCount.field.data).toMatchObject({ rows: [{ user_id: one.userId }, {}] });
  });

  it('sends everything as a file', async () => {
    const user = await newUser('stats-file');
    await upload(user, 10);
    const answer = await room.vic.ask(
      `!media-stats --search ${user.account.localpart} --all --format json`,
    );
    expect(answer.body).toContain('1 row in media-stats.json');
  });

  it('refuses what Synapse can’t search for', async () => {
    const answer = await room.vic.ask('!media-stats --search Müller');
    expect(answer.body).toContain('ASCII');
    expect(answer.field).toMatchObject({ status: 'usage' });
  });
});
