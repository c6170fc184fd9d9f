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
  countLeft,
  deletableFiles,
  deleteFiles,
  lookUpFiles,
  setProtected,
  setQuarantined,
} from './media-files.ts';
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

/** A file in a message of a room. */
export interface RoomFile {
  readonly uri: MxcUri;
  /** Undefined if this server doesn't have it, or it was not looked up. */
  readonly file: StoredMedia | undefined;
}

/** Files that this server holds. @param serverName the name of this server */
export function createMediaService(
  api: Pick<AdminApi, 'media' | 'statistics'>,
  serverName: string,
) {
  /**
   * What became of an interrupted change of files: `done` if all of them are as they should be, `not_done` if none
   * is. Otherwise, nobody can tell whether some were like this before.
   */
  async function reconcileFiles(
    uris: readonly MxcUri[],
    isSo: (file: StoredMedia) => boolean,
  ): Promise<'done' | 'not_done' | 'unknowable'> {
    const found = (await lookUpFiles(api, uris)).flatMap(({ file }) => file ?? []);
    const done = found.filter(isSo).length;
    return found.length === 0
      ? 'unknowable'
      : done === found.length
        ? 'done'
        : done === 0
          ? 'not_done'
          : 'unknowable';
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

    /** What this server knows of files, in the order given; undefined for those that it doesn't hold. */
    findAll: async (uris: readonly MxcUri[]) => lookUpFiles(api, uris),

    /** The addresses of the files in a room's unencrypted messages, of this server and of others. */
    async inRoom(room: RoomId): Promise<MxcUri[]> {
      return [...new Set(await api.media.inRoom(room))];
    },

    /** Adds to each address what this server knows of the file, if there are at most 100. */
    async withDetails(uris: readonly MxcUri[]): Promise<RoomFile[]> {
      if (uris.length > rowsPerRequest) {
        return uris.map((uri) => ({ uri, file: undefined }));
      }
      return lookUpFiles(api, uris);
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

    /** @throws TargetError this server doesn't hold any of the files, or all are protected */
    quarantine: async (uris: readonly MxcUri[]) =>
      setQuarantined(api, uris, { quarantined: true, serverName }),

    /** @throws TargetError this server doesn't hold any of the files */
    liftQuarantine: async (uris: readonly MxcUri[]) =>
      setQuarantined(api, uris, { quarantined: false, serverName }),

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

    /** As `reconcileFiles`. */
    reconcileQuarantine: async (uris: readonly MxcUri[], isQuarantined: boolean) =>
      reconcileFiles(uris, (file) => (file.quarantinedBy !== null) === isQuarantined),

    /** @throws TargetError this server doesn't hold any of the files, or they are other servers' */
    protect: async (uris: readonly MxcUri[]) =>
      setProtected(api, uris, { isProtected: true, serverName }),

    /** @throws TargetError this server doesn't hold any of the files, or they are other servers' */
    unprotect: async (uris: readonly MxcUri[]) =>
      setProtected(api, uris, { isProtected: false, serverName }),

    /** As `reconcileFiles`. */
    reconcileProtection: async (uris: readonly MxcUri[], isProtected: boolean) =>
      reconcileFiles(uris, (file) => file.safeFromQuarantine === isProtected),

    /** Which of these files can be deleted. @throws TargetError none of them can */
    deletable: async (uris: readonly MxcUri[]) => deletableFiles(api, uris, serverName),

    /** Deletes files of this server, whoever uploaded them. @throws LawspeakerError none was deleted */
    delete: async (uris: readonly MxcUri[]) => deleteFiles(api, uris, serverName),

    /** How many of these files of this server still exist, to find out what became of a deletion. */
    countLeft: async (uris: readonly MxcUri[]) => countLeft(api, uris, serverName),

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
