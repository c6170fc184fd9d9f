import { z } from 'zod';

import { apiObject, maybe, nothing, roomId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { pageSize, paginate } from '../paginate.ts';

const destination = apiObject({
  /** A server name. */
  destination: z.string(),
  /** When the last failed attempt was, in milliseconds since 1970; 0 if the server can be reached. */
  retry_last_ts: maybe(z.number()),
  /** Milliseconds. */
  retry_interval: maybe(z.number()),
  /** When it became unreachable, in milliseconds since 1970. */
  failure_ts: maybe(z.number()),
  last_successful_stream_ordering: maybe(z.number()),
});

/** Another server that this one talks to. */
export type Destination = z.output<typeof destination>;

const destinationPage = apiObject({
  destinations: z.array(destination),
  total: z.number(),
  next_token: maybe(z.string()),
});

type DestinationPage = z.output<typeof destinationPage>;

const destinationRoom = apiObject({ room_id: roomId, stream_ordering: maybe(z.number()) });

/** A room shared with another server. */
export type DestinationRoom = z.output<typeof destinationRoom>;

const destinationRoomPage = apiObject({
  rooms: z.array(destinationRoom),
  total: z.number(),
  next_token: maybe(z.string()),
});

type DestinationRoomPage = z.output<typeof destinationRoomPage>;

export const destinationOrders = [
  'destination',
  'retry_last_ts',
  'retry_interval',
  'failure_ts',
  'last_successful_stream_ordering',
] as const;

interface PageQuery {
  readonly dir?: 'f' | 'b' | undefined;
  /** Items per page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: string | undefined;
}

export interface DestinationQuery extends PageQuery {
  /** Part of the server name, in ASCII. */
  readonly destination?: string | undefined;
  readonly orderBy?: (typeof destinationOrders)[number] | undefined;
}

export type DestinationRoomQuery = PageQuery;

/** Other servers, by `/_synapse/admin/v1/federation/destinations`. */
export function federationApi(send: SendRequest) {
  const listPath = '/_synapse/admin/v1/federation/destinations';
  const roomsPath = '/_synapse/admin/v1/federation/destinations/{destination}/rooms';

  async function list(query: DestinationQuery = {}): Promise<DestinationPage> {
    return send('GET', listPath, {
      query: {
        destination: query.destination,
        order_by: query.orderBy,
        dir: query.dir,
        limit: pageSize(query.limit),
        from: query.from,
      },
      answer: destinationPage,
    });
  }

  async function listRooms(
    serverName: string,
    query: DestinationRoomQuery = {},
  ): Promise<DestinationRoomPage> {
    return send('GET', roomsPath, {
      path: { destination: serverName },
      query: { dir: query.dir, limit: pageSize(query.limit), from: query.from },
      answer: destinationRoomPage,
    });
  }

  return {
    /** One page of servers. GET /_synapse/admin/v1/federation/destinations */
    list,

    /** All servers on all pages of `list`, one by one. */
    all(query: DestinationQuery = {}): AsyncGenerator<Destination, void, undefined> {
      return paginate(`GET ${listPath}`, query.from, async (from) => {
        const page = await list({ ...query, from });
        return { items: page.destinations, next: page.nextToken };
      });
    },

    /**
     * One server, undefined if this server has never talked to it.
     * GET /_synapse/admin/v1/federation/destinations/{destination}
     */
    async find(serverName: string): Promise<Destination | undefined> {
      return ifFound(async () =>
        send('GET', '/_synapse/admin/v1/federation/destinations/{destination}', {
          path: { destination: serverName },
          answer: destination,
        }),
      );
    },

    /**
     * One page of the rooms shared with a server.
     * GET /_synapse/admin/v1/federation/destinations/{destination}/rooms
     *
     * @throws HomeserverError 404 this server has never talked to it
     */
    listRooms,

    /** All rooms on all pages of `listRooms`, one by one. */
    allRooms(
      serverName: string,
      query: DestinationRoomQuery = {},
    ): AsyncGenerator<DestinationRoom, void, undefined> {
      return paginate(`GET ${roomsPath}`, query.from, async (from) => {
        const page = await listRooms(serverName, { ...query, from });
        return { items: page.rooms, next: page.nextToken };
      });
    },

    /**
     * Retries an unreachable server at once instead of waiting.
     * POST /_synapse/admin/v1/federation/destinations/{destination}/reset_connection
     *
     * @throws HomeserverError 404 this server has never talked to it, 400 it can be reached
     */
    async resetConnection(serverName: string): Promise<void> {
      return send(
        'POST',
        '/_synapse/admin/v1/federation/destinations/{destination}/reset_connection',
        { path: { destination: serverName }, answer: nothing },
      );
    },
  };
}
