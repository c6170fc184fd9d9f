import PQueue from 'p-queue';

import type { MxcUri, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { UserMedia } from '../../homeserver/admin/media.ts';
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

/** Files that a quarantine of the whole account would change. */
function openAmong(files: readonly UserMedia[]): UserMedia[] {
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
