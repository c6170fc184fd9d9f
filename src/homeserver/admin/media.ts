import { z } from 'zod';

import type { MxcUri, UserId } from '../../core/ids.ts';
import { mxcParts } from '../../core/ids.ts';
import { apiObject, flag, maybe, nothing, userId } from '../decode.ts';
import { pageSize, paginate } from '../paginate.ts';
import { orUndefined } from '../request.ts';
import type { SendRequest } from '../request.ts';

/** Deleting goes file by file while the server keeps us waiting. */
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
  /** The page that this is a preview image of. */
  url_cache: maybe(z.string()),
  /** Hexadecimal; equal files have equal ones. */
  sha256: maybe(z.string()),
});

/** A file that an account has uploaded. */
export type UserMedia = z.output<typeof userMedia>;

const mediaPage = apiObject({
  media: z.array(userMedia),
  total: z.number(),
  next_token: maybe(z.number()),
});

export type MediaPage = z.output<typeof mediaPage>;

const storedMedia = apiObject({
  /** Null for a file of this server. */
  media_origin: maybe(z.string()),
  media_id: z.string(),
  /** Who has uploaded it; null for a file of another server. */
  user_id: maybe(userId),
  media_type: maybe(z.string()),
  /** Bytes. */
  media_length: maybe(z.number()),
  upload_name: maybe(z.string()),
  /** Milliseconds since 1970; of another server's file, when it was first fetched. */
  created_ts: maybe(z.number()),
  last_access_ts: maybe(z.number()),
  /** A user ID, or `system`. */
  quarantined_by: maybe(z.string()),
  /** Files of this server alone can be. */
  safe_from_quarantine: flag,
  url_cache: maybe(z.string()),
  /** Hexadecimal; equal files have equal ones. */
  sha256: maybe(z.string()),
});

/** A file that this server holds: its own, or a copy of another server's. */
export type StoredMedia = z.output<typeof storedMedia>;

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

/** Newest first where neither `orderBy` nor `dir` is given; else `dir` is `f` by default. */
export interface MediaQuery {
  readonly orderBy?: (typeof mediaOrders)[number] | undefined;
  readonly dir?: 'f' | 'b' | undefined;
  /** Files a page, 1 or more; the server's default is 100. */
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
 * What accounts have uploaded, by `/_synapse/admin/v1/users/{user_id}/media`, and single files, by
 * `/_synapse/admin/v1/media`. All about an account throw HomeserverError: 404 unknown, 400 of another
 * server.
 */
export function mediaApi(send: SendRequest) {
  const template = '/_synapse/admin/v1/users/{user_id}/media';

  async function list(user: UserId, query: MediaQuery = {}): Promise<MediaPage> {
    return send('GET', template, {
      path: { user_id: user },
      query: toQuery(query),
      answer: mediaPage,
    });
  }

  return {
    /** One page of an account's files. GET /_synapse/admin/v1/users/{user_id}/media */
    list,

    /** All files that `list` would show on its pages, one by one. */
    all(user: UserId, query: MediaQuery = {}): AsyncGenerator<UserMedia, void, undefined> {
      return paginate(`GET ${template}`, query.from, async (from) => {
        const page = await list(user, { ...query, from });
        return { items: page.media, next: page.nextToken };
      });
    },

    /**
     * Deletes the files that `list` shows on that one page (the newest 100 by default), for good
     * and whether protected or not. What is left moves up: to delete all, repeat until nothing is.
     * DELETE /_synapse/admin/v1/users/{user_id}/media
     *
     * @returns the IDs of what was deleted
     */
    async deletePage(user: UserId, query: MediaQuery = {}): Promise<string[]> {
      const answer = await send('DELETE', template, {
        path: { user_id: user },
        query: toQuery(query),
        answer: apiObject({ deleted_media: z.array(z.string()) }),
        timeoutMs: deleteTimeoutMs,
      });
      return answer.deletedMedia;
    },

    /**
     * One file; undefined where this server holds none, such as another server's that nobody here has
     * opened. GET /_synapse/admin/v1/media/{server_name}/{media_id}
     */
    async find(uri: MxcUri): Promise<StoredMedia | undefined> {
      return orUndefined(async () => {
        const answer = await send('GET', '/_synapse/admin/v1/media/{server_name}/{media_id}', {
          path: pathOf(uri),
          answer: apiObject({ media_info: storedMedia }),
        });
        return answer.mediaInfo;
      });
    },

    /**
     * Keeps everybody from downloading a file and all that equal it, whoever uploaded them; and what
     * equals it later. Idempotent, but notes who did it last. Says yes to what is unknown or safe from
     * it too, and does nothing: look with `find`.
     * POST /_synapse/admin/v1/media/quarantine/{server_name}/{media_id}
     */
    async quarantine(uri: MxcUri): Promise<void> {
      return send('POST', '/_synapse/admin/v1/media/quarantine/{server_name}/{media_id}', {
        path: pathOf(uri),
        answer: nothing,
      });
    },

    /**
     * Takes a quarantine back, of all equal files. Idempotent, and says yes to everything.
     * POST /_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}
     */
    async unquarantine(uri: MxcUri): Promise<void> {
      return send('POST', '/_synapse/admin/v1/media/unquarantine/{server_name}/{media_id}', {
        path: pathOf(uri),
        answer: nothing,
      });
    },
  };
}

export type MediaApi = ReturnType<typeof mediaApi>;
