import { describe, expect, test } from 'vitest';

import { HomeserverError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { deleteAllMedia } from '../../../src/services/media/media-deletion.ts';

const user = '@mallory:example.com' as UserId;
const refused = new HomeserverError(500, 'M_UNKNOWN', 'DELETE /');

/** An account's files, of which each call deletes so many, or fails. */
function serverWith(files: number, pages: readonly (number | Error)[]) {
  let left = files;
  const rest = [...pages];
  const media = {
    list: async () => ({ media: [], total: left, nextToken: null }),
    deletePage: async () => {
      const page = rest.shift() ?? 0;
      if (page instanceof Error) {
        throw page;
      }
      left -= page;
      return Array.from({ length: page }, (_, at) => `${left}-${at}`);
    },
  } as unknown as AdminApi['media'];
  return { media };
}

describe('deleteAllMedia', () => {
  test('goes on until no more is deleted, also past a page that is not full', async () => {
    const outcome = await deleteAllMedia(serverWith(250, [100, 99, 51]), user);
    expect(outcome).toMatchObject({ remaining: 0, stoppedBy: undefined });
    expect(outcome.deletedMedia).toHaveLength(250);
  });

  test('says what is left where the server can’t delete it', async () => {
    const outcome = await deleteAllMedia(serverWith(5, [3, 0]), user);
    expect(outcome).toMatchObject({ remaining: 2, stoppedBy: undefined });
  });

  test('keeps what was done when it is stopped half-way', async () => {
    const outcome = await deleteAllMedia(serverWith(250, [100, refused]), user);
    expect(outcome.deletedMedia).toHaveLength(100);
    expect(outcome).toMatchObject({ remaining: 150, stoppedBy: refused });
  });

  test('throws where nothing was done', async () => {
    await expect(deleteAllMedia(serverWith(250, [refused]), user)).rejects.toBe(refused);
  });

  test('ends for an account that uploads as fast as its files are deleted', async () => {
    const endless = {
      media: {
        list: async () => ({ media: [], total: 10, nextToken: null }),
        deletePage: async () => Array.from({ length: 10 }, () => 'file'),
      } as unknown as AdminApi['media'],
    };
    const outcome = await deleteAllMedia(endless, user);
    expect(outcome).toMatchObject({ remaining: 10 });
  });
});
