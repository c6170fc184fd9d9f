import { z } from 'zod';

import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import { apiObject, eventId, maybe, roomId, userId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { pageSize } from '../paginate.ts';

const content = z.record(z.string(), z.unknown());

const redaction = apiObject({
  sender: userId,
  /** Milliseconds since 1970. */
  origin_server_ts: z.number(),
  content,
});

const edit = apiObject({
  event_id: eventId,
  origin_server_ts: z.number(),
  content,
});

const roomEvent = apiObject({
  event_id: eventId,
  type: z.string(),
  sender: userId,
  /** According to its server, in milliseconds since 1970. */
  origin_server_ts: z.number(),
  /** Null if this is not a state event. */
  state_key: maybe(z.string()),
  /** Empty, or nearly empty, if it was redacted. */
  content,
  unsigned: maybe(
    apiObject({
      redacted_because: maybe(redaction),
      // A relation of an unknown form does not count.
      'm.relations': z.object({ 'm.replace': edit.optional() }).optional().catch(undefined),
    }),
  ),
}).transform(({ unsigned, ...event }) => ({
  ...event,
  /** The redaction; null if there is none. */
  redactedBecause: unsigned?.redactedBecause ?? null,
  /** The last edit; null if there is none. */
  lastEdit: unsigned?.['m.relations']?.['m.replace'] ?? null,
}));

/** An event as the room's members see it: without its content if it was redacted. */
export type RoomEvent = z.output<typeof roomEvent>;

const rawEvent = apiObject({
  type: z.string(),
  sender: userId,
  origin_server_ts: z.number(),
  /** Null for the create event of a room of version 12. */
  room_id: maybe(roomId),
  content,
});

/** An event as it was sent, even if it was redacted. */
type RawEvent = z.output<typeof rawEvent>;

const stateEvent = apiObject({
  type: z.string(),
  state_key: z.string(),
  sender: userId,
  content,
});

export type StateEvent = z.output<typeof stateEvent>;

/** An event and its place in the room, from which `page` reads on. */
export interface PlacedEvent {
  readonly event: RoomEvent;
  readonly place: string;
}

interface EventQuery {
  /** By default, `b` starts from the newest event and `f` from the oldest. */
  readonly from?: string | undefined;
  /** `b` starts with the event at that place, `f` with the one after it. */
  readonly dir: 'f' | 'b';
  /** 1 or more; the server's maximum is 1000. */
  readonly limit: number;
  readonly types?: readonly string[];
  readonly senders?: readonly UserId[];
}

/** Events of any room that this server is in; the caller need not be a member. */
export function eventsApi(send: SendRequest) {
  async function find(room: RoomId, event: EventId): Promise<PlacedEvent | undefined> {
    return ifFound(async () => {
      const answer = await send('GET', '/_synapse/admin/v1/rooms/{room_id}/context/{event_id}', {
        path: { room_id: room, event_id: event },
        // Without a filter, the server adds the whole state of the room, with every member.
        query: { limit: 0, filter: JSON.stringify({ lazy_load_members: true, types: [] }) },
        answer: apiObject({ event: roomEvent, end: z.string() }),
      });
      return { event: answer.event, place: answer.end };
    });
  }

  return {
    /**
     * An event of a room in its current form; undefined if this server does not have it, or has it in
     * another room. GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}
     *
     * @throws HomeserverError 500 a purge of the history has kept it, but not its place (seen on 1.163.2)
     */
    find,

    /** Whether an event is redacted; undefined if `find` finds nothing. */
    async isRedacted(room: RoomId, event: EventId): Promise<boolean | undefined> {
      const placed = await find(room, event);
      return placed === undefined ? undefined : placed.event.redactedBecause !== null;
    },

    /**
     * An event as it was sent, in any room; undefined if this server does not have it.
     * GET /_synapse/admin/v1/fetch_event/{event_id}
     */
    async fetch(event: EventId): Promise<RawEvent | undefined> {
      return ifFound(async () => {
        const answer = await send('GET', '/_synapse/admin/v1/fetch_event/{event_id}', {
          path: { event_id: event },
          answer: apiObject({ event: rawEvent }),
        });
        return answer.event;
      });
    },

    /**
     * Events before or after a place in the room. Unlike `context`, it includes events that were sent in
     * the same millisecond (seen on 1.163.2).
     * GET /_synapse/admin/v1/rooms/{room_id}/messages
     */
    async page(room: RoomId, query: EventQuery): Promise<RoomEvent[]> {
      const { from, dir, limit, types, senders } = query;
      const answer = await send('GET', '/_synapse/admin/v1/rooms/{room_id}/messages', {
        path: { room_id: room },
        query: {
          from,
          dir,
          limit: pageSize(limit),
          filter: JSON.stringify({ lazy_load_members: true, types, senders }),
        },
        answer: apiObject({ chunk: z.array(roomEvent) }),
      });
      return answer.chunk;
    },

    /**
     * The first event at or after a time, or the last one at or before it, by the clock of the sender's
     * server; undefined if there is none, or the room is unknown.
     * GET /_synapse/admin/v1/rooms/{room_id}/timestamp_to_event
     *
     * @param ts milliseconds since 1970
     * @param dir `f` for the first after it, `b` for the last before it
     */
    async at(room: RoomId, ts: number, dir: 'f' | 'b'): Promise<EventId | undefined> {
      return ifFound(async () => {
        const answer = await send('GET', '/_synapse/admin/v1/rooms/{room_id}/timestamp_to_event', {
          path: { room_id: room },
          query: { ts, dir },
          answer: apiObject({ event_id: eventId }),
        });
        return answer.eventId;
      });
    },

    /**
     * The current state of one type, or all of it. GET /_synapse/admin/v1/rooms/{room_id}/state
     *
     * @throws HomeserverError 404 unknown room
     */
    async state(room: RoomId, type?: string): Promise<StateEvent[]> {
      const answer = await send('GET', '/_synapse/admin/v1/rooms/{room_id}/state', {
        path: { room_id: room },
        query: { type },
        answer: apiObject({ state: z.array(stateEvent) }),
      });
      return answer.state;
    },
  };
}
