import type { SendRequest } from '../http.ts';
import { eventReportsApi } from './event-reports.ts';
import { userReportsApi } from './user-reports.ts';

/** Reports by users. The server also stores reports of rooms, but has no API to read them. */
export function reportsApi(send: SendRequest) {
  return { events: eventReportsApi(send), users: userReportsApi(send) };
}
