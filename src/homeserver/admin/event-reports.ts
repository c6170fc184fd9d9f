import { z } from 'zod';

import { apiObject, eventId, maybe, nothing, readable, roomId, userId } from '../decode.ts';
import { pageSize, paginate } from '../paginate.ts';
import { orUndefined } from '../request.ts';
import type { SendRequest } from '../request.ts';

const report = {
  /** Used again after the newest report was deleted and the server restarted. */
  id: z.number(),
  /** Milliseconds since 1970. */
  received_ts: z.number(),
  room_id: roomId,
  event_id: eventId,
  /** Who reports. */
  user_id: userId,
  reason: maybe(z.string()),
  score: maybe(z.number()),
  /** Who wrote the event; null where it was purged. */
  sender: maybe(userId),
  /** The room's. */
  canonical_alias: maybe(z.string()),
  name: maybe(z.string()),
};

const eventReport = apiObject(report);

export type EventReport = z.output<typeof eventReport>;

const eventReportDetail = apiObject({
  ...report,
  /** As it was sent, also after a redaction, without its ID; encrypted ones stay so. */
  event_json: z.record(z.string(), z.unknown()),
});

export type EventReportDetail = z.output<typeof eventReportDetail>;

const eventReportPage = apiObject({
  event_reports: readable(eventReport),
  total: z.number(),
  next_token: maybe(z.number()),
});

export type EventReportPage = z.output<typeof eventReportPage>;

export interface EventReportQuery {
  /** Part of the reporter's ID; `%` and `_` are wildcards. Compare again what comes back. */
  readonly userId?: string | undefined;
  /** Part of the room's ID, likewise. */
  readonly roomId?: string | undefined;
  /** The ID of who wrote the event, exactly. */
  readonly senderId?: string | undefined;
  /** `b`, the newest first, where left out. Those of the same millisecond come in any order. */
  readonly dir?: 'f' | 'b' | undefined;
  /** Reports a page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: number | undefined;
}

/** Reports of events, by `/_synapse/admin/v1/event_reports`. */
export function eventReportsApi(send: SendRequest) {
  const one = '/_synapse/admin/v1/event_reports/{report_id}';

  async function list(query: EventReportQuery = {}): Promise<EventReportPage> {
    return send('GET', '/_synapse/admin/v1/event_reports', {
      query: {
        user_id: query.userId,
        room_id: query.roomId,
        event_sender_user_id: query.senderId,
        dir: query.dir,
        limit: pageSize(query.limit),
        from: query.from,
      },
      answer: eventReportPage,
    });
  }

  return {
    /** One page of reports. GET /_synapse/admin/v1/event_reports */
    list,

    /** All reports that `list` would show on its pages, one by one. */
    all(query: EventReportQuery = {}): AsyncGenerator<EventReport, void, undefined> {
      return paginate('GET /_synapse/admin/v1/event_reports', query.from, async (from) => {
        const page = await list({ ...query, from });
        return { items: page.eventReports, next: page.nextToken };
      });
    },

    /**
     * One report with its event. Undefined if unknown, and also where the event was purged or the
     * room deleted, although the list may still show it.
     * GET /_synapse/admin/v1/event_reports/{report_id}
     */
    async find(id: number): Promise<EventReportDetail | undefined> {
      return orUndefined(async () =>
        send('GET', one, { path: { report_id: String(id) }, answer: eventReportDetail }),
      );
    },

    /**
     * Removes a report, not the event. DELETE /_synapse/admin/v1/event_reports/{report_id}
     *
     * @throws HomeserverError 404 unknown, also the second time
     */
    async delete(id: number): Promise<void> {
      return send('DELETE', one, { path: { report_id: String(id) }, answer: nothing });
    },
  };
}

export type EventReportsApi = ReturnType<typeof eventReportsApi>;
