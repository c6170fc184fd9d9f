import { z } from 'zod';

import { apiObject, maybe, roomId, userId } from '../decode.ts';
import type { SendRequest } from '../http.ts';
import { pageSize, paginate } from '../paginate.ts';

const mediaUsage = apiObject({
  user_id: userId,
  displayname: maybe(z.string()),
  media_count: z.number(),
  /** Bytes. */
  media_length: z.number(),
});

/** How much an account uploaded. */
export type MediaUsage = z.output<typeof mediaUsage>;

const mediaUsagePage = apiObject({
  users: z.array(mediaUsage),
  total: z.number(),
  next_token: maybe(z.number()),
});

type MediaUsagePage = z.output<typeof mediaUsagePage>;

export const mediaUsageOrders = ['user_id', 'displayname', 'media_length', 'media_count'] as const;

export interface MediaUsageQuery {
  /** Part of the ID or the display name, in ASCII. */
  readonly searchTerm?: string | undefined;
  /** Counts only files created at or after this time, in milliseconds since 1970. */
  readonly fromTs?: number | undefined;
  /** Counts only files created up to this time, in milliseconds since 1970; after `fromTs`. */
  readonly untilTs?: number | undefined;
  readonly orderBy?: (typeof mediaUsageOrders)[number] | undefined;
  readonly dir?: 'f' | 'b' | undefined;
  /** Accounts per page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: number | undefined;
}

const roomSize = apiObject({
  room_id: roomId,
  /** Bytes in the database, roughly. */
  estimated_size: z.number(),
});

/** How much of the database a room takes. */
export type RoomSize = z.output<typeof roomSize>;

/** Statistics, by `/_synapse/admin/v1/statistics`. */
export function statisticsApi(send: SendRequest) {
  const mediaUsagePath = '/_synapse/admin/v1/statistics/users/media';

  async function listMediaUsage(query: MediaUsageQuery = {}): Promise<MediaUsagePage> {
    return send('GET', mediaUsagePath, {
      query: {
        search_term: query.searchTerm,
        from_ts: query.fromTs,
        until_ts: query.untilTs,
        order_by: query.orderBy,
        dir: query.dir,
        limit: pageSize(query.limit),
        from: query.from,
      },
      answer: mediaUsagePage,
    });
  }

  return {
    /**
     * One page of accounts that uploaded something.
     * GET /_synapse/admin/v1/statistics/users/media
     */
    listMediaUsage,

    /** All accounts on all pages of `listMediaUsage`, one by one. */
    allMediaUsage(query: MediaUsageQuery = {}): AsyncGenerator<MediaUsage, void, undefined> {
      return paginate(`GET ${mediaUsagePath}`, query.from, async (from) => {
        const page = await listMediaUsage({ ...query, from });
        return { items: page.users, next: page.nextToken };
      });
    },

    /**
     * The ten rooms that take most of the database, the largest first. An estimate from PostgreSQL's own
     * statistics. GET /_synapse/admin/v1/statistics/database/rooms
     *
     * @throws HomeserverError 400 Synapse uses SQLite
     */
    async largestRooms(): Promise<RoomSize[]> {
      const answer = await send('GET', '/_synapse/admin/v1/statistics/database/rooms', {
        answer: apiObject({ rooms: z.array(roomSize) }),
      });
      return answer.rooms;
    },
  };
}
