import { describe, expect, test } from 'vitest';

import type { MatrixUser } from '../../../dev/synapse/matrix-user.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import {
  adminApi,
  adminUser,
  asUserId,
  homeserver,
  idOf,
  newUser,
  uniqueLocalpart,
  unknownUserId,
} from '../../support/homeserver.ts';

const { media, statistics } = adminApi();
const remoteUser = asUserId('@somebody:remote.example');

const notFound = { status: 404, isNotFound: true };
const refused = { status: 400 };

/** Uploads a file of this many bytes and returns its media ID. */
async function upload(user: MatrixUser, bytes: number, name?: string): Promise<string> {
  const uri = await user.uploadMedia(new Uint8Array(bytes), 'application/octet-stream', name);
  return uri.slice(uri.lastIndexOf('/') + 1);
}

describe('GET /_synapse/admin/v1/users/{user_id}/media', () => {
  test('lists what an account has uploaded', async () => {
    const user = await newUser('media');
    const mediaId = await upload(user, 10, 'a name.bin');
    const page = await media.list(idOf(user));
    expect(page).toMatchObject({ total: 1, nextToken: null });
    expect(page.media).toMatchObject([
      {
        mediaId,
        mediaType: 'application/octet-stream',
        mediaLength: 10,
        uploadName: 'a name.bin',
        quarantinedBy: null,
        safeFromQuarantine: false,
        urlCache: null,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    expect(Math.abs((page.media[0]?.createdTs ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  test('in order, page by page', async () => {
    const user = await newUser('media');
    const ids: string[] = [];
    for (const bytes of [30, 10, 50, 20, 40]) {
      ids.push(await upload(user, bytes));
    }
    const page = await media.list(idOf(user), { limit: 2 });
    expect(page).toMatchObject({ total: 5, nextToken: 2 });
    const bySize = media.all(idOf(user), { orderBy: 'media_length', limit: 2 });
    const sizes = (await Array.fromAsync(bySize)).map(({ mediaLength }) => mediaLength);
    expect(sizes).toEqual([10, 20, 30, 40, 50]);
    const all = await Array.fromAsync(media.all(idOf(user), { limit: 3 }));
    expect(all.map(({ mediaId }) => mediaId).sort()).toEqual(ids.sort());
  });

  test('never asks for a page of 0', async () => {
    await expect(media.list(unknownUserId(), { limit: 0 })).rejects.toThrow(RangeError);
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(media.list(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(media.list(remoteUser)).rejects.toMatchObject(refused);
  });
});

describe('DELETE /_synapse/admin/v1/users/{user_id}/media', () => {
  test('deletes one page, and then what is left', async () => {
    const user = await newUser('media');
    const small = await upload(user, 10);
    const large = await upload(user, 20);
    const largest = { orderBy: 'media_length', dir: 'b', limit: 1 } as const;
    await expect(media.deletePage(idOf(user), largest)).resolves.toEqual([large]);
    await expect(media.deletePage(idOf(user))).resolves.toEqual([small]);
    await expect(media.deletePage(idOf(user))).resolves.toEqual([]);
    await expect(media.list(idOf(user))).resolves.toMatchObject({ total: 0 });
  });

  test('100 files at a time', async () => {
    const user = await newUser('media');
    for (let file = 0; file < 101; file++) {
      await upload(user, 1);
    }
    await expect(media.deletePage(idOf(user))).resolves.toHaveLength(100);
    await expect(media.deletePage(idOf(user))).resolves.toHaveLength(1);
  });

  test('404 for an unknown account, 400 for one of another server', async () => {
    await expect(media.deletePage(unknownUserId())).rejects.toMatchObject(notFound);
    await expect(media.deletePage(remoteUser)).rejects.toMatchObject(refused);
  });
});

/** Uploads a file of this text and returns its address. */
async function uploadText(user: MatrixUser, text: string): Promise<MxcUri> {
  return uri(await user.uploadMedia(new TextEncoder().encode(text), 'text/plain', 'a name.txt'));
}

const uri = (text: string) => text as MxcUri;

const download = async (user: MatrixUser, file: MxcUri) =>
  user.request('GET', `/_matrix/client/v1/media/download/${file.slice('mxc://'.length)}`);

describe('GET /_synapse/admin/v1/media/{server_name}/{media_id}', () => {
  test('shows a file', async () => {
    const user = await newUser('media');
    const file = await uploadText(user, uniqueLocalpart('text'));
    await expect(media.find(file)).resolves.toMatchObject({
      mediaOrigin: null,
      mediaId: file.slice(file.lastIndexOf('/') + 1),
      userId: user.userId,
      mediaType: 'text/plain',
      mediaLength: 17,
      uploadName: 'a name.txt',
      quarantinedBy: null,
      safeFromQuarantine: false,
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
  });

  test('nothing for an unknown file, here and of another server', async () => {
    const here = uri(`mxc://${homeserver().serverName}/unknown`);
    await expect(media.find(here)).resolves.toBeUndefined();
    await expect(media.find(uri('mxc://remote.example/unknown'))).resolves.toBeUndefined();
  });
});

describe('POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}', () => {
  test('and POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id} act on equal files', async () => {
    const [one, other] = [await newUser('media'), await newUser('media')];
    const text = uniqueLocalpart('equal');
    const [file, equal] = [await uploadText(one, text), await uploadText(other, text)];
    await media.quarantine(file);
    const { userId } = homeserver().admin;
    await expect(media.find(file)).resolves.toMatchObject({ quarantinedBy: userId });
    await expect(media.find(equal)).resolves.toMatchObject({ quarantinedBy: userId });
    await expect(download(other, equal)).rejects.toMatchObject({ status: 404 });
    const later = await uploadText(other, text);
    await expect(media.find(later)).resolves.toMatchObject({ quarantinedBy: 'system' });
    await media.unquarantine(later);
    for (const each of [file, equal, later]) {
      await expect(media.find(each)).resolves.toMatchObject({ quarantinedBy: null });
    }
  });

  test('says yes and does nothing where the file is unknown or protected', async () => {
    const unknown = uri('mxc://remote.example/unknown');
    await expect(media.quarantine(unknown)).resolves.toBeUndefined();
    await expect(media.unquarantine(unknown)).resolves.toBeUndefined();
    const file = await uploadText(await newUser('media'), uniqueLocalpart('safe'));
    await protect(file);
    await media.quarantine(file);
    await expect(media.find(file)).resolves.toMatchObject({
      quarantinedBy: null,
      safeFromQuarantine: true,
    });
  });
});

async function protect(file: MxcUri): Promise<void> {
  const id = file.slice(file.lastIndexOf('/') + 1);
  await adminUser().request('POST', `/_synapse/admin/v1/media/protect/${id}`, { json: {} });
}

describe('GET /_synapse/admin/v1/statistics/users/media', () => {
  test('counts what accounts have uploaded', async () => {
    const user = await newUser('usage', { displayName: 'Up Loader' });
    await upload(user, 10);
    await upload(user, 20);
    const { localpart } = user.account;
    await expect(statistics.listMediaUsage({ searchTerm: localpart })).resolves.toEqual({
      users: [{ userId: user.userId, displayname: 'Up Loader', mediaCount: 2, mediaLength: 30 }],
      total: 1,
      nextToken: null,
    });
    const later = { searchTerm: localpart, fromTs: Date.now() + 60_000 };
    await expect(statistics.listMediaUsage(later)).resolves.toMatchObject({ total: 0 });
  });

  test('in order, page by page', async () => {
    const sizes = [20, 30, 10];
    const part = `usage${Date.now()}`;
    for (const bytes of sizes) {
      await upload(await newUser(part), bytes);
    }
    const query = { searchTerm: part, orderBy: 'media_length', dir: 'b', limit: 2 } as const;
    await expect(statistics.listMediaUsage(query)).resolves.toMatchObject({
      total: 3,
      nextToken: 2,
    });
    const all = await Array.fromAsync(statistics.allMediaUsage(query));
    expect(all.map(({ mediaLength }) => mediaLength)).toEqual([30, 20, 10]);
  });

  test('400 for a time that ends before it begins, and for what is not ASCII', async () => {
    const wrong = statistics.listMediaUsage({ fromTs: 2_000, untilTs: 1_000 });
    await expect(wrong).rejects.toMatchObject(refused);
    await expect(statistics.listMediaUsage({ searchTerm: 'é' })).rejects.toMatchObject(refused);
    await expect(statistics.listMediaUsage({ limit: 0 })).rejects.toThrow(RangeError);
  });
});
