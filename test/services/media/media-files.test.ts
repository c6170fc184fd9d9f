import { describe, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { MxcUri } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import { createMediaService } from '../../../src/services/media/media-service.ts';

const refused = new HomeserverError(403, 'M_FORBIDDEN', 'POST /');
const gone = new HomeserverError(404, 'M_NOT_FOUND', 'DELETE /');
const cutOff = new UnreachableError('POST /', 'did not answer', true);
const notReached = new UnreachableError('POST /', 'can’t be reached', false);

const uris = ['a', 'b', 'c', 'd'].map((id) => `mxc://localhost/${id}` as MxcUri);

/** A server with the files `a` to `d`, whose changes fail as given. */
function serviceWith(
  name: 'quarantine' | 'delete' | 'protect',
  failures: Readonly<Record<string, Error | 'not removed' | 'answer lost' | 'then away'>>,
) {
  const tried: string[] = [];
  const changed = new Set<string>();
  let isAway = false;
  async function change(uri: MxcUri): Promise<boolean> {
    const id = uri.slice(-1);
    tried.push(id);
    const failure = failures[id];
    if (failure instanceof Error) {
      throw failure;
    }
    changed.add(id);
    if (failure === 'answer lost' || failure === 'then away') {
      isAway = failure === 'then away';
      throw cutOff;
    }
    return failure === undefined;
  }
  const media = {
    async find(uri: MxcUri) {
      const isChanged = changed.has(uri.slice(-1));
      if (isAway) {
        throw notReached;
      }
      return name === 'delete' && isChanged
        ? undefined
        : {
            userId: '@mallory:localhost',
            quarantinedBy: name === 'quarantine' && isChanged ? '@bot:localhost' : null,
            safeFromQuarantine: name === 'protect' && isChanged,
          };
    },
    quarantine: change,
    delete: change,
    protect: async (id: string) => change(`mxc://localhost/${id}` as MxcUri),
  } as unknown as AdminApi['media'];
  const api = { media, statistics: {} as AdminApi['statistics'] };
  return { tried, service: createMediaService(api, 'localhost') };
}

describe.each(['quarantine', 'delete', 'protect'] as const)('%s of several files', (name) => {
  const run = async (failures: Parameters<typeof serviceWith>[1]) => {
    const { service, tried } = serviceWith(name, failures);
    const { changed, failed, unknown } = await service[name](uris);
    return { tried, changed: changed.map(({ uri }) => uri.slice(-1)), failed, unknown };
  };

  test('goes on after a file that the server refuses', async () => {
    expect(await run({ a: refused, c: refused })).toMatchObject({
      tried: ['a', 'b', 'c', 'd'],
      changed: ['b', 'd'],
      failed: [
        { uri: uris[0], error: refused },
        { uri: uris[2], error: refused },
      ],
    });
  });

  test.each([cutOff, notReached])('leaves the rest alone if the server is away', async (away) => {
    expect(await run({ a: refused, c: away })).toMatchObject({
      tried: ['a', 'b', 'c'],
      changed: ['b'],
      failed: [
        { uri: uris[0] },
        { uri: uris[2], error: away },
        { uri: uris[3], error: { code: 'state' } },
      ],
    });
  });

  test('looks again at a file whose answer was lost', async () => {
    const [, , , last] = uris;
    const left = [{ uri: last, error: { code: 'state' } }];
    expect(await run({ c: 'answer lost' })).toMatchObject({
      tried: ['a', 'b', 'c'],
      changed: ['a', 'b', 'c'],
      failed: left,
      unknown: [],
    });
    expect(await run({ c: cutOff })).toMatchObject({ changed: ['a', 'b'], unknown: [] });
    expect(await run({ c: 'then away' })).toMatchObject({
      changed: ['a', 'b'],
      failed: left,
      unknown: [{ uri: uris[2], error: cutOff }],
    });
  });

  test('throws if nothing was done, and says so if that is not known', async () => {
    await expect(run({ a: cutOff })).rejects.toBe(cutOff);
    await expect(run({ a: refused, b: cutOff })).rejects.toBe(cutOff);
    const all = run(Object.fromEntries(['a', 'b', 'c', 'd'].map((id) => [id, refused])));
    await expect(all).rejects.toMatchObject({
      code: 'state',
      message: 'nothing can be done with any of these 4 files',
      advice: expect.stringContaining(
        '`mxc://localhost/a`: the homeserver refused (403',
      ) as unknown,
    });
  });
});

test('a file that Synapse could not remove from its disk is not called deleted', async () => {
  const { service } = serviceWith('delete', { b: 'not removed', c: gone });
  const { changed, failed } = await service.delete(uris);
  expect(changed.map(({ uri }) => uri)).toEqual([uris[0], uris[3]]);
  expect(failed.map(({ error }) => error.message)).toEqual([
    'Synapse could not remove `mxc://localhost/b` from its storage',
    'this server has no file `mxc://localhost/c`',
  ]);
});
