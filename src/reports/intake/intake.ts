import { HomeserverError, TooLargeAnswerError } from '../../core/errors.ts';
import type { RoomId } from '../../core/ids.ts';
import { createStatisticsCheck } from '../../services/reports/statistics-check.ts';
import type { Services } from '../../services/services.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { NewReport } from '../../store/tables/reports.ts';

/** One list of reports that the server keeps. */
export interface ReportSource {
  readonly kind: 'event' | 'user';
  /** The newest first, from this offset on. */
  page(query: { from: number; limit: number }): Promise<ReportPage>;
  /** Throws why the server does not list all that it stores, if that is so. */
  readonly assertComplete?: () => Promise<void>;
}

export interface ReportPage {
  readonly reports: readonly NewReport[];
  /** Of all pages. */
  readonly total: number;
  /** The offset of the next page; null on the last. */
  readonly next: number | null;
}

/**
 * GET /_synapse/admin/v1/event_reports and /_synapse/admin/v1/user_reports
 *
 * @param managementRoom the room whose statistics show whether reports of messages are listed
 */
export function reportSources(
  { reports, rooms }: Pick<Services, 'reports' | 'rooms'>,
  managementRoom: RoomId,
): ReportSource[] {
  return [
    {
      kind: 'event',
      assertComplete: createStatisticsCheck(rooms, managementRoom),
      async page(query) {
        const { eventReports, total, nextToken } = await reports.listEventReports(query);
        return {
          total,
          next: nextToken,
          reports: eventReports.map((report) => ({
            kind: 'event',
            reportId: report.id,
            receivedTs: report.receivedTs,
            subject: report.eventId,
            reporter: report.userId,
            reason: report.reason,
            score: report.score,
            roomId: report.roomId,
            roomName: report.canonicalAlias ?? report.name,
            sender: report.sender,
          })),
        };
      },
    },
    {
      kind: 'user',
      async page(query) {
        const { userReports, total, nextToken } = await reports.listUserReports(query);
        return {
          total,
          next: nextToken,
          reports: userReports.map((report) => ({
            kind: 'user',
            reportId: report.id,
            receivedTs: report.receivedTs,
            subject: report.targetUserId,
            reporter: report.userId,
            reason: report.reason,
            score: null,
            roomId: null,
            roomName: null,
            sender: report.targetUserId,
          })),
        };
      },
    },
  ];
}

/** How far a list was read; kept between starts. Never an offset: offsets shift. */
interface Progress {
  /** When it was read for the first time; milliseconds since 1970. */
  readonly startedAt: number;
  /** Nothing of what was there at the first start is shown one by one. */
  readonly isQuiet: boolean;
  /** It was once read to its end. */
  readonly isComplete: boolean;
  /** How many reports the server had when it was last read; null where that did not add up. */
  readonly total: number | null;
}

/** Far more reports than any server keeps. */
const maxPages = 2000;

/**
 * A page, or as much of it as can be read: whoever reports can write megabytes each time, and must not
 * hide the reports of others. One report that is too large by itself is left out.
 */
async function readPage(
  source: ReportSource,
  { from, limit }: { readonly from: number; readonly limit: number },
): Promise<ReportPage> {
  try {
    return await source.page({ from, limit });
  } catch (error) {
    if (!(error instanceof TooLargeAnswerError)) {
      throw error;
    }
    return readPage(
      source,
      limit === 1 ? { from: from + 1, limit } : { from, limit: Math.floor(limit / 2) },
    );
  }
}

/** What one reading has found. */
export interface Reading {
  /** Reports that were not known. */
  readonly found: number;
  /** What was there at the first start, where that has just been read to its end. */
  readonly backlog: number | undefined;
}

/** Mostly there is nothing new, and what people write into reports has no limit. */
const firstPageSize = 20;
/** As large as the server's own default. */
const pageSize = 100;
/** For reading all: the server has no maximum. */
const largePageSize = 500;
/** Of the page before, so that a report deleted meanwhile hides none. */
const overlap = 10;

/**
 * Takes in what a list has that is not known yet, the newest first, until a page is wholly known. Each
 * page is committed by itself; where that was broken off, it is read to the end again.
 *
 * Reports come in any order, go, and move the others. What the server counts tells: where it has more
 * or fewer than was to be expected, all is read anew.
 *
 * @param few more than so many at the first start are summed up
 * @param mayReadAll false where all was read a short while ago
 */
export async function takeInReports(
  store: Pick<Store, 'dataLoss' | 'syncState' | 'transaction'>,
  source: ReportSource,
  options: {
    readonly few: number;
    readonly mayReadAll: boolean;
    readonly now: () => number;
    readonly onBacklog: (tables: StoreTables, total: number) => Promise<void>;
  },
): Promise<Reading & { readonly hasReadAll: boolean }> {
  const { few, mayReadAll, now, onBacklog } = options;
  const name = `reports.${source.kind}`;
  const kept = await store.syncState.get(name);
  let progress = kept === undefined ? undefined : (JSON.parse(kept) as Progress);
  const lostUntil = (await store.dataLoss.get())?.foundAt ?? 0;
  const isFirst = progress?.isComplete !== true;
  const readsAll = isFirst || (progress?.total === null && mayReadAll);
  let total = 0;
  let found = 0;
  let isAtEnd = false;
  let pages = 0;
  for (let from = 0; ;) {
    const limit = readsAll ? largePageSize : from === 0 ? firstPageSize : pageSize;
    pages += 1;
    if (pages > maxPages) {
      throw new HomeserverError(
        200,
        'LAWSPEAKER_BAD_ANSWER',
        `GET ${source.kind}_reports`,
        `it has more than ${maxPages} pages`,
      );
    }
    const page = await readPage(source, { from, limit });
    if (from === 0) {
      ({ total } = page);
      progress ??= {
        startedAt: now(),
        isQuiet: total > few,
        isComplete: false,
        total: null,
      };
    }
    const { startedAt = 0, isQuiet = false } = progress ?? {};
    const fresh = await store.transaction(async ({ reports, syncState }) => {
      if (isFirst && from === 0) {
        await syncState.set(name, JSON.stringify(progress));
      }
      let joined = 0;
      // The oldest of a page first, so that items begin with their first report.
      for (const report of page.reports.toReversed()) {
        const isBacklog = isFirst && report.receivedTs < startedAt;
        // What was done about it while another database was in use is not known: it is for people.
        const isOfLostTime = report.receivedTs < lostUntil;
        const how = { isBacklog: isBacklog || isOfLostTime, isQuiet: isBacklog && isQuiet };
        joined += (await reports.add(report, now(), how)) === undefined ? 0 : 1;
      }
      return joined;
    });
    found += fresh;
    isAtEnd = page.next === null;
    if (isAtEnd || (!readsAll && fresh === 0)) {
      break;
    }
    from = Math.max(from + 1, (page.next ?? 0) - (readsAll ? overlap : 0));
  }
  const before = progress?.total ?? null;
  const addsUp = isAtEnd || (before !== null && before + found === total);
  const next: Progress = {
    startedAt: progress?.startedAt ?? 0,
    isQuiet: progress?.isQuiet ?? false,
    isComplete: true,
    total: addsUp ? total : null,
  };
  const isBacklogDone = isFirst && next.isQuiet;
  if (isFirst || next.total !== before) {
    await store.transaction(async (tables) => {
      await tables.syncState.set(name, JSON.stringify(next));
      if (isBacklogDone) {
        await onBacklog(tables, await tables.reports.count(source.kind));
      }
    });
  }
  return { found, backlog: isBacklogDone ? total : undefined, hasReadAll: readsAll };
}
