import PQueue from 'p-queue';

import type { MxcUri, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { StoredMedia, UserMedia } from '../../homeserver/admin/media.ts';
import { rowsPerRequest } from '../pages.ts';

/** What became of an account's files. */
export interface QuarantineOutcome {
  readonly quarantined: number;
  /** Files that were quarantined before. */
  readonly before: number;
  /** Files that are protected from quarantine, or equal a file that must stay available. */
  readonly kept: number;
}

type Api = Pick<AdminApi, 'media'>;

/** The number of files that are quarantined at the same time. */
const concurrency = 4;

async function filesOf(api: Api, user: UserId): Promise<UserMedia[]> {
  return Array.fromAsync(api.media.all(user, { limit: rowsPerRequest }));
}

/** Files that a quarantine of all would change. */
function openAmong<File extends Pick<UserMedia, 'quarantinedBy' | 'safeFromQuarantine'>>(
  files: readonly File[],
): File[] {
  return files.filter((file) => file.quarantinedBy === null && !file.safeFromQuarantine);
}

/**
 * Quarantines the files that an account has uploaded. Synapse quarantines equal files of other accounts with
 * them, so those that equal a spared file are left out.
 *
 * @param sparedHashes SHA-256 sums of files that must stay available; asked for only if there are files
 */
export async function quarantineUploads(
  api: Api,
  user: UserId,
  serverName: string,
  sparedHashes: () => Promise<ReadonlySet<string>>,
): Promise<QuarantineOutcome> {
  const files = await filesOf(api, user);
  const before = files.filter(({ quarantinedBy }) => quarantinedBy !== null).length;
  const open = openAmong(files);
  const spared = open.length === 0 ? new Set<string>() : await sparedHashes();
  const taken = open.filter(({ sha256 }) => sha256 === null || !spared.has(sha256));
  if (taken.length > 0 && taken.length === open.length) {
    await api.media.quarantineUploads(user);
  } else {
    const queue = new PQueue({ concurrency });
    await queue.addAll(
      taken.map(
        ({ mediaId }) =>
          async () =>
            api.media.quarantine(`mxc://${serverName}/${mediaId}` as MxcUri),
      ),
    );
  }
  const protectedFiles = files.length - before - open.length;
  return {
    quarantined: taken.length,
    before,
    kept: protectedFiles + open.length - taken.length,
  };
}

/** Whether no file is left that `quarantineUploads` would quarantine. */
export async function areUploadsQuarantined(
  api: Api,
  user: UserId,
  sparedHashes: () => Promise<ReadonlySet<string>>,
): Promise<boolean> {
  const open = openAmong(await filesOf(api, user));
  if (open.length === 0) {
    return true;
  }
  const spared = await sparedHashes();
  return open.every(({ sha256 }) => sha256 !== null && spared.has(sha256));
}

/**
 * Lifts the quarantines that `by` has set on an account's files. Synapse also lifts those of equal files.
 *
 * @returns `others`: the number of files that somebody else has quarantined, which stay quarantined
 */
export async function liftQuarantineOfUploads(
  api: Api,
  user: UserId,
  { by, serverName }: { readonly by: UserId; readonly serverName: string },
): Promise<{ readonly released: number; readonly others: number }> {
  const quarantined = (await filesOf(api, user)).filter((file) => file.quarantinedBy !== null);
  const own = quarantined.filter(({ quarantinedBy }) => quarantinedBy === by);
  const queue = new PQueue({ concurrency });
  await queue.addAll(
    own.map(
      ({ mediaId }) =>
        async () =>
          api.media.unquarantine(`mxc://${serverName}/${mediaId}` as MxcUri),
    ),
  );
  return { released: own.length, others: quarantined.length - own.length };
}

/** The files in a room's unencrypted messages that this server has. */
async function filesIn(
  api: Api,
  room: RoomId,
): Promise<(StoredMedia & { readonly uri: MxcUri })[]> {
  const uris = [...new Set(await api.media.inRoom(room))];
  const queue = new PQueue({ concurrency });
  const found = await queue.addAll(
    uris.map((uri) => async () => ({ uri, file: await api.media.find(uri) })),
  );
  return found.flatMap(({ uri, file }) => (file === undefined ? [] : [{ ...file, uri }]));
}

/** Quarantines the files in a room; otherwise as `quarantineUploads`. */
export async function quarantineRoom(
  api: Api,
  room: RoomId,
  sparedHashes: () => Promise<ReadonlySet<string>>,
): Promise<QuarantineOutcome> {
  const files = await filesIn(api, room);
  const open = openAmong(files);
  const before = files.filter(({ quarantinedBy }) => quarantinedBy !== null).length;
  const spared = open.length === 0 ? new Set<string>() : await sparedHashes();
  const taken = open.filter(({ sha256 }) => sha256 === null || !spared.has(sha256));
  // The request for the whole room would replace the names of those who quarantined files before.
  if (taken.length > 0 && taken.length === open.length && before === 0) {
    await api.media.quarantineRoom(room);
  } else {
    const queue = new PQueue({ concurrency });
    await queue.addAll(
      taken.map(
        ({ uri }) =>
          async () =>
            api.media.quarantine(uri),
      ),
    );
  }
  return { quarantined: taken.length, before, kept: files.length - before - taken.length };
}

/** Whether no file is left that `quarantineRoom` would quarantine. */
export async function isRoomQuarantined(
  api: Api,
  room: RoomId,
  sparedHashes: () => Promise<ReadonlySet<string>>,
): Promise<boolean> {
  const open = openAmong(await filesIn(api, room));
  const spared = open.length === 0 ? new Set<string>() : await sparedHashes();
  return open.every(({ sha256 }) => sha256 !== null && spared.has(sha256));
}

/** Lifts the quarantines that `by` has set on the files in a room; otherwise as `liftQuarantineOfUploads`. */
export async function liftQuarantineOfRoom(
  api: Api,
  room: RoomId,
  by: UserId,
): Promise<{ readonly released: number; readonly others: number }> {
  const quarantined = (await filesIn(api, room)).filter((file) => file.quarantinedBy !== null);
  const own = quarantined.filter(({ quarantinedBy }) => quarantinedBy === by);
  const queue = new PQueue({ concurrency });
  await queue.addAll(
    own.map(
      ({ uri }) =>
        async () =>
          api.media.unquarantine(uri),
    ),
  );
  return { released: own.length, others: quarantined.length - own.length };
}
