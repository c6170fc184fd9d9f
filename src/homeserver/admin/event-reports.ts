import { z } from 'zod';

import { apiObject, eventId, maybe, nothing, readable, roomId, userId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { pageSize, paginate } from '../paginate.ts';

const report = {
  /** The server reuses it if the newest report is deleted and the server restarts. */
  id: z.number(),
  /** Milliseconds since 1970. */
  received_ts: z.number(),
  room_id: roomId,
  event_id: eventId,
  /** Who reports. */
  user_id: userId,
  reason: maybe(z.string()),
  score: maybe(z.number()),
  /** Who sent the event; null if it was purged. */
  sender: maybe(userId),
  /** The alias and name of the room. */
  canonical_alias: maybe(z.string()),
  name: maybe(z.string()),
};

const eventReport = apiObject(report);

export type EventReport = z.output<typeof eventReport>;

const eventReportDetail = apiObject({
  ...report,
  /** As it was sent, even if it was redacted, without its ID. Not decrypted. */
  event_json: z.record(z.string(), z.unknown()),
});

type EventReportDetail = z.output<typeof eventReportDetail>;

const eventReportPage = apiObject({
  event_reports: readable(eventReport),
  total: z.number(),
  next_token: maybe(z.number()),
});

type EventReportPage = z.output<typeof eventReportPage>;

interface EventReportQuery {
  /** Part of the reporter's ID; `%` and `_` are wildcards, so check the results. */
  readonly userId?: string | undefined;
  /** Part of the room's ID, likewise. */
  readonly roomId?: string | undefined;
  /** The exact ID of the event's sender. */
  readonly senderId?: string | undefined;
  /** `b` (newest first) by default. Reports of the same millisecond come in any order. */
  readonly dir?: 'f' | 'b' | undefined;
  /** Reports per page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: number | undefined;
}

/** Reports of events, by `/_synapse/admin/v1/event_reports`. */
export function eventReportsApi(send: SendRequest) {
  const listPath = '/_synapse/admin/v1/event_reports';
  const reportPath = '/_synapse/admin/v1/event_reports/{report_id}';

  async function list(query: EventReportQuery = {}): Promise<EventReportPage> {
    return send('GET', listPath, {
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

    /** All reports on all pages of `list`, one by one. */
    all(query: EventReportQuery = {}): AsyncGenerator<EventReport, void, undefined> {
      return paginate(`GET ${listPath}`, query.from, async (from) => {
        const page = await list({ ...query, from });
        return { items: page.eventReports, next: page.nextToken };
      });
    },

    /**
     * One report with its event. Undefined if it is unknown, or if the event was purged or the room
     * deleted, although the list may still show it.
     * GET /_synapse/admin/v1/event_reports/{report_id}
     */
    async find(id: number): Promise<EventReportDetail | undefined> {
      return ifFound(async () =>
        send('GET', reportPath, { path: { report_id: String(id) }, answer: eventReportDetail }),
      );
    },

    /**
     * Removes a report, not the event. DELETE /_synapse/admin/v1/event_reports/{report_id}
     *
     * @throws HomeserverError 404 unknown or already removed
     */
    async delete(id: number): Promise<void> {
      return send('DELETE', reportPath, { path: { report_id: String(id) }, answer: nothing });
    },
  };
}
