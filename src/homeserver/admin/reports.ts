import type { SendRequest } from '../request.ts';
import { eventReportsApi } from './event-reports.ts';
import { userReportsApi } from './user-reports.ts';

/** What users have reported. The server keeps reports of rooms too, but lets nobody read them. */
export function reportsApi(send: SendRequest) {
  return { events: eventReportsApi(send), users: userReportsApi(send) };
}

export type ReportsApi = ReturnType<typeof reportsApi>;
