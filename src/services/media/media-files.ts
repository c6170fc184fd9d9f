import PQueue from 'p-queue';

import {
  LawspeakerError,
  TargetError,
  UnreachableError,
  isNotFound,
  isRefusedForGood,
  mayHaveHappened,
  orUndefined,
} from '../../core/errors.ts';
import { mxcParts } from '../../core/ids.ts';
import type { MxcUri } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { StoredMedia } from '../../homeserver/admin/media.ts';

/** A file that this server has, by its address. */
export interface NamedFile {
  readonly uri: MxcUri;
  readonly file: StoredMedia;
}

/** A file that was not changed, or of which that is not known, and why. */
export interface FailedFile {
  readonly uri: MxcUri;
  readonly error: LawspeakerError;
}

/** What became of several files, each in the order in which they were named. */
export interface FileChanges {
  /** As they are after the change; deleted files as they were before. */
  readonly changed: readonly NamedFile[];
  /** Were like this before, and nothing was changed. */
  readonly wasSo: readonly NamedFile[];
  readonly failed: readonly FailedFile[];
  /** May have been changed: neither the change nor a look-up after it was answered. */
  readonly unknown: readonly FailedFile[];
}

/** A change of one file. */
interface FileChange {
  /** @returns the file after the change, or `wasSo` if it is like this already */
  change(
    uri: MxcUri,
    file: StoredMedia | undefined,
  ): Promise<{ readonly file: StoredMedia; readonly wasSo: boolean }>;
  /** Whether a file is as the change makes it; undefined if this server does not have it. */
  isSo(file: StoredMedia | undefined): boolean;
}

type Api = Pick<AdminApi, 'media'>;

/** The number of files that are looked up at the same time. */
const concurrency = 8;

/** What this server knows of files, in the order given. */
export async function lookUpFiles(
  api: Api,
  uris: readonly MxcUri[],
): Promise<{ readonly uri: MxcUri; readonly file: StoredMedia | undefined }[]> {
  const queue = new PQueue({ concurrency });
  return queue.addAll(uris.map((uri) => async () => ({ uri, file: await api.media.find(uri) })));
}

/**
 * Changes files one after another. A file that can't be changed does not keep the others from being changed. If the
 * homeserver does not answer, or is overloaded, the rest is left alone. A file that may have been changed although
 * the answer was lost is looked up once more.
 *
 * @throws LawspeakerError no file was changed or was like this before, or it is not known whether one was
 */
async function changeFiles(
  api: Api,
  uris: readonly MxcUri[],
  { change, isSo }: FileChange,
): Promise<FileChanges> {
  const changed: NamedFile[] = [];
  const wasSo: NamedFile[] = [];
  const failed: FailedFile[] = [];
  const unknown: FailedFile[] = [];
  let isStopped = false;
  for (const { uri, file } of await lookUpFiles(api, uris)) {
    if (isStopped) {
      failed.push({ uri, error: new TargetError('state', 'not tried after this error') });
      continue;
    }
    try {
      const result = await change(uri, file);
      (result.wasSo ? wasSo : changed).push({ uri, file: result.file });
    } catch (error) {
      const isOfFile = error instanceof TargetError || isRefusedForGood(error);
      const mayBeSo = mayHaveHappened(error);
      if (!(error instanceof LawspeakerError) || (changed.length === 0 && (!isOfFile || mayBeSo))) {
        throw error;
      }
      isStopped = !isOfFile;
      const after = mayBeSo ? await lookUpAgain(api, uri) : undefined;
      if (after !== undefined && isSo(after.now)) {
        // Only a file that was there can have been changed.
        changed.push({ uri, file: after.now ?? (file as StoredMedia) });
      } else {
        (mayBeSo && after === undefined ? unknown : failed).push({ uri, error });
      }
    }
  }
  if (changed.length === 0 && wasSo.length === 0) {
    throw noneChanged(failed);
  }
  return { changed, wasSo, failed, unknown };
}

/** The file as it is now; undefined if that can't be looked up. */
async function lookUpAgain(
  api: Api,
  uri: MxcUri,
): Promise<{ readonly now: StoredMedia | undefined } | undefined> {
  return orUndefined(api.media.find(uri).then((now) => ({ now })));
}

/** Why a file was not changed: a sentence without a full stop, which names the file. */
export function whyFailed({ uri, error: { message } }: FailedFile): string {
  return message.includes(uri) ? message : `\`${uri}\`: ${message}`;
}

/** At most this many reasons are named in an error. */
const maxNamed = 5;

function noneChanged(failed: readonly FailedFile[]): LawspeakerError {
  const [first] = failed;
  if (first !== undefined && failed.length === 1) {
    return first.error;
  }
  const others = failed.length - maxNamed;
  return new TargetError(
    failed.every(({ error }) => error.code === 'unknown') ? 'unknown' : 'state',
    `nothing can be done with any of these ${failed.length} files`,
    [
      ...failed.slice(0, maxNamed).map((one) => `${whyFailed(one)}.`),
      ...(others > 0 ? [`And ${others} more.`] : []),
      'Nothing was changed.',
    ].join('\n'),
  );
}

/**
 * Quarantines files, or releases them. Changes a file only if that makes a difference, because a second quarantine
 * would replace the name of whoever set the first. Then checks the result, because Synapse reports success even for
 * files that it can't change. Equal files that are named together are changed together.
 *
 * @throws TargetError this server doesn't hold any of them, or can't change them
 * @throws UnreachableError Synapse accepted the request, but the result can't be checked
 */
export async function setQuarantined(
  api: Api,
  uris: readonly MxcUri[],
  { quarantined, serverName }: { readonly quarantined: boolean; readonly serverName: string },
): Promise<FileChanges> {
  const isSo = (file: StoredMedia | undefined) =>
    file !== undefined && (file.quarantinedBy !== null) === quarantined;
  const change: FileChange['change'] = async (uri, file) => {
    if (file === undefined) {
      throw notHere(uri, serverName);
    }
    if (isSo(file)) {
      return { file, wasSo: true };
    }
    if (quarantined && file.safeFromQuarantine) {
      throw new TargetError(
        'state',
        `\`${uri}\` is protected from quarantine`,
        'Nothing was changed. Somebody wants it to stay available: remove the protection first.',
      );
    }
    await (quarantined ? api.media.quarantine(uri) : api.media.unquarantine(uri));
    const now = await findAfterChange(api, uri);
    if (now === undefined || !isSo(now)) {
      throw new TargetError(
        'state',
        `Synapse accepted the request, but \`${uri}\` is ${quarantined ? 'not quarantined' : 'still quarantined'}`,
        'Somebody else may have changed it just now. Check before you retry.',
      );
    }
    return { file: now, wasSo: false };
  };
  return changeFiles(api, uris, { change, isSo });
}

/** @throws UnreachableError the look-up failed, whatever its error says: the change before it was done */
async function findAfterChange(api: Api, uri: MxcUri): Promise<StoredMedia | undefined> {
  try {
    return await api.media.find(uri);
  } catch (error) {
    throw error instanceof LawspeakerError
      ? new UnreachableError(
          'GET /_synapse/admin/v1/media/{server_name}/{media_id}',
          `accepted the change, but then did not say what became of it: ${error.message}`,
          true,
        )
      : error;
  }
}

/**
 * Protects files of this server from quarantine, or ends that.
 *
 * @throws TargetError this server doesn't hold any of them, or they are other servers'
 */
export async function setProtected(
  api: Api,
  uris: readonly MxcUri[],
  { isProtected, serverName }: { readonly isProtected: boolean; readonly serverName: string },
): Promise<FileChanges> {
  const isSo = (file: StoredMedia | undefined) => file?.safeFromQuarantine === isProtected;
  const change: FileChange['change'] = async (uri, file) => {
    const { serverName: origin, mediaId } = mxcParts(uri);
    // The request holds only the media ID: Synapse would change a file of this server with the same ID.
    if (origin !== serverName) {
      throw new TargetError(
        'state',
        `\`${uri}\` is a file of another server`,
        `Only files of ${serverName} can be protected from quarantine. Nothing was changed.`,
      );
    }
    if (file === undefined) {
      throw notHere(uri, serverName);
    }
    if (isSo(file)) {
      return { file, wasSo: true };
    }
    await (isProtected ? api.media.protect(mediaId) : api.media.unprotect(mediaId));
    return { file: { ...file, safeFromQuarantine: isProtected }, wasSo: false };
  };
  return changeFiles(api, uris, { change, isSo });
}

/** Files that can be deleted one by one, and those that can't, with the reason. */
export interface DeletableFiles {
  readonly files: readonly NamedFile[];
  readonly failed: readonly FailedFile[];
}

/**
 * Which of these files this server could delete.
 *
 * @throws TargetError it can delete none of them
 */
export async function deletableFiles(
  api: Api,
  uris: readonly MxcUri[],
  serverName: string,
): Promise<DeletableFiles> {
  const found = (await lookUpFiles(api, uris)).map(({ uri, file }) => {
    const why = whyNotDeletable(uri, file, serverName);
    return why === undefined && file !== undefined
      ? { uri, file }
      : { uri, error: why ?? notHere(uri, serverName) };
  });
  const files = found.flatMap((one) => (one.file === undefined ? [] : [one]));
  const failed = found.flatMap((one) => (one.error === undefined ? [] : [one]));
  if (files.length === 0) {
    throw noneChanged(failed);
  }
  return { files, failed };
}

function whyNotDeletable(
  uri: MxcUri,
  file: StoredMedia | undefined,
  serverName: string,
): TargetError | undefined {
  const { serverName: origin } = mxcParts(uri);
  if (origin !== serverName) {
    return new TargetError(
      'state',
      `\`${uri}\` is a file of another server, and Synapse can’t delete single copies of those`,
      'Nothing was changed. You can quarantine the copy here, or delete all old copies of other servers’ files.',
    );
  }
  return file === undefined ? notHere(uri, serverName) : undefined;
}

/**
 * Deletes files of this server, whoever uploaded them, quarantined and protected ones too.
 *
 * @throws LawspeakerError none was deleted
 */
export async function deleteFiles(
  api: Api,
  uris: readonly MxcUri[],
  serverName: string,
): Promise<FileChanges> {
  const change: FileChange['change'] = async (uri, file) => {
    const why = whyNotDeletable(uri, file, serverName);
    if (why !== undefined || file === undefined) {
      throw why ?? notHere(uri, serverName);
    }
    if (!(await isDeleted(api, uri, serverName))) {
      throw new TargetError(
        'state',
        `Synapse could not remove \`${uri}\` from its storage`,
        'Its log says why. Check the permissions of the media store.',
      );
    }
    return { file, wasSo: false };
  };
  return changeFiles(api, uris, { change, isSo: (file) => file === undefined });
}

/** @throws TargetError somebody else has deleted it just now */
async function isDeleted(api: Api, uri: MxcUri, serverName: string): Promise<boolean> {
  try {
    return await api.media.delete(uri);
  } catch (error) {
    throw isNotFound(error) ? notHere(uri, serverName) : error;
  }
}

/** How many of these files of this server still exist. */
export async function countLeft(
  api: Api,
  uris: readonly MxcUri[],
  serverName: string,
): Promise<{ readonly left: number; readonly all: number }> {
  const local = uris.filter((uri) => mxcParts(uri).serverName === serverName);
  const found = await lookUpFiles(api, local);
  return { left: found.filter(({ file }) => file !== undefined).length, all: local.length };
}

function notHere(uri: MxcUri, serverName: string): TargetError {
  const { serverName: origin } = mxcParts(uri);
  return origin === serverName
    ? new TargetError(
        'unknown',
        `this server has no file \`${uri}\``,
        'It may have been deleted. Nothing was changed.',
      )
    : new TargetError(
        'unknown',
        `this server holds no copy of \`${uri}\``,
        `It is a file of ${origin}. You can quarantine it here after somebody here has opened it. Nothing was changed.`,
      );
}
