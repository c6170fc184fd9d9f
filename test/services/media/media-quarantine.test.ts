import { setTimeout as wait } from 'node:timers/promises';

import { describe, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { MxcUri, RoomId, UserId } from '../../../src/core/ids.ts';
import type { AdminApi } from '../../../src/homeserver/admin/admin-api.ts';
import {
  liftQuarantineOfRoom,
  liftQuarantineOfUploads,
  quarantineRoom,
  quarantineUploads,
} from '../../../src/services/media/media-quarantine.ts';
import { createMediaService } from '../../../src/services/media/media-service.ts';

const room = '!room:localhost' as RoomId;
const mallory = '@mallory:localhost' as UserId;
const bot = '@bot:localhost' as UserId;
const refused = new HomeserverError(403, 'M_FORBIDDEN', 'POST /');
const cutOff = new UnreachableError('POST /', 'did not answer', true);
const nothingSpared = { hashes: async () => new Set<string>(), isOwner: async () => false };

/**
 * A server with this many files, of the account and in the room. Each change of one file takes its turn, and
 * fails if `failures` has an error at its place.
 */
function serverWith(
  number: number,
  {
    quarantinedBy = null,
    failures = {},
  }: { quarantinedBy?: UserId | null; failures?: Readonly<Record<number, Error>> } = {},
) {
  const changed: string[] = [];
  let calls = 0;
  const files = Array.from({ length: number }, (_, at) => ({
    mediaId: `${at}`,
    sha256: `${at}`,
    userId: at % 2 === 0 ? mallory : ('@guarded:localhost' as UserId),
    quarantinedBy,
    safeFromQuarantine: false,
  }));
  async function change(uri: MxcUri) {
    const failure = failures[calls];
    calls += 1;
    await wait(failure === undefined ? 5 : 1);
    if (failure !== undefined) {
      throw failure;
    }
    changed.push(uri.slice(uri.lastIndexOf('/') + 1));
  }
  const media = {
    all: async function* all() {
      yield* files;
    },
    inRoom: async () => files.map(({ mediaId }) => `mxc://localhost/${mediaId}`),
    find: async (uri: MxcUri) => files.find(({ mediaId }) => uri.endsWith(`/${mediaId}`)),
    quarantine: change,
    unquarantine: change,
    quarantineUploads: async () => change('mxc://localhost/all' as MxcUri),
    quarantineRoom: async () => change('mxc://localhost/all' as MxcUri),
  } as unknown as AdminApi['media'];
  return { api: { media }, changed, calls: () => calls };
}

const all = [
  [
    'quarantineUploads',
    null,
    async ({ api }: ReturnType<typeof serverWith>) =>
      // One is spared, so the others are quarantined one by one.
      quarantineUploads(api, mallory, 'localhost', async () => new Set(['0'])),
  ],
  [
    'quarantineRoom',
    null,
    async ({ api }: ReturnType<typeof serverWith>) =>
      quarantineRoom(api, room, { ...nothingSpared, hashes: async () => new Set(['0']) }),
  ],
  [
    'liftQuarantineOfUploads',
    bot,
    async ({ api }: ReturnType<typeof serverWith>) =>
      liftQuarantineOfUploads(api, mallory, { by: bot, serverName: 'localhost' }),
  ],
  [
    'liftQuarantineOfRoom',
    bot,
    async ({ api }: ReturnType<typeof serverWith>) => liftQuarantineOfRoom(api, room, bot),
  ],
] as const;

describe.each(all)('%s', (_, quarantinedBy, run) => {
  test('keeps what was done when it is stopped half-way, and sends nothing afterwards', async () => {
    const server = serverWith(41, { quarantinedBy, failures: { 9: refused } });
    const outcome = await run(server);
    const { calls } = server;
    const callsThen = calls();
    expect(outcome.changed).toEqual(server.changed.map((id) => `mxc://localhost/${id}`));
    expect(server.changed.length).toBeGreaterThan(7);
    expect(callsThen).toBeLessThan(16);
    expect(outcome.stoppedBy).toBe(refused);
    expect(outcome.changed.length + outcome.left).toBe(quarantinedBy === null ? 40 : 41);
    await wait(30);
    expect(calls()).toBe(callsThen);
  });

  test('throws if nothing was done, and says so if that is not known', async () => {
    const failing = (...errors: readonly Error[]) =>
      serverWith(10, { quarantinedBy, failures: Object.fromEntries(errors.entries()) });
    await expect(run(failing(refused, refused, refused, refused))).rejects.toBe(refused);
    await expect(run(failing(refused, cutOff, refused, refused))).rejects.toBe(cutOff);
  });

  test('says of a whole one that nothing is left', async () => {
    expect(await run(serverWith(10, { quarantinedBy }))).toMatchObject({
      left: 0,
      stoppedBy: undefined,
    });
  });
});

test('the files of a spared owner stay available, whoever sent them', async () => {
  const server = serverWith(6);
  const outcome = await quarantineRoom(server.api, room, {
    ...nothingSpared,
    isOwner: async (user) => user === '@guarded:localhost',
  });
  expect(server.changed.toSorted()).toEqual(['0', '2', '4']);
  expect(outcome).toMatchObject({ kept: 3, before: 0 });
  expect(outcome.changed).toHaveLength(3);
});

test('a change whose result can’t be read may have happened', async () => {
  let calls = 0;
  const media = {
    async find() {
      calls += 1;
      if (calls > 1) {
        throw new HomeserverError(401, 'M_UNKNOWN_TOKEN', 'GET /');
      }
      return { quarantinedBy: null, safeFromQuarantine: false };
    },
    quarantine: async () => undefined,
  } as unknown as AdminApi['media'];
  const service = createMediaService(
    { media, statistics: {} as AdminApi['statistics'] },
    'localhost',
  );
  await expect(service.quarantine(['mxc://localhost/a' as MxcUri])).rejects.toMatchObject({
    code: 'unreachable',
    mayHaveHappened: true,
  });
});
