import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import type { StoredMedia } from '../../../src/homeserver/admin/media.ts';
import { adminApi, homeserver, newUser, uniqueLocalpart } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';
import { startStandIn } from '../../support/stand-in.ts';

const { media } = adminApi();

let room: TestRoom;
let mallory: MatrixUser;
beforeAll(async () => {
  room = await openRoom();
  mallory = await newUser('mallory');
});
afterAll(async () => room.close());

/** A file that equals no other, and its address. */
async function upload(user = mallory, text = uniqueLocalpart('text')): Promise<string> {
  return user.uploadMedia(new TextEncoder().encode(text), 'image/png', 'evil.png');
}

async function fileAt(address: string): Promise<StoredMedia> {
  const file = await media.find(address as MxcUri);
  if (file === undefined) {
    throw new Error(`${address} is not there`);
  }
  return file;
}

const isQuarantined = async (address: string) => (await fileAt(address)).quarantinedBy !== null;
const isProtected = async (address: string) => (await fileAt(address)).safeFromQuarantine;

const idIn = (address: string) => address.slice(address.lastIndexOf('/') + 1);
const path = (address: string) => address.slice('mxc://'.length);
const download = async (address: string) =>
  mallory.request('GET', `/_matrix/client/v1/media/thumbnail/${path(address)}`, {
    query: { width: 32, height: 32 },
  });

describe('quarantine and unquarantine', () => {
  it('keep a file from everybody, give it back, and say what was so before', async () => {
    const address = await upload();
    const shut = await room.ben.ask(`!quarantine ${address} --reason abuse`);
    expect(shut.field).toMatchObject({
      command: 'quarantine',
      status: 'done',
      data: { user_id: mallory.userId, quarantined_by: room.bot.userId },
    });
    expect(shut.body).toContain(`✅ Quarantined ${address}`);
    expect(shut.body).toContain('image/png, 17 bytes, evil.png · uploaded');
    expect(shut.body).toContain(`by ${mallory.userId}`);
    expect(shut.body).toContain('Identical files are quarantined with it, except protected ones.');
    expect(shut.body).toContain(`Next: !unquarantine ${address} · !media ${mallory.userId}`);
    expect(await isQuarantined(address)).toBe(true);
    await expect(download(address)).rejects.toMatchObject({ status: 404 });
    expect((await room.vic.ask(`!media ${mallory.userId}`)).body).toContain('quarantined');

    const again = await room.ana.ask(`!quarantine ${address}`);
    expect(again.body).toContain(`✅ Already quarantined: ${address}`);
    expect(again.body).not.toContain('Identical files');
    const kept = await room.ana.ask(`!undo ${again.field.audit[0]}`);
    expect(kept.body).toContain('can’t be undone');

    const freed = await room.ben.ask(`!unquarantine ${address}`);
    expect(freed.field).toMatchObject({ status: 'done', data: { quarantined_by: null } });
    expect(freed.body).toContain(`✅ No longer quarantined: ${address}`);
    expect(await isQuarantined(address)).toBe(false);
    const twice = await room.ben.ask(`!unquarantine ${address}`);
    expect(twice.body).toContain(`✅ Was not quarantined: ${address}`);
    expect(twice.body).toContain('Nothing was changed.');
  });

  it('take each other back', async () => {
    const address = await upload();
    const shut = await room.ana.ask(`!quarantine ${address}`);
    const undone = await room.ana.ask(`!undo ${shut.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unquarantine', status: 'done' });
    expect(await isQuarantined(address)).toBe(false);
    const redone = await room.ana.ask(`!undo ${undone.field.audit[0]}`);
    expect(redone.field).toMatchObject({ command: 'quarantine', status: 'done' });
    expect(await isQuarantined(address)).toBe(true);
  });

  it('act on equal files of others too', async () => {
    const text = uniqueLocalpart('same');
    const [own, other] = [await upload(mallory, text), await upload(await newUser(), text)];
    await room.ana.ask(`!quarantine ${own}`);
    expect(await isQuarantined(other)).toBe(true);
    await room.ana.ask(`!unquarantine ${other}`);
    expect(await isQuarantined(own)).toBe(false);
  });

  it('understand the links that clients copy', async () => {
    const address = await upload();
    const { url } = homeserver();
    const links = [
      `${url}/_matrix/client/v1/media/download/${path(address)}?allow_redirect=true`,
      `${url}/_matrix/media/v3/thumbnail/${path(address)}?width=80&height=80`,
      `https://other.example/_matrix/media/v3/download/${path(address)}/evil.png`,
    ];
    for (const link of links) {
      expect((await room.ana.ask(`!quarantine ${link}`)).body).toContain(`Quarantined ${address}`);
      expect(await isQuarantined(address)).toBe(true);
      await room.ana.ask(`!unquarantine ${link}`);
      expect(await isQuarantined(address)).toBe(false);
    }
    for (const word of ['evil.png', 'https://example.com/evil.png', 'mxc://localhost']) {
      const odd = await room.ana.ask(`!quarantine ${word}`);
      expect(odd.field).toMatchObject({ status: 'usage' });
      expect(odd.body).toContain(`${word} is not a media link`);
      expect(odd.body).toContain('mxc://server/id');
    }
  });

  it('say where there is no such file, here or of another server', async () => {
    const here = `mxc://${homeserver().serverName}/${uniqueLocalpart('none')}`;
    for (const command of ['quarantine', 'unquarantine']) {
      const answer = await room.ana.ask(`!${command} ${here}`);
      expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
      expect(answer.body).toContain(`❌ Not found: this server has no file ${here}`);
    }
    const away = await room.ana.ask('!quarantine mxc://remote.example/AbCdEf');
    expect(away.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
    expect(away.body).toContain('holds no copy of mxc://remote.example/AbCdEf');
    expect(away.body).toContain('after somebody here has opened it');
  });

  it('say where a file is protected from it', async () => {
    const address = await upload();
    await media.protect(idIn(address));
    const answer = await room.ana.ask(`!quarantine ${address}`);
    expect(answer.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
    expect(answer.body).toContain(`❌ Not done: ${address} is protected from quarantine`);
    expect(answer.body).toContain('remove the protection first');
    expect(await isQuarantined(address)).toBe(false);
  });

  it('keep off the files of protected people, and off files that equal them', async () => {
    const text = uniqueLocalpart('avatar');
    const own = await upload(room.ana.user, text);
    const refused = await room.ben.ask(`!quarantine ${own}`);
    expect(refused.field).toMatchObject({ status: 'protected', error: { code: 'protected' } });
    expect(refused.body).toContain(`Protected: ${room.ana.user.userId} has uploaded ${own}`);
    // Anybody can upload what an admin shows to everybody: Synapse would quarantine both.
    const copy = await upload(mallory, text);
    const equal = await room.ben.ask(`!quarantine ${copy}`);
    expect(equal.field).toMatchObject({ status: 'protected' });
    expect(equal.body).toContain(`${copy} equals a file of ${room.ana.user.userId}`);
    const bots = await upload(room.bot);
    const never = await room.ana.ask(`!quarantine ${bots} --override-protection`);
    expect(never.field).toMatchObject({ status: 'protected' });
    expect(await Promise.all([own, copy, bots].map(isQuarantined))).toEqual([false, false, false]);

    // An admin insists, and a moderator may give it back.
    const denied = await room.ben.ask(`!quarantine ${own} --override-protection`);
    expect(denied.field).toMatchObject({ status: 'denied' });
    const confirmation = await room.ana.ask(`!quarantine ${own} --override-protection`);
    expect(confirmation.field).toMatchObject({ status: 'pending' });
    await room.ana.user.react(room.id, confirmation.event, '✅');
    await room.ana.outcomeOf(confirmation, 'done');
    expect(await Promise.all([own, copy].map(isQuarantined))).toEqual([true, true]);
    const freed = await room.ben.ask(`!unquarantine ${own}`);
    expect(freed.field).toMatchObject({ status: 'done' });
    expect(await Promise.all([own, copy].map(isQuarantined))).toEqual([false, false]);
  });

  it('take several files, change those that can be changed, and take back only those', async () => {
    const [first, second, shut, shielded] = [
      await upload(),
      await upload(),
      await upload(),
      await upload(),
    ];
    await media.quarantine(shut as MxcUri);
    await media.protect(idIn(shielded));
    const none = `mxc://${homeserver().serverName}/${uniqueLocalpart('none')}`;
    const done = await room.ben.ask(
      `!quarantine ${first} ${second} ${shut} ${shielded} ${none} --reason spam`,
    );
    expect(done.field).toMatchObject({
      status: 'partial',
      data: {
        changed: [first, second],
        before: [shut],
        failed: [
          { uri: shielded, code: 'state' },
          { uri: none, code: 'unknown' },
        ],
      },
    });
    expect(done.field.audit).toHaveLength(1);
    expect(done.body).toContain('⚠️ Quarantined 2 files');
    expect(done.body).toContain(`${first} image/png`);
    expect(done.body).toContain('1 file quarantined before');
    expect(done.body).toContain('Not quarantined: 2 files');
    expect(done.body).toContain(`${shielded} is protected from quarantine.`);
    expect(done.body).toContain(`this server has no file ${none}.`);
    expect(done.body).toContain(`Next: !unquarantine ${first} ${second}`);
    expect(await Promise.all([first, second, shut, shielded].map(isQuarantined))).toEqual([
      true,
      true,
      true,
      false,
    ]);

    const undone = await room.ben.ask(`!undo ${done.field.audit[0]}`);
    expect(undone.field).toMatchObject({
      command: 'unquarantine',
      status: 'done',
      data: { changed: [first, second], before: [], failed: [] },
    });
    expect(await Promise.all([first, second, shut].map(isQuarantined))).toEqual([
      false,
      false,
      true,
    ]);
  });

  it('end after a time for one file only', async () => {
    const [first, second] = [await upload(), await upload()];
    const refused = await room.ben.ask(`!quarantine ${first} ${second} --for 24h`);
    expect(refused.field.status).toBe('usage');
    expect(refused.body).toContain('Send one command for each file');
    expect(await Promise.all([first, second].map(isQuarantined))).toEqual([false, false]);
    await room.ben.ask(`!quarantine ${first} --for 24h`);
    // Each file has a timer of its own, which a later command about several files stops.
    const forGood = await room.ben.ask(`!quarantine ${first} ${second}`);
    expect(forGood.field.status).toBe('done');
    expect(forGood.body).toMatch(/timer \d+ was stopped/u);
  });

  it('don’t end for a file whose owner’s files were all quarantined since', async () => {
    const [owner, other] = [await newUser(), await newUser()];
    const [file, free] = [await upload(owner), await upload(other)];
    await upload(owner);
    const line = await room.ana.say(`!quarantine ${file} --for 15s`);
    await room.ana.answerTo(line);
    await room.ana.ask(`!quarantine ${free} --for 15s`);
    const all = await room.ana.ask(`!quarantine --user ${owner.userId}`);
    await room.ana.ask('!confirm');
    await room.ana.outcomeOf(all, 'done');
    const end = await room.ana.until('the end', () => room.ana.answersTo(line)[1]);
    expect(end.body).toContain(`what ${owner.userId} has uploaded was changed since: #`);
    await expect.poll(async () => isQuarantined(free), { timeout: 30_000 }).toBe(false);
    expect(await isQuarantined(file)).toBe(true);
  });

  it('with --user, take several users, and name what they take back', async () => {
    const [one, two] = [await newUser(), await newUser()];
    const files = [await upload(one), await upload(one), await upload(two)];
    const before = await upload(two);
    await room.ana.ask(`!quarantine ${before}`);
    const asked = await room.ana.ask(`!quarantine --user ${one.userId} ${two.userId}`);
    expect(asked.field).toMatchObject({ status: 'pending' });
    expect(asked.body).toContain('Quarantine 2 accounts?');
    expect(asked.body).toContain('up to 2 files');
    await room.ana.ask('!confirm');
    const done = await room.ana.outcomeOf(asked, 'done');
    expect(await Promise.all(files.map(isQuarantined))).toEqual([true, true, true]);
    expect(done.field.audit).toHaveLength(2);

    const undo = await room.ana.ask(`!undo --operation ${done.field.operation?.id}`);
    await room.ana.ask('!confirm');
    await room.ana.outcomeOf(undo, 'done');
    expect(await Promise.all([...files, before].map(isQuarantined))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  it('change nothing on a dry run and for viewers', async () => {
    const address = await upload();
    const dry = await room.ana.ask(`!quarantine ${address} --dry-run`);
    expect(dry.field).toMatchObject({ status: 'dry_run' });
    const viewer = await room.vic.ask(`!quarantine ${address}`);
    expect(viewer.field).toMatchObject({ status: 'denied' });
    expect(await isQuarantined(address)).toBe(false);
  });
});

describe('protect-media and unprotect-media', () => {
  it('keep a file from being quarantined, give it up, and say what was so before', async () => {
    const text = uniqueLocalpart('logo');
    const [address, equal] = [await upload(mallory, text), await upload(mallory, text)];
    const shielded = await room.ben.ask(`!protect-media ${address} --reason "our logo"`);
    expect(shielded.field).toMatchObject({
      command: 'protect-media',
      status: 'done',
      data: { user_id: mallory.userId, safe_from_quarantine: true },
    });
    expect(shielded.body).toContain(`✅ Protected ${address}`);
    expect(shielded.body).toContain(`Next: !unprotect-media ${address} · !media ${mallory.userId}`);
    expect(await isProtected(address)).toBe(true);
    // What the list shows can be copied into a command.
    const listed = await room.vic.ask(`!media ${mallory.userId}`);
    expect(listed.body).toMatch(new RegExp(`${address}.*\\n?.*protected`, 'u'));
    const again = await room.ana.ask(`!protect-media ${address}`);
    expect(again.body).toContain(`✅ Already protected: ${address}`);
    expect((await room.ana.ask(`!undo ${again.field.audit[0]}`)).body).toContain('can’t be undone');

    // Its twin is not protected, and does not take it along.
    await room.ben.ask(`!quarantine ${equal}`);
    expect(await Promise.all([address, equal].map(isQuarantined))).toEqual([false, true]);

    const given = await room.ben.ask(`!unprotect-media ${address}`);
    expect(given.field).toMatchObject({ status: 'done', data: { safe_from_quarantine: false } });
    expect(given.body).toContain(`✅ No longer protected: ${address}`);
    expect(await isProtected(address)).toBe(false);
    const twice = await room.ben.ask(`!unprotect-media ${address}`);
    expect(twice.body).toContain(`✅ Was not protected: ${address}`);
    expect(twice.body).toContain('Nothing was changed.');
    expect((await room.ben.ask(`!quarantine ${address}`)).field.status).toBe('done');
  });

  it('take each other back', async () => {
    const address = await upload();
    const shielded = await room.ana.ask(`!protect-media ${address}`);
    const undone = await room.ana.ask(`!undo ${shielded.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unprotect-media', status: 'done' });
    expect(await isProtected(address)).toBe(false);
    const redone = await room.ana.ask(`!undo ${undone.field.audit[0]}`);
    expect(redone.field).toMatchObject({ command: 'protect-media', status: 'done' });
    expect(await isProtected(address)).toBe(true);
  });

  it('take several files', async () => {
    const [first, second] = [await upload(), await upload()];
    await media.protect(idIn(first));
    const away = `mxc://remote.example/${idIn(first)}`;
    const done = await room.ben.ask(`!protect-media ${first} ${second} ${away}`);
    expect(done.field).toMatchObject({
      status: 'partial',
      data: { changed: [second], before: [first], failed: [{ uri: away }] },
    });
    expect(done.body).toContain('⚠️ Protected 1 file');
    expect(await Promise.all([first, second].map(isProtected))).toEqual([true, true]);
    const undone = await room.ben.ask(`!undo ${done.field.audit[0]}`);
    expect(undone.field).toMatchObject({ command: 'unprotect-media', status: 'done' });
    expect(await Promise.all([first, second].map(isProtected))).toEqual([true, false]);
    await room.ben.ask(`!protect-media ${second}`);
    const ended = await room.ben.ask(`!unprotect-media ${first} ${second}`);
    expect(ended.body).toContain('✅ Ended the protection of 2 files');
    expect(ended.field).toMatchObject({ status: 'done', data: { changed: [first, second] } });
    expect(await Promise.all([first, second].map(isProtected))).toEqual([false, false]);
  });

  it('say that a quarantine stays', async () => {
    const address = await upload();
    await room.ben.ask(`!quarantine ${address}`);
    const shielded = await room.ben.ask(`!protect-media ${address}`);
    expect(shielded.body).toContain(`⚠️ Protected ${address}, which is still quarantined`);
    expect(shielded.body).toContain(`Next: !unquarantine ${address} · !unprotect-media ${address}`);
    expect(await isQuarantined(address)).toBe(true);
    expect((await room.vic.ask(`!media ${mallory.userId}`)).body).toContain(
      'quarantined, protected',
    );
    await room.ben.ask(`!unquarantine ${address}`);
    expect([await isQuarantined(address), await isProtected(address)]).toEqual([false, true]);
  });

  it('never touch a file of this server that has the ID of another server’s', async () => {
    const address = await upload();
    const away = `mxc://remote.example/${idIn(address)}`;
    const none = `mxc://${homeserver().serverName}/${uniqueLocalpart('none')}`;
    for (const command of ['protect-media', 'unprotect-media']) {
      const remote = await room.ana.ask(`!${command} ${away}`);
      expect(remote.field).toMatchObject({ status: 'failed', error: { code: 'state' } });
      expect(remote.body).toContain(`❌ Not done: ${away} is a file of another server`);
      expect(remote.body).toContain('Only files of localhost can be protected');
      const unknown = await room.ana.ask(`!${command} ${none}`);
      expect(unknown.field).toMatchObject({ status: 'failed', error: { code: 'unknown' } });
      expect(unknown.body).toContain(`❌ Not found: this server has no file ${none}`);
    }
    expect(await isProtected(address)).toBe(false);
    // Synapse says so itself.
    await expect(media.protect(idIn(none))).rejects.toMatchObject({ status: 404 });
    await expect(media.unprotect(idIn(none))).rejects.toMatchObject({ status: 404 });
  });

  it('are open to moderators, except for files of protected people', async () => {
    const text = uniqueLocalpart('banner');
    const own = await upload(room.ana.user, text);
    // Nobody can do what they may not take back.
    for (const command of ['protect-media', 'unprotect-media']) {
      const refused = await room.ben.ask(`!${command} ${own}`);
      expect(refused.field).toMatchObject({ status: 'protected' });
      expect(refused.body).toContain(`${room.ana.user.userId} has uploaded ${own}`);
    }
    const dry = await room.ben.ask(`!protect-media ${await upload()} --dry-run`);
    expect(dry.field).toMatchObject({ status: 'dry_run' });
    const viewer = await room.vic.ask(`!unprotect-media ${own}`);
    expect(viewer.field).toMatchObject({ status: 'denied' });
    expect(await isProtected(own)).toBe(false);

    // Everybody may do it with their own files, and an admin with those of other protected people.
    expect((await room.ana.ask(`!protect-media ${own}`)).field).toMatchObject({ status: 'done' });
    expect((await room.ana.ask('!undo last')).field).toMatchObject({ status: 'done' });
    const bens = await upload(room.ben.user);
    const confirmation = await room.ana.ask(`!protect-media ${bens} --override-protection`);
    await room.ana.ask('!confirm');
    await room.ana.outcomeOf(confirmation, 'done');
    expect([await isProtected(own), await isProtected(bens)]).toEqual([false, true]);

    // A copy is its uploader's alone: whoever protects it can take that back.
    const copy = await upload(mallory, text);
    expect((await room.ben.ask(`!protect-media ${copy}`)).field).toMatchObject({ status: 'done' });
    expect((await room.ben.ask('!undo last')).field).toMatchObject({ status: 'done' });
    expect([await isProtected(own), await isProtected(copy)]).toEqual([false, false]);
  });
});

describe('a copy of another server’s file', () => {
  // The run's homeserver federates with nobody: these are its own words about such a file.
  it('is quarantined like any other', async () => {
    let quarantinedBy: string | null = null;
    await using standIn = await startStandIn(({ method, path: asked }) => {
      if (!asked.includes('/v1/media/') || !asked.endsWith('remote.example/AbCdEf')) {
        return undefined;
      }
      if (method === 'POST') {
        quarantinedBy = asked.includes('/unquarantine/') ? null : '@bot:localhost';
        return {};
      }
      return {
        media_info: {
          media_origin: 'remote.example',
          user_id: null,
          media_id: 'AbCdEf',
          media_type: 'image/png',
          media_length: 12,
          upload_name: 'r.png',
          created_ts: Date.now(),
          filesystem_id: 'x',
          url_cache: null,
          last_access_ts: null,
          quarantined_by: quarantinedBy,
          authenticated: 1,
          safe_from_quarantine: null,
          sha256: 'ab'.repeat(32),
        },
      };
    });
    const other = await openRoom({ homeserver: { adminUrl: standIn.url } });
    const shut = await other.ana.ask('!quarantine mxc://remote.example/AbCdEf');
    expect(shut.body).toContain('✅ Quarantined mxc://remote.example/AbCdEf');
    expect(shut.body).toMatch(/r\.png · fetched .* from remote\.example/u);
    // Nobody of this server owns it.
    expect(shut.body).toMatch(/Next: !unquarantine mxc:\/\/remote\.example\/AbCdEf$/u);
    const freed = await other.ana.ask('!unquarantine mxc://remote.example/AbCdEf');
    expect(freed.body).toContain('✅ No longer quarantined: mxc://remote.example/AbCdEf');
    await other.close();
  });
});
