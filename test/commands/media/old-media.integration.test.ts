import { DatabaseSync } from 'node:sqlite';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { startOwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../../../dev/synapse/homeserver.ts';
import { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import { createAdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { askAndConfirm } from '../../support/confirmed.ts';
import { uniqueLocalpart } from '../../support/homeserver.ts';
import { openRoom } from '../../support/room.ts';
import type { TestRoom } from '../../support/room.ts';

const day = 86_400_000;
const remote = 'mxc://remote.example/picture' as MxcUri;

let server: OwnHomeserver;
let room: TestRoom;
let api: AdminApi;
let vera: MatrixUser;
/** Uploaded 100 days ago: large, small, an avatar, and a quarantined one. */
let old: readonly MxcUri[];
let recent: MxcUri;
beforeAll(async () => {
  server = await startOwnHomeserver();
  room = await openRoom({}, { server });
  api = createAdminApi({ url: server.url, accessToken: room.bot.account.accessToken });
  vera = await MatrixUser.register(server, { localpart: uniqueLocalpart('vera') });
  old = [await upload(3000), await upload(10), await upload(3001), await upload(3002)];
  await vera.request('PUT', `/_matrix/client/v3/profile/${vera.userId}/avatar_url`, {
    json: { avatar_url: old[2] },
  });
  await api.media.quarantine(old[3] as MxcUri);
  const ids = old.map((uri) => uri.slice(uri.lastIndexOf('/') + 1));
  recent = await upload(5000);
  await room.stopBot();
  await server.restart(() => {
    using database = new DatabaseSync(server.databaseFile);
    const then = Date.now() - 100 * day;
    for (const id of ids) {
      database
        .prepare(
          'UPDATE local_media_repository SET created_ts = ?, last_access_ts = ? WHERE media_id = ?',
        )
        .run(then, then, id);
    }
    database
      .prepare(
        `INSERT INTO remote_media_cache (media_origin, media_id, media_type, created_ts,
           upload_name, media_length, filesystem_id, last_access_ts)
           VALUES ('remote.example', 'picture', 'image/png', ?, 'a.png', 5, 'abcdefghijklmnopqrstuvwx', ?)`,
      )
      .run(then, then);
  });
  await room.startBot();
});
afterAll(async () => {
  await room.close();
  await server.stop();
});

async function upload(bytes: number): Promise<MxcUri> {
  return (await vera.uploadMedia(new Uint8Array(bytes), 'text/plain')) as MxcUri;
}

const exists = async (uri: MxcUri) => (await api.media.find(uri)) !== undefined;

describe('delete-local-media', () => {
  it('says how much there is, asks, and deletes what is old and large', async () => {
    const line = '!delete-local-media --before 90d --larger-than 2kB --reason disk';
    const dryRun = await room.ana.ask(`${line} --dry-run`);
    expect(dryRun.field.status).toBe('dry_run');
    const { confirmation: question, outcome } = await askAndConfirm(room.ana, line);
    expect(question.body).toContain('that are larger than 2 kB, last opened before 3 months ago');
    expect(question.body).toContain('1 user of this server has 5 files');
    expect(question.body).toContain('This can’t be undone');
    expect(outcome.body).toContain('✅ Deleted 1 file of this server');
    expect(await Promise.all([...old, recent].map(exists))).toEqual([
      false,
      true,
      true,
      true,
      true,
    ]);
  });

  it('deletes avatars only with --avatars, and never quarantined files', async () => {
    const { outcome } = await askAndConfirm(room.ana, '!delete-local-media --before 90d --avatars');
    expect(outcome.field.data).toMatchObject({ total: 2 });
    expect(await Promise.all([...old, recent].map(exists))).toEqual([
      false,
      false,
      false,
      true,
      true,
    ]);
  });

  it('refuses what is no size or no time, and what Synapse refuses', async () => {
    const size = await room.ana.ask('!delete-local-media --before 90d --larger-than huge');
    expect(size.field.status).toBe('usage');
    expect(size.body).toContain('huge is not a size');
    const missing = await room.ana.ask('!delete-local-media --larger-than 5MB');
    expect(missing.field.status).toBe('usage');
    const early = await room.ana.ask('!delete-local-media --before 1970-01-02');
    expect(early.field.status).toBe('usage');
    for (const before of ['1h', '2999-01-01']) {
      const late = await room.ana.ask(`!delete-local-media --before ${before} --avatars`);
      expect(late.field.status).toBe('usage');
    }
    // It reaches files of protected accounts, too.
    for (const who of [room.vic, room.ben]) {
      expect((await who.ask('!delete-local-media --before 90d')).field.status).toBe('denied');
    }
    await expect(
      api.media.deleteOld({ beforeTs: 1, largerThanBytes: 0, includeAvatars: false }),
    ).rejects.toMatchObject({ status: 400 });
  });
});

describe('purge-remote-media', () => {
  it('deletes copies of other servers’ files that nobody has opened lately', async () => {
    const none = await room.ben.ask('!purge-remote-media --before 200d');
    expect(none.body).toContain('✅ Deleted no copies');
    expect(await exists(remote)).toBe(true);
    const dryRun = await room.ben.ask('!purge-remote-media --before 30d --dry-run');
    expect(dryRun.field.status).toBe('dry_run');
    const purged = await room.ben.ask('!purge-remote-media --before 30d --reason disk');
    expect(purged.field).toMatchObject({ status: 'done', data: { deleted: 1 } });
    expect(purged.field.audit).toHaveLength(1);
    expect(await exists(remote)).toBe(false);
    expect(await exists(recent)).toBe(true);
  });

  it('needs a time that Synapse takes', async () => {
    const missing = await room.ben.ask('!purge-remote-media');
    expect(missing.field.status).toBe('usage');
    const early = await room.ben.ask('!purge-remote-media --before 1970-01-02');
    expect(early.body).toContain('Synapse takes no time before December 1970');
    const future = await room.ben.ask('!purge-remote-media --before 2999-01-01');
    expect(future.field.status).toBe('usage');
    expect(future.body).toContain('--before is in the future');
    const almostAll = await room.ben.ask('!purge-remote-media --before 1h');
    expect(almostAll.field.status).toBe('pending');
    const viewer = await room.vic.ask('!purge-remote-media --before 30d');
    expect(viewer.field.status).toBe('denied');
    await expect(api.media.purgeRemote(1)).rejects.toMatchObject({ status: 400 });
  });
});
