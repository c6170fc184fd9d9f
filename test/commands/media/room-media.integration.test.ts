import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { adminApi, newRoom, newUser, uniqueLocalpart } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

let room: TestRoom;
beforeAll(async () => {
  room = await openRoom({ protected: { users: ['@guarded*:localhost'] } });
});
afterAll(async () => room.close());

describe('room-media', () => {
  it('lists the files in a room, of this server and of others', async () => {
    const mallory = await newUser('mallory');
    const id = await newRoom(mallory, { preset: 'public_chat', name: 'Pictures' });
    const empty = await room.ben.ask(`!room-media ${id}`);
    expect(empty.body).toContain('No unencrypted message in Pictures');
    const own = await mallory.uploadMedia(new Uint8Array(9), 'image/png', 'evil.png');
    const typed = await mallory.uploadMedia(new Uint8Array(8), 'text/https://evil.example');
    for (const url of [
      own,
      'mxc://remote.example/other',
      'https://example.com/no.png',
      own,
      typed,
    ]) {
      await mallory.send(id, 'm.room.message', { msgtype: 'm.image', body: 'a picture', url });
    }

    const found = await room.ben.ask(`!room-media ${id}`);
    expect(found.field.data).toMatchObject({ total: 3 });
    expect(found.body).toContain('3 files in Pictures');
    // The uploader chooses the type.
    expect(found.body).toContain('https[:]//evil[.]example');
    expect(found.body).toContain(`evil.png ${own}`);
    expect(found.body).toContain('image/png, 9 bytes');
    expect(found.body).toMatch(/mxc:\/\/remote\.example\/other +not on this server/u);
    const file = await room.ben.ask(`!room-media ${id} --format csv`);
    expect(file.body).toContain('3 rows in room-media.csv');
  });

  it('is for moderators, and names rooms that are not there', async () => {
    const id = await newRoom(await newUser());
    expect((await room.vic.ask(`!room-media ${id}`)).field.status).toBe('denied');
    const unknown = await room.ben.ask('!room-media !nowhere:localhost');
    expect(unknown.field).toMatchObject({ error: { code: 'unknown_room' } });
    const wrong = await room.ben.ask('!room-media lobby');
    expect(wrong.field.status).toBe('usage');
    const user = adminApi((await newUser()).account.accessToken);
    await expect(user.media.inRoom(id)).rejects.toMatchObject({ status: 403 });
  });
});

describe('quarantine-changes', () => {
  it('lists what was quarantined and released, the newest first', async () => {
    const mallory = await newUser('mallory');
    const uri = await mallory.uploadMedia(new TextEncoder().encode(mallory.userId), 'text/plain');
    await room.ben.ask(`!quarantine ${uri}`);
    await room.ben.ask(`!unquarantine ${uri}`);
    const changes = await room.vic.ask('!quarantine-changes');
    const { rows } = changes.field.data as {
      rows: { media_id: string; quarantined: boolean }[];
    };
    const own = rows.filter(({ media_id: id }) => uri.endsWith(id));
    expect(own.map(({ quarantined }) => quarantined)).toEqual([false, true]);
    expect(changes.body).toMatch(new RegExp(`${uri} +released`, 'u'));
    const wrong = await room.vic.ask('!quarantine-changes --from newest');
    expect(wrong.field.status).toBe('usage');
    const user = adminApi((await newUser()).account.accessToken);
    await expect(Array.fromAsync(user.media.quarantineChanges())).rejects.toMatchObject({
      status: 403,
    });
  });
});

describe('quarantine and unquarantine, many files at once', () => {
  const upload = async (user: MatrixUser) =>
    (await user.uploadMedia(
      new TextEncoder().encode(uniqueLocalpart('file')),
      'image/png',
    )) as MxcUri;
  const isQuarantined = async (uri: MxcUri) =>
    (await adminApi().media.find(uri))?.quarantinedBy !== null;

  const image = (url: string) => ({ msgtype: 'm.image', body: 'a picture', url });

  it('--room quarantines the files in a room, but none of a protected account; and back', async () => {
    const [mallory, guarded] = [await newUser('mallory'), await newUser('guarded')];
    const id = await newRoom(mallory, { preset: 'public_chat', name: 'Pictures' });
    await room.ana.user.join(id);
    const [bad, moderators] = [await upload(mallory), await upload(room.ana.user)];
    // Accounts that the configuration protects can't be listed: only the owner of each file tells.
    const theirs = await upload(guarded);
    for (const uri of [bad, theirs]) {
      await mallory.send(id, 'm.room.message', image(uri));
    }
    await room.ana.user.send(id, 'm.room.message', image(moderators));

    const line = `!quarantine --room ${id} --reason spam`;
    expect((await room.ben.ask(`${line} --dry-run`)).field.status).toBe('dry_run');
    const { confirmation, outcome } = await askAndConfirm(room.ben, line);
    expect(confirmation.body).toContain(`Quarantine up to 3 files in Pictures ${id}?`);
    expect(outcome.body).toContain('✅ Quarantined 1 file in');
    expect(outcome.body).toContain('2 protected files left available');
    const files = [bad, moderators, theirs];
    expect(await Promise.all(files.map(isQuarantined))).toEqual([true, false, false]);

    const back = await askAndConfirm(room.ben, `!unquarantine --room ${id}`);
    expect(back.confirmation.body).toContain(`Release 1 file in Pictures ${id} from quarantine?`);
    expect(back.outcome.body).toContain('No longer quarantined: 1 file in');
    expect(await isQuarantined(bad)).toBe(false);
  });

  it('nobody has a file released by sending its address to a room that was quarantined', async () => {
    const mallory = await newUser('mallory');
    const id = await newRoom(mallory);
    const [bad, worse] = [await upload(mallory), await upload(mallory)];
    await mallory.send(id, 'm.room.message', image(bad));
    await room.ben.ask(`!quarantine ${worse} --reason abuse`);
    for (const many of [`--room ${id}`, `--user ${mallory.userId}`]) {
      const timed = await room.ben.ask(`!quarantine ${many} --for 24h`);
      expect(timed.field.status).toBe('usage');
      expect(timed.body).toContain('--for works for a file that you name');
    }
    expect(await isQuarantined(bad)).toBe(false);

    const { confirmation, outcome } = await askAndConfirm(room.ben, `!quarantine --room ${id}`);
    // It is undone file by file, as long as there are not too many.
    expect(confirmation.body).not.toContain('can’t be undone');
    expect(outcome.body).not.toContain('unquarantine');
    await mallory.send(id, 'm.room.message', image(worse));
    const back = await room.ben.ask(`!undo ${outcome.field.audit[0]}`);
    expect(back.field).toMatchObject({ command: 'unquarantine', status: 'done' });
    expect(await Promise.all([bad, worse].map(isQuarantined))).toEqual([false, true]);
    await askAndConfirm(room.ben, `!quarantine --room ${id}`);
    const asked = await room.ben.ask(`!unquarantine --room ${id}`);
    expect(asked.field.status).toBe('pending');
    expect(asked.body).toContain('Release 2 files in');
    expect(asked.body).toContain('for whatever reason');
    expect(await Promise.all([bad, worse].map(isQuarantined))).toEqual([true, true]);
  });

  it('--user quarantines all files of a user; and back', async () => {
    const mallory = await newUser('mallory');
    const files = [await upload(mallory), await upload(mallory)];
    const { outcome } = await askAndConfirm(room.ben, `!quarantine --user ${mallory.userId}`);
    expect(outcome.body).toContain('✅ Quarantined 2 files of');
    expect(await Promise.all(files.map(isQuarantined))).toEqual([true, true]);
    expect(outcome.body).not.toContain('unquarantine');
    const back = await askAndConfirm(room.ben, `!unquarantine --user ${mallory.userId}`);
    expect(back.confirmation.body).toContain('Release 2 files of');
    expect(back.outcome.body).toContain('No longer quarantined: 2 files of');
    expect(await Promise.all(files.map(isQuarantined))).toEqual([false, false]);
  });

  it('needs one of them, and something to do', async () => {
    const keyless = await newUser();
    const none = await room.ben.ask(`!quarantine --user ${keyless.userId}`);
    expect(none.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    const id = await newRoom(keyless);
    const empty = await room.ben.ask(`!unquarantine --room ${id}`);
    expect(empty.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect((await room.ben.ask('!quarantine')).field.status).toBe('usage');
    const two = await room.ben.ask(`!quarantine --user ${keyless.userId} --room ${id}`);
    expect(two.field.status).toBe('usage');
    const both = await room.ben.ask(`!quarantine mxc://localhost/a --room ${id}`);
    expect(both.body).toContain('not both');
    const own = await room.ben.ask(`!quarantine --user ${room.ana.user.userId}`);
    expect(own.field.status).toBe('protected');
    expect((await room.vic.ask(`!quarantine --room ${id}`)).field.status).toBe('denied');
    const user = adminApi(keyless.account.accessToken);
    await expect(user.media.quarantineRoom(id)).rejects.toMatchObject({ status: 403 });
  });
});
