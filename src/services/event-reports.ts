import type { AdminApi } from '../admin-api/admin-api.ts';
import type { EventReport } from '../admin-api/event-reports.ts';
import type { RoomId, UserId } from '../ids.ts';

export type { EventReport, EventReportDetail } from '../admin-api/event-reports.ts';

export interface ReportFilters {
  readonly reporter: UserId | undefined;
  readonly sender: UserId | undefined;
  readonly room: RoomId | undefined;
}

/** A place in the list that stays where it is when reports come and go. */
export interface ReportMark {
  readonly receivedTs: number;
  readonly id: number;
}

export interface ReportPage {
  readonly reports: readonly EventReport[];
  readonly total: number;
  /** Where the next page begins; undefined on the last. */
  readonly next: ReportMark | undefined;
}

/**
 * Reports, the newest first, each once. The server's own order leaves those of the same millisecond
 * as they fall, and its pages shift when a report comes or goes.
 */
export async function* newestReports(
  api: Pick<AdminApi, 'reports'>,
  filters: ReportFilters,
): AsyncGenerator<EventReport, void, undefined> {
  const seen = new Set<number>();
  let sameTime: EventReport[] = [];
  const reports = api.reports.events.all({
    userId: searchable(filters.reporter),
    roomId: searchable(filters.room),
    senderId: searchable(filters.sender),
    limit: 100,
  });
  for await (const report of reports) {
    if (seen.has(report.id) || !fits(report, filters)) {
      continue;
    }
    seen.add(report.id);
    if (sameTime[0] !== undefined && sameTime[0].receivedTs !== report.receivedTs) {
      yield* sameTime.sort(byPlace);
      sameTime = [];
    }
    sameTime.push(report);
  }
  yield* sameTime.sort(byPlace);
}

/** The reports behind `after`, and how many there are in all. */
export async function reportPage(
  api: Pick<AdminApi, 'reports'>,
  filters: ReportFilters,
  { limit, after }: { readonly limit: number; readonly after: ReportMark | undefined },
): Promise<ReportPage> {
  const total = await serverTotal(api, filters);
  const reports: EventReport[] = [];
  let fitting = 0;
  let isMore = false;
  for await (const report of newestReports(api, filters)) {
    fitting += 1;
    if (after !== undefined && byPlace(report, after) <= 0) {
      continue;
    }
    if (reports.length < limit) {
      reports.push(report);
      continue;
    }
    isMore = true;
    // What the server counts needs no counting here.
    if (total !== undefined) {
      break;
    }
  }
  const last = reports.at(-1);
  return {
    reports,
    total: total ?? fitting,
    next: isMore && last !== undefined ? { receivedTs: last.receivedTs, id: last.id } : undefined,
  };
}

/** Undefined where the server would count what only looks alike. */
async function serverTotal(
  api: Pick<AdminApi, 'reports'>,
  { reporter, room, sender }: ReportFilters,
): Promise<number | undefined> {
  if (reporter !== undefined || room !== undefined || sender !== undefined) {
    return undefined;
  }
  return (await api.reports.events.list({ limit: 1 })).total;
}

/** The server finds reporters and rooms by a part, with wildcards. */
function fits(report: EventReport, { reporter, room, sender }: ReportFilters): boolean {
  return (
    (reporter === undefined || report.userId === reporter) &&
    (room === undefined || report.roomId === room) &&
    (sender === undefined || report.sender === sender)
  );
}

/** The server refuses to search for anything but ASCII; then all are looked through. */
function searchable(id: string | undefined): string | undefined {
  return id !== undefined && /^[\x21-\x7E]+$/u.test(id) ? id : undefined;
}

/** The newest first. */
function byPlace(one: ReportMark, other: ReportMark): number {
  return other.receivedTs - one.receivedTs || other.id - one.id;
}
