import { z } from 'zod';

import { apiObject, maybe, nothing, readable, userId } from '../decode.ts';
import { ifFound } from '../http.ts';
import type { SendRequest } from '../http.ts';
import { pageSize, paginate } from '../paginate.ts';

const userReport = apiObject({
  /** The server reuses it if the newest report is deleted and the server restarts. */
  id: z.number(),
  /** Milliseconds since 1970. */
  received_ts: z.number(),
  target_user_id: userId,
  /** Who reports. */
  user_id: userId,
  reason: maybe(z.string()),
});

type UserReport = z.output<typeof userReport>;

const userReportPage = apiObject({
  user_reports: readable(userReport),
  total: z.number(),
  next_token: maybe(z.number()),
});

type UserReportPage = z.output<typeof userReportPage>;

interface UserReportQuery {
  /** Part of the reporter's ID; `%` and `_` are wildcards, so check the results. */
  readonly userId?: string | undefined;
  /** Part of the reported user's ID, likewise. */
  readonly targetUserId?: string | undefined;
  /** `b` (newest first) by default. */
  readonly dir?: 'f' | 'b' | undefined;
  /** Reports per page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: number | undefined;
}

/** Reports of users, by `/_synapse/admin/v1/user_reports`, which Synapse does not document. */
export function userReportsApi(send: SendRequest) {
  const listPath = '/_synapse/admin/v1/user_reports';
  const reportPath = '/_synapse/admin/v1/user_reports/{report_id}';

  async function list(query: UserReportQuery = {}): Promise<UserReportPage> {
    return send('GET', listPath, {
      query: {
        user_id: query.userId,
        target_user_id: query.targetUserId,
        dir: query.dir,
        limit: pageSize(query.limit),
        from: query.from,
      },
      answer: userReportPage,
    });
  }

  return {
    /**
     * One page of reports. GET /_synapse/admin/v1/user_reports
     *
     * @throws HomeserverError 404 `M_UNRECOGNIZED` on older servers
     */
    list,

    /** All reports on all pages of `list`, one by one. */
    all(query: UserReportQuery = {}): AsyncGenerator<UserReport, void, undefined> {
      return paginate(`GET ${listPath}`, query.from, async (from) => {
        const page = await list({ ...query, from });
        return { items: page.userReports, next: page.nextToken };
      });
    },

    /** One report, undefined if unknown. GET /_synapse/admin/v1/user_reports/{report_id} */
    async find(id: number): Promise<UserReport | undefined> {
      return ifFound(async () =>
        send('GET', reportPath, { path: { report_id: String(id) }, answer: userReport }),
      );
    },

    /**
     * Removes a report. DELETE /_synapse/admin/v1/user_reports/{report_id}
     *
     * @throws HomeserverError 404 unknown or already removed
     */
    async delete(id: number): Promise<void> {
      return send('DELETE', reportPath, { path: { report_id: String(id) }, answer: nothing });
    },
  };
}
