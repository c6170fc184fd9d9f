import { z } from 'zod';

import type { MxcUri, RoomId, UserId } from '../../core/ids.ts';
import { mxcParts, parseMxcUri } from '../../core/ids.ts';
import { apiObject, bool, flag, maybe, nothing, userId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { pageSize, paginate } from '../paginate.ts';

/** The server deletes file by file before it answers. */
const deleteTimeoutMs = 120_000;

const userMedia = apiObject({
  /** Without the server name, which is this server's. */
  media_id: z.string(),
  media_type: maybe(z.string()),
  /** Bytes. */
  media_length: maybe(z.number()),
  upload_name: maybe(z.string()),
  /** Milliseconds since 1970. */
  created_ts: maybe(z.number()),
  last_access_ts: maybe(z.number()),
  /** A user ID, or `system`. */
  quarantined_by: maybe(z.string()),
  safe_from_quarantine: flag,
  /** The web page, if this is a preview image. */
  url_cache: maybe(z.string()),
  /** Hexadecimal; the same for equal files. */
  sha256: maybe(z.string()),
});

/** A file that an account uploaded. */
export type UserMedia = z.output<typeof userMedia>;

const mediaPage = apiObject({
  media: z.array(userMedia),
  total: z.number(),
  next_token: maybe(z.number()),
});

type MediaPage = z.output<typeof mediaPage>;

const storedMedia = apiObject({
  /** Null for a file that was uploaded to this server. */
  media_origin: maybe(z.string()),
  media_id: z.string(),
  /** Who uploaded it; null for a file of another server. */
  user_id: maybe(userId),
  media_type: maybe(z.string()),
  /** Bytes. */
  media_length: maybe(z.number()),
  upload_name: maybe(z.string()),
  /** Milliseconds since 1970; for another server's file, when this server fetched it. */
  created_ts: maybe(z.number()),
  last_access_ts: maybe(z.number()),
  /** A user ID, or `system`. */
  quarantined_by: maybe(z.string()),
  /** Always false for a file of another server. */
  safe_from_quarantine: flag,
  url_cache: maybe(z.string()),
  /** Hexadecimal; the same for equal files. */
  sha256: maybe(z.string()),
});

/** A file that this server holds: its own, or a copy of another server's. */
export type StoredMedia = z.output<typeof storedMedia>;

const quarantineChange = apiObject({
  /** A server name, also of this server. */
  origin: z.string(),
  media_id: z.string(),
  quarantined: bool,
});

/** A file was quarantined or released. */
export type QuarantineChange = z.output<typeof quarantineChange>;

const quarantineChangePage = apiObject({
  changes: z.array(quarantineChange),
  next_batch: z.number(),
});

export const mediaOrders = [
  'media_id',
  'upload_name',
  'created_ts',
  'last_access_ts',
  'media_length',
  'media_type',
  'quarantined_by',
  'safe_from_quarantine',
] as const;

/** Newest first if neither `orderBy` nor `dir` is given; otherwise `dir` is `f` by default. */
export interface MediaQuery {
  readonly orderBy?: (typeof mediaOrders)[number] | undefined;
  readonly dir?: 'f' | 'b' | undefined;
  /** Files per page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: number | undefined;
}

function toQuery(query: MediaQuery) {
  return {
    order_by: query.orderBy,
    dir: query.dir,
    limit: pageSize(query.limit),
    from: query.from,
  };
}

function pathOf(uri: MxcUri) {
  const { serverName, mediaId } = mxcParts(uri);
  return { server_name: serverName, media_id: mediaId };
}

/**
 * The files of an account, by `/_synapse/admin/v1/users/{user_id}/media`, and single files, by
 * `/_synapse/admin/v1/media`. Functions that take an account throw HomeserverError: 404 unknown account,
 * 400 account of another server.
 */
export function mediaApi(send: SendRequest) {
  const userMediaPath = '/_synapse/admin/v1/users/{user_id}/media';

  async function list(user: UserId, query: MediaQuery = {}): Promise<MediaPage> {
    return send('GET', userMediaPath, {
      path: { user_id: user },
      query: toQuery(query),
      answer: mediaPage,
    });
  }

  return {
    /** One page of an account's files. GET /_synapse/admin/v1/users/{user_id}/media */
    list,

    /** All files on all pages of `list`, one by one. */
    all(user: UserId, query: MediaQuery = {}): AsyncGenerator<UserMedia, void, undefined> {
      return paginate(`GET ${userMediaPath}`, query.from, async (from) => {
        const page = await list(user, { ...query, from });
        return { items: page.media, next: page.nextToken };
      });
    },

    /**
     * Permanently deletes the files that `list` returns for the same query (the newest 100 by default),
     * protected or not. The next files move up: to delete all, repeat until none are left.
     * DELETE /_synapse/admin/v1/users/{user_id}/media
     *
     * @returns the IDs of the deleted files
     */
    async deletePage(user: UserId, query: MediaQuery = {}): Promise<string[]> {
      const answer = await send('DELETE', userMediaPath, {
        path: { user_id: user },
        query: toQuery(query),
        answer: apiObject({ deleted_media: z.array(z.string()) }),
        timeoutMs: deleteTimeoutMs,
      });
      return answer.deletedMedia;
    },

    /**
     * Permanently deletes one file of this server, quarantined and protected or not.
     * DELETE /_synapse/admin/v1/media/{server_name}/{media_id}
     *
     * @returns false if the server reports success, but could not remove the file from its disk
     * @throws HomeserverError 404 unknown file, 400 file of another server
     */
    async delete(uri: MxcUri): Promise<boolean> {
      const answer = await send('DELETE', '/_synapse/admin/v1/media/{server_name}/{media_id}', {
        path: pathOf(uri),
        answer: apiObject({ deleted_media: z.array(z.string()) }),
      });
      return answer.deletedMedia.length > 0;
    },

    /**
     * Permanently deletes files that accounts of this server have uploaded, whoever they are, except
     * quarantined and protected ones. POST /_synapse/admin/v1/media/delete
     *
     * @param options.beforeTs only files that nobody has opened since then; milliseconds since 1970
     * @param options.largerThanBytes only larger files
     * @param options.includeAvatars also avatars of users and rooms
     * @returns the IDs of the deleted files
     * @throws HomeserverError 400 the time is before December 1970
     */
    async deleteOld(options: {
      readonly beforeTs: number;
      readonly largerThanBytes: number;
      readonly includeAvatars: boolean;
    }): Promise<string[]> {
      const answer = await send('POST', '/_synapse/admin/v1/media/delete', {
        query: {
          before_ts: options.beforeTs,
          size_gt: options.largerThanBytes,
          keep_profiles: !options.includeAvatars,
        },
        answer: apiObject({ deleted_media: z.array(z.string()) }),
        timeoutMs: deleteTimeoutMs,
      });
      return answer.deletedMedia;
    },

    /**
     * Deletes the copies of other servers' files that nobody here has opened since then, except quarantined
     * ones. If somebody opens such a file later, Synapse fetches it again.
     * POST /_synapse/admin/v1/purge_media_cache
     *
     * @param beforeTs milliseconds since 1970
     * @returns the number of files
     * @throws HomeserverError 400 the time is before December 1970
     */
    async purgeRemote(beforeTs: number): Promise<number> {
      const answer = await send('POST', '/_synapse/admin/v1/purge_media_cache', {
        query: { before_ts: beforeTs },
        answer: apiObject({ deleted: z.number() }),
        timeoutMs: deleteTimeoutMs,
      });
      return answer.deleted;
    },

    /**
     * The addresses of the files in a room's messages, and of their previews, unless the messages are
     * encrypted. Empty for an unknown room. GET /_synapse/admin/v1/room/{room_id}/media
     */
    async inRoom(room: RoomId): Promise<MxcUri[]> {
      const { local, remote } = await send('GET', '/_synapse/admin/v1/room/{room_id}/media', {
        path: { room_id: room },
        answer: apiObject({ local: z.array(z.string()), remote: z.array(z.string()) }),
      });
      // Messages can have any text for an address.
      return [...local, ...remote].flatMap((text) => parseMxcUri(text) ?? []);
    },

    /**
     * Prevents downloads of all files that `inRoom` lists, and of all equal files, except those that are safe
     * from quarantine. Idempotent, but stores who did it last.
     * POST /_synapse/admin/v1/room/{room_id}/media/quarantine
     */
    async quarantineRoom(room: RoomId): Promise<void> {
      return send('POST', '/_synapse/admin/v1/room/{room_id}/media/quarantine', {
        path: { room_id: room },
        answer: nothing,
      });
    },

    /**
     * Which files were quarantined and released, oldest first.
     * GET /_synapse/admin/v1/media/quarantine_changes
     */
    quarantineChanges(): AsyncGenerator<QuarantineChange, void, undefined> {
      const path = '/_synapse/admin/v1/media/quarantine_changes';
      return paginate(`GET ${path}`, undefined, async (from: number | undefined) => {
        const page = await send('GET', path, { query: { from }, answer: quarantineChangePage });
        // The server gives a position even if nothing follows.
        return { items: page.changes, next: page.changes.length === 0 ? null : page.nextBatch };
      });
    },

    /**
     * One file; undefined if this server does not have it, for example another server's file that nobody
     * here has opened. GET /_synapse/admin/v1/media/{server_name}/{media_id}
     */
    async find(uri: MxcUri): Promise<StoredMedia | undefined> {
      return ifFound(async () => {
        const answer = await send('GET', '/_synapse/admin/v1/media/{server_name}/{media_id}', {
          path: pathOf(uri),
          answer: apiObject({ media_info: storedMedia }),
        });
        return answer.mediaInfo;
      });
    },

    /**
     * Prevents downloads of a file and of all equal files, now and later, whoever uploads them.
     * Idempotent, but stores who did it last. For files that are unknown or safe from quarantine, the
     * server reports success and does nothing: check with `find`.
     * POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}
     */
    async quarantine(uri: MxcUri): Promise<void> {
      return send('POST', '/_synapse/admin/v1/media/quarantine/{server_name}/{media_id}', {
        path: pathOf(uri),
        answer: nothing,
      });
    },

    /**
     * Prevents downloads of all files that an account of this server has uploaded, and of all equal files,
     * except those that are safe from quarantine. Idempotent; files that are quarantined stay as they are.
     * POST /_synapse/admin/v1/user/{user_id}/media/quarantine
     */
    async quarantineUploads(user: UserId): Promise<void> {
      return send('POST', '/_synapse/admin/v1/user/{user_id}/media/quarantine', {
        path: { user_id: user },
        answer: nothing,
      });
    },

    /**
     * Lifts the quarantine of a file and of all equal files. Idempotent; always reports success.
     * POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}
     */
    async unquarantine(uri: MxcUri): Promise<void> {
      return send('POST', '/_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}', {
        path: pathOf(uri),
        answer: nothing,
      });
    },

    /**
     * Protects a file from quarantine. Equal files are not protected, and an existing quarantine stays.
     * Idempotent. POST /_synapse/admin/v1/media/protect/{media_id}
     *
     * @param mediaId of a file of this server. Another server's file may have the same ID: check that first.
     * @throws HomeserverError 404 unknown file
     */
    async protect(mediaId: string): Promise<void> {
      return send('POST', '/_synapse/admin/v1/media/protect/{media_id}', {
        path: { media_id: mediaId },
        answer: nothing,
      });
    },

    /**
     * Lets a file be quarantined again. Idempotent. POST /_synapse/admin/v1/media/unprotect/{media_id}
     *
     * @param mediaId as for `protect`
     * @throws HomeserverError 404 unknown file
     */
    async unprotect(mediaId: string): Promise<void> {
      return send('POST', '/_synapse/admin/v1/media/unprotect/{media_id}', {
        path: { media_id: mediaId },
        answer: nothing,
      });
    },
  };
}
