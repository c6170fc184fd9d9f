import { z } from 'zod';

import { apiObject, maybe, nothing, readable, userId } from '../decode.ts';
import { pageSize, paginate } from '../paginate.ts';
import { orUndefined } from '../request.ts';
import type { SendRequest } from '../request.ts';

const userReport = apiObject({
  /** Used again after the newest report was deleted and the server restarted. */
  id: z.number(),
  /** Milliseconds since 1970. */
  received_ts: z.number(),
  target_user_id: userId,
  /** Who reports. */
  user_id: userId,
  reason: maybe(z.string()),
});

export type UserReport = z.output<typeof userReport>;

const userReportPage = apiObject({
  user_reports: readable(userReport),
  total: z.number(),
  next_token: maybe(z.number()),
});

export type UserReportPage = z.output<typeof userReportPage>;

export interface UserReportQuery {
  /** Part of the reporter's ID; `%` and `_` are wildcards. Compare again what comes back. */
  readonly userId?: string | undefined;
  /** Part of the reported user's ID, likewise. */
  readonly targetUserId?: string | undefined;
  /** `b`, the newest first, where left out. */
  readonly dir?: 'f' | 'b' | undefined;
  /** Reports a page, 1 or more; the server's default is 100. */
  readonly limit?: number | undefined;
  readonly from?: number | undefined;
}

/** Reports of users, by `/_synapse/admin/v1/user_reports`, which is in no document of Synapse's. */
export function userReportsApi(send: SendRequest) {
  const one = '/_synapse/admin/v1/user_reports/{report_id}';

  async function list(query: UserReportQuery = {}): Promise<UserReportPage> {
    return send('GET', '/_synapse/admin/v1/user_reports', {
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

    /** All reports that `list` would show on its pages, one by one. */
    all(query: UserReportQuery = {}): AsyncGenerator<UserReport, void, undefined> {
      return paginate('GET /_synapse/admin/v1/user_reports', query.from, async (from) => {
        const page = await list({ ...query, from });
        return { items: page.userReports, next: page.nextToken };
      });
    },

    /** One report, undefined if unknown. GET /_synapse/admin/v1/user_reports/{report_id} */
    async find(id: number): Promise<UserReport | undefined> {
      return orUndefined(async () =>
        send('GET', one, { path: { report_id: String(id) }, answer: userReport }),
      );
    },

    /**
     * Removes a report. DELETE /_synapse/admin/v1/user_reports/{report_id}
     *
     * @throws HomeserverError 404 unknown, also the second time
     */
    async delete(id: number): Promise<void> {
      return send('DELETE', one, { path: { report_id: String(id) }, answer: nothing });
    },
  };
}

export type UserReportsApi = ReturnType<typeof userReportsApi>;
