import { z } from 'zod';

import type { EventId, RoomId } from '../../core/ids.ts';
import { apiObject, eventId, maybe } from '../decode.ts';
import type { SendRequest } from '../http.ts';

const sent = apiObject({ event_id: eventId });

/** Raw events: encrypted ones are not decrypted. */
const messagesPage = apiObject({
  chunk: z.array(z.unknown()).default([]),
  /** Null on the last page. */
  end: maybe(z.string()),
});

interface MessagesQuery {
  /** Where to start; by default at the newest event. */
  readonly from?: string | undefined;
  /** Where to end. */
  readonly to?: string | undefined;
  /** Events per page. The server may send fewer. */
  readonly limit: number;
  readonly senders?: readonly string[] | undefined;
  readonly types?: readonly string[] | undefined;
}

/** Events of rooms that the bot is in. */
export function eventsApi(send: SendRequest) {
  return {
    /**
     * Sends an event as it is. Idempotent: the same transaction ID gives the event that was sent first,
     * even if the content differs. PUT /_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}
     */
    async send(
      room: RoomId,
      { type, content }: { readonly type: string; readonly content: Record<string, unknown> },
      transactionId: string,
    ): Promise<EventId> {
      const answer = await send(
        'PUT',
        '/_matrix/client/v3/rooms/{room_id}/send/{event_type}/{txn_id}',
        {
          path: { room_id: room, event_type: type, txn_id: transactionId },
          body: content,
          answer: sent,
          retry: 'idempotent',
        },
      );
      return answer.eventId;
    },

    /**
     * Redacts an event. Idempotent: the same transaction ID gives the same redaction.
     * PUT /_matrix/client/v3/rooms/{room_id}/redact/{event_id}/{txn_id}
     */
    async redact(
      room: RoomId,
      event: EventId,
      transactionId: string,
      reason?: string,
    ): Promise<EventId> {
      const answer = await send(
        'PUT',
        '/_matrix/client/v3/rooms/{room_id}/redact/{event_id}/{txn_id}',
        {
          path: { room_id: room, event_id: event, txn_id: transactionId },
          body: { reason },
          answer: sent,
          retry: 'idempotent',
        },
      );
      return answer.eventId;
    },

    /**
     * One event. GET /_matrix/client/v3/rooms/{room_id}/event/{event_id}
     *
     * @throws HomeserverError 404 unknown, or the bot may not see it
     */
    async get(room: RoomId, event: EventId): Promise<object> {
      return send('GET', '/_matrix/client/v3/rooms/{room_id}/event/{event_id}', {
        path: { room_id: room, event_id: event },
        answer: z.looseObject({}),
      });
    },

    /** One page of events, newest first. GET /_matrix/client/v3/rooms/{room_id}/messages */
    async page(room: RoomId, { from, to, limit, senders, types }: MessagesQuery) {
      const hasFilter = senders !== undefined || types !== undefined;
      return send('GET', '/_matrix/client/v3/rooms/{room_id}/messages', {
        path: { room_id: room },
        query: {
          dir: 'b',
          from,
          to,
          limit,
          filter: hasFilter ? JSON.stringify({ senders, types }) : undefined,
        },
        answer: messagesPage,
      });
    },
  };
}
