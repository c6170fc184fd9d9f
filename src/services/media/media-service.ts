import PQueue from 'p-queue';

import { LawspeakerError, TargetError, UnreachableError } from '../../core/errors.ts';
import { mxcParts } from '../../core/ids.ts';
import type { MxcUri, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type {
  MediaQuery,
  QuarantineChange,
  StoredMedia,
  UserMedia,
} from '../../homeserver/admin/media.ts';
import type { MediaUsage, MediaUsageQuery } from '../../homeserver/admin/statistics.ts';
import { rowsPerRequest } from '../pages.ts';
import type { Pages } from '../pages.ts';
import { deleteAllMedia, deleteMediaPage } from './media-deletion.ts';
import {
  areUploadsQuarantined,
  countQuarantinedInRoom,
  countQuarantinedUploads,
  isRoomQuarantined,
  liftQuarantineOfRoom,
  liftQuarantineOfUploads,
  quarantineRoom,
  quarantineUploads,
} from './media-quarantine.ts';
import type { Spared } from './media-quarantine.ts';

/** A file after its quarantine or its protection was set or lifted. */
export interface MediaChange {
  readonly file: StoredMedia;
  /** It was like this before, and nothing was changed. */
  readonly wasSo: boolean;
}

/** A file in a message of a room. */
export interface RoomFile {
  readonly uri: MxcUri;
  /** Undefined if this server doesn't have it, or it was not looked up. */
  readonly file: StoredMedia | undefined;
}

/** The number of files that are looked up at the same time. */
const concurrency = 8;

/** Files that this server holds. @param serverName the name of this server */
export function createMediaService(
  api: Pick<AdminApi, 'media' | 'statistics'>,
  serverName: string,
) {
  /**
   * Changes a file only if that makes a difference, because a second quarantine would replace the name
   * of whoever set the first. Then checks the result, because Synapse reports success even for files
   * that it can't change.
   *
   * @throws TargetError this server doesn't hold the file, or can't change it
   * @throws UnreachableError Synapse accepted the request, but the result can't be checked
   */
  async function setQuarantined(uri: MxcUri, quarantined: boolean): Promise<MediaChange> {
    const isSo = ({ quarantinedBy }: StoredMedia) => (quarantinedBy !== null) === quarantined;
    const file = await api.media.find(uri);
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
    const now = await findAfterChange(uri);
    if (now === undefined || !isSo(now)) {
      throw new TargetError(
        'state',
        `Synapse accepted the request, but \`${uri}\` is ${quarantined ? 'not quarantined' : 'still quarantined'}`,
        'Somebody else may have changed it just now. Check before you retry.',
      );
    }
    return { file: now, wasSo: false };
  }

  /** @throws UnreachableError the look-up failed, whatever its error says: the change before it was done */
  async function findAfterChange(uri: MxcUri): Promise<StoredMedia | undefined> {
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

  async function setProtected(uri: MxcUri, isProtected: boolean): Promise<MediaChange> {
    const { serverName: origin, mediaId } = mxcParts(uri);
    // The request holds only the media ID: Synapse would change a file of this server with the same ID.
    if (origin !== serverName) {
      throw new TargetError(
        'state',
        `\`${uri}\` is a file of another server`,
        `Only files of ${serverName} can be protected from quarantine. Nothing was changed.`,
      );
    }
    const file = await api.media.find(uri);
    if (file === undefined) {
      throw notHere(uri, serverName);
    }
    if (file.safeFromQuarantine === isProtected) {
      return { file, wasSo: true };
    }
    await (isProtected ? api.media.protect(mediaId) : api.media.unprotect(mediaId));
    return { file: { ...file, safeFromQuarantine: isProtected }, wasSo: false };
  }

  return {
    /** The files that an account has uploaded. GET /_synapse/admin/v1/users/{user_id}/media */
    uploadsOf: (user: UserId, query: MediaQuery) =>
      ({
        async page() {
          const page = await api.media.list(user, query);
          return { rows: page.media, total: page.total, nextFrom: page.nextToken?.toString() };
        },
        all: () => api.media.all(user, { ...query, limit: rowsPerRequest }),
      }) satisfies Pages<UserMedia>,

    /** How much each account has uploaded. GET /_synapse/admin/v1/statistics/users/media */
    usage: (query: MediaUsageQuery): Pages<MediaUsage> => ({
      async page() {
        const page = await api.statistics.listMediaUsage(query);
        return { rows: page.users, total: page.total, nextFrom: page.nextToken?.toString() };
      },
      all: () => api.statistics.allMediaUsage({ ...query, limit: rowsPerRequest }),
    }),

    /** The size of all files that an account has uploaded, in bytes. */
    async bytesUploadedBy(user: UserId): Promise<number> {
      // Synapse can't search for the other characters, which historical user IDs may contain.
      const isSearchable = /^[\x20-\x7E]+$/u.test(user);
      if (isSearchable) {
        for await (const usage of api.statistics.allMediaUsage({ searchTerm: user })) {
          if (usage.userId === user) {
            return usage.mediaLength;
          }
        }
      }
      const files = await Array.fromAsync(api.media.all(user));
      return files.reduce((bytes, { mediaLength }) => bytes + (mediaLength ?? 0), 0);
    },

    /**
     * One file; undefined if this server doesn't hold it.
     * GET /_synapse/admin/v1/media/{server_name}/{media_id}
     */
    find: api.media.find,

    /** The addresses of the files in a room's unencrypted messages, of this server and of others. */
    async inRoom(room: RoomId): Promise<MxcUri[]> {
      return [...new Set(await api.media.inRoom(room))];
    },

    /** Adds to each address what this server knows of the file, if there are at most 100. */
    async withDetails(uris: readonly MxcUri[]): Promise<RoomFile[]> {
      if (uris.length > rowsPerRequest) {
        return uris.map((uri) => ({ uri, file: undefined }));
      }
      const queue = new PQueue({ concurrency });
      return queue.addAll(
        uris.map((uri) => async () => ({ uri, file: await api.media.find(uri) })),
      );
    },

    /** Which files were quarantined and released, the newest first. */
    async quarantineChanges(): Promise<QuarantineChange[]> {
      return (await Array.fromAsync(api.media.quarantineChanges())).toReversed();
    },

    /** What all users of this server have uploaded. */
    async totals(): Promise<{
      readonly users: number;
      readonly files: number;
      readonly bytes: number;
    }> {
      const sums = { users: 0, files: 0, bytes: 0 };
      for await (const usage of api.statistics.allMediaUsage({ limit: rowsPerRequest })) {
        sums.users += 1;
        sums.files += usage.mediaCount;
        sums.bytes += usage.mediaLength;
      }
      return sums;
    },

    /** Deletes old or large files of this server. POST /_synapse/admin/v1/media/delete */
    deleteOld: api.media.deleteOld,

    /** Deletes copies of other servers' files. POST /_synapse/admin/v1/purge_media_cache */
    purgeRemote: api.media.purgeRemote,

    /** @throws TargetError this server doesn't hold the file, or the file is protected */
    quarantine: async (uri: MxcUri) => setQuarantined(uri, true),

    /** @throws TargetError this server doesn't hold the file */
    liftQuarantine: async (uri: MxcUri) => setQuarantined(uri, false),

    /**
     * Quarantines the files that an account has uploaded.
     *
     * @param sparedHashes SHA-256 sums of files that must stay available
     */
    quarantineUploads: async (user: UserId, sparedHashes: Spared['hashes']) =>
      quarantineUploads(api, user, serverName, sparedHashes),

    areUploadsQuarantined: async (user: UserId, sparedHashes: Spared['hashes']) =>
      areUploadsQuarantined(api, user, sparedHashes),

    /** The number of an account's files that `by` has quarantined. */
    countQuarantinedUploads: async (user: UserId, by: UserId) =>
      countQuarantinedUploads(api, user, by),

    /** Lifts the quarantines that `by` has set on an account's files. */
    liftQuarantineOfUploads: async (user: UserId, by: UserId) =>
      liftQuarantineOfUploads(api, user, { by, serverName }),

    /** Quarantines the files in a room's unencrypted messages; see `quarantineUploads`. */
    quarantineRoom: async (room: RoomId, spared: Spared) => quarantineRoom(api, room, spared),

    isRoomQuarantined: async (room: RoomId, spared: Spared) => isRoomQuarantined(api, room, spared),

    /** The number of files in a room that `by` has quarantined. */
    countQuarantinedInRoom: async (room: RoomId, by: UserId) =>
      countQuarantinedInRoom(api, room, by),

    /** Lifts the quarantines that `by` has set on the files in a room. */
    liftQuarantineOfRoom: async (room: RoomId, by: UserId) => liftQuarantineOfRoom(api, room, by),

    /** Whether a file is quarantined; undefined if this server doesn't hold it. */
    async isQuarantined(uri: MxcUri): Promise<boolean | undefined> {
      const file = await api.media.find(uri);
      return file && file.quarantinedBy !== null;
    },

    /** @throws TargetError this server doesn't hold the file, or it is another server's */
    protect: async (uri: MxcUri) => setProtected(uri, true),

    /** @throws TargetError this server doesn't hold the file, or it is another server's */
    unprotect: async (uri: MxcUri) => setProtected(uri, false),

    /** `unknowable` if the file has been deleted in the meantime. */
    async reconcileProtection(
      uri: MxcUri,
      isProtected: boolean,
    ): Promise<'done' | 'not_done' | 'unknowable'> {
      const file = await api.media.find(uri);
      return file === undefined
        ? 'unknowable'
        : file.safeFromQuarantine === isProtected
          ? 'done'
          : 'not_done';
    },

    deletePage: async (user: UserId, query: MediaQuery) => deleteMediaPage(api, user, query),
    deleteAll: async (user: UserId) => deleteAllMedia(api, user),

    /**
     * What became of a deletion that was cut off. Nobody can tell whether files that still exist were
     * meant to be deleted.
     */
    async reconcileDeletion(user: UserId): Promise<'done' | 'unknowable'> {
      const { total } = await api.media.list(user, { limit: 1 });
      return total === 0 ? 'done' : 'unknowable';
    },
  };
}

export type MediaService = ReturnType<typeof createMediaService>;

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
