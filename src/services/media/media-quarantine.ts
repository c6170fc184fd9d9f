import PQueue from 'p-queue';

import { LawspeakerError, mayHaveHappened } from '../../core/errors.ts';
import type { MxcUri, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { StoredMedia, UserMedia } from '../../homeserver/admin/media.ts';
import { rowsPerRequest } from '../pages.ts';

/** How far a change of several files got. */
interface Progress {
  /** The files that were changed. */
  readonly changed: readonly MxcUri[];
  /** Files that were to be changed and were not, or of which it is not known. */
  readonly left: number;
  /** Why the change stopped early, after some files were changed. */
  readonly stoppedBy: LawspeakerError | undefined;
}

/** What became of the files of an account, or in a room. */
export interface QuarantineOutcome extends Progress {
  /** Files that were quarantined before. */
  readonly before: number;
  /** Files that are protected from quarantine, or that must stay available. */
  readonly kept: number;
}

/** What became of the files whose quarantine was lifted. */
export interface ReleaseOutcome extends Progress {
  /** Files that somebody else has quarantined, which stay quarantined. */
  readonly others: number;
}

/** Files that must stay available. Both are asked only if there are files. */
export interface Spared {
  /** Their SHA-256 sums: Synapse quarantines equal files together. */
  hashes(): Promise<ReadonlySet<string>>;
  /** Whether all files of this user must stay available. */
  isOwner(user: UserId): Promise<boolean>;
}

type Api = Pick<AdminApi, 'media'>;

/** The number of files that are quarantined at the same time. */
const concurrency = 4;

async function filesOf(api: Api, user: UserId): Promise<UserMedia[]> {
  return Array.fromAsync(api.media.all(user, { limit: rowsPerRequest }));
}

/**
 * Changes several files, some at the same time, until one fails. No request goes out after this returns.
 *
 * @throws the first error, if no file was changed
 */
async function changeEach(
  files: readonly MxcUri[],
  change: (file: MxcUri) => Promise<void>,
): Promise<Progress> {
  const queue = new PQueue({ concurrency });
  const errors: unknown[] = [];
  const changed: MxcUri[] = [];
  for (const file of files) {
    void queue.add(async () => {
      try {
        await change(file);
        changed.push(file);
      } catch (error) {
        errors.push(error);
        queue.clear();
      }
    });
  }
  await queue.onIdle();
  // Of several errors, the one that leaves open whether something was changed counts.
  const error = errors.find(mayHaveHappened) ?? errors[0];
  if (error === undefined) {
    return { changed, left: 0, stoppedBy: undefined };
  }
  if (changed.length === 0 || !(error instanceof LawspeakerError)) {
    throw error;
  }
  return { changed, left: files.length - changed.length, stoppedBy: error };
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
 * @throws LawspeakerError no file was quarantined
 */
export async function quarantineUploads(
  api: Api,
  user: UserId,
  serverName: string,
  sparedHashes: Spared['hashes'],
): Promise<QuarantineOutcome> {
  const files = await filesOf(api, user);
  const before = files.filter(({ quarantinedBy }) => quarantinedBy !== null).length;
  const open = openAmong(files);
  const spared = open.length === 0 ? new Set<string>() : await sparedHashes();
  const taken = open.filter(({ sha256 }) => sha256 === null || !spared.has(sha256));
  const kept = files.length - before - taken.length;
  const uris = taken.map((file) => uriOf(file, serverName));
  if (taken.length > 0 && taken.length === open.length) {
    await api.media.quarantineUploads(user);
    return { changed: uris, before, kept, left: 0, stoppedBy: undefined };
  }
  return { before, kept, ...(await changeEach(uris, api.media.quarantine)) };
}

function uriOf({ mediaId }: UserMedia, serverName: string): MxcUri {
  return `mxc://${serverName}/${mediaId}` as MxcUri;
}

/** Whether no file is left that `quarantineUploads` would quarantine. */
export async function areUploadsQuarantined(
  api: Api,
  user: UserId,
  sparedHashes: Spared['hashes'],
): Promise<boolean> {
  const open = openAmong(await filesOf(api, user));
  if (open.length === 0) {
    return true;
  }
  const spared = await sparedHashes();
  return open.every(({ sha256 }) => sha256 !== null && spared.has(sha256));
}

/** The number of an account's files that `by` has quarantined. */
export async function countQuarantinedUploads(api: Api, user: UserId, by: UserId): Promise<number> {
  return (await filesOf(api, user)).filter(({ quarantinedBy }) => quarantinedBy === by).length;
}

/**
 * Lifts all quarantines that `by` has set on an account's files. Synapse also lifts those of equal files.
 *
 * @throws LawspeakerError no quarantine was lifted
 */
export async function liftQuarantineOfUploads(
  api: Api,
  user: UserId,
  { by, serverName }: { readonly by: UserId; readonly serverName: string },
): Promise<ReleaseOutcome> {
  const quarantined = (await filesOf(api, user)).filter((file) => file.quarantinedBy !== null);
  const own = quarantined.filter(({ quarantinedBy }) => quarantinedBy === by);
  const uris = own.map((file) => uriOf(file, serverName));
  return {
    others: quarantined.length - own.length,
    ...(await changeEach(uris, api.media.unquarantine)),
  };
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

/**
 * Those of the files in a room that may be quarantined. Anybody can send the address of anybody's file, so the
 * owner counts, not the sender.
 */
async function withoutSpared<File extends Pick<StoredMedia, 'sha256' | 'userId'>>(
  files: readonly File[],
  spared: Spared,
): Promise<File[]> {
  if (files.length === 0) {
    return [];
  }
  const hashes = await spared.hashes();
  const owners = [...new Set(files.flatMap(({ userId }) => userId ?? []))];
  const sparedOwners = new Set<UserId>();
  for (const owner of owners) {
    if (await spared.isOwner(owner)) {
      sparedOwners.add(owner);
    }
  }
  return files.filter(
    ({ sha256, userId }) =>
      (sha256 === null || !hashes.has(sha256)) && (userId === null || !sparedOwners.has(userId)),
  );
}

/** Quarantines the files in a room, except those of spared owners; otherwise as `quarantineUploads`. */
export async function quarantineRoom(
  api: Api,
  room: RoomId,
  spared: Spared,
): Promise<QuarantineOutcome> {
  const files = await filesIn(api, room);
  const open = openAmong(files);
  const before = files.filter(({ quarantinedBy }) => quarantinedBy !== null).length;
  const taken = await withoutSpared(open, spared);
  const kept = files.length - before - taken.length;
  // The request for the whole room would replace the names of those who quarantined files before.
  const uris = taken.map(({ uri }) => uri);
  if (taken.length > 0 && taken.length === open.length && before === 0) {
    await api.media.quarantineRoom(room);
    return { changed: uris, before, kept, left: 0, stoppedBy: undefined };
  }
  return { before, kept, ...(await changeEach(uris, api.media.quarantine)) };
}

/** Whether no file is left that `quarantineRoom` would quarantine. */
export async function isRoomQuarantined(api: Api, room: RoomId, spared: Spared): Promise<boolean> {
  return (await withoutSpared(openAmong(await filesIn(api, room)), spared)).length === 0;
}

/** The number of files in a room that `by` has quarantined. */
export async function countQuarantinedInRoom(api: Api, room: RoomId, by: UserId): Promise<number> {
  return (await filesIn(api, room)).filter(({ quarantinedBy }) => quarantinedBy === by).length;
}

/** Lifts all quarantines that `by` has set on the files in a room; otherwise as `liftQuarantineOfUploads`. */
export async function liftQuarantineOfRoom(
  api: Api,
  room: RoomId,
  by: UserId,
): Promise<ReleaseOutcome> {
  const quarantined = (await filesIn(api, room)).filter((file) => file.quarantinedBy !== null);
  const own = quarantined.filter(({ quarantinedBy }) => quarantinedBy === by);
  const uris = own.map(({ uri }) => uri);
  return {
    others: quarantined.length - own.length,
    ...(await changeEach(uris, api.media.unquarantine)),
  };
}
