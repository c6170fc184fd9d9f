import { HomeserverError, TooLargeAnswerError } from '../../core/errors.ts';
import type { Settings } from '../../operations/settings.ts';
import { createStatisticsCheck } from '../../services/reports/statistics-check.ts';
import type { Services } from '../../services/services.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import type { NewReport } from '../../store/tables/reports/add-reports.ts';
import type { GiveWay } from '../give-way.ts';

/** One of a homeserver's lists of reports. */
export interface ReportSource {
  readonly serverName: string;
  readonly kind: 'event' | 'user';
  /** The newest first, from this offset on. */
  page(query: { from: number; limit: number }): Promise<ReportPage>;
  /**
   * Throws if the homeserver does not list all reports that it has. Usually this is not asked each time.
   *
   * @param options.isFresh asks now
   */
  readonly assertComplete?: (options: { readonly isFresh: boolean }) => Promise<void>;
}

interface ReportPage {
  readonly reports: readonly NewReport[];
  /** The number of reports on all pages. */
  readonly total: number;
  /** The offset of the next page; null on the last. */
  readonly next: number | null;
}

/**
 * GET /_synapse/admin/v1/event_reports and /_synapse/admin/v1/user_reports
 *
 * @param services throws an UnreachableError if the homeserver has not answered yet
 * @param of.managementRoom if it is on this homeserver: its statistics show whether reports of messages are listed
 */
export function reportSources(
  services: () => Pick<Services, 'reports' | 'rooms'>,
  {
    serverName,
    managementRoom,
  }: Pick<Settings, 'serverName'> & Partial<Pick<Settings, 'managementRoom'>>,
): ReportSource[] {
  return [
    {
      serverName,
      kind: 'event',
      ...(managementRoom === undefined
        ? {}
        : { assertComplete: createStatisticsCheck(services().rooms, managementRoom) }),
      async page(query) {
        const { eventReports, total, nextToken } = await services().reports.listEventReports(query);
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
      serverName,
      kind: 'user',
      async page(query) {
        const { userReports, total, nextToken } = await services().reports.listUserReports(query);
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

/** How far a list was read; survives restarts. Not an offset: offsets shift. */
interface Progress {
  /** When the bot first began to read it; milliseconds since 1970. */
  readonly startedAt: number;
  /** The reports from before the first start get no cards. */
  readonly isQuiet: boolean;
  /** The list was read to its end at least once. */
  readonly isComplete: boolean;
  /** How many reports the homeserver had when it was last read; null if the numbers did not add up. */
  readonly total: number | null;
}

/** Far more than any homeserver has. */
const maxPages = 2000;

/**
 * Reads a page, or as much of it as possible. Each report can be megabytes long, which must not hide the
 * reports of others. A single report that is too large is skipped.
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

/**
 * The pages of a list, the newest reports first. If all of them are read, the homeserver makes the next
 * page while this one is stored.
 */
function createPages(source: ReportSource, readsAll: boolean) {
  let pages = 0;
  let from = 0;

  async function read(): Promise<ReportPage> {
    pages += 1;
    if (pages > maxPages) {
      throw new HomeserverError(
        200,
        'LAWSPEAKER_BAD_ANSWER',
        `GET ${source.kind}_reports`,
        `it has more than ${maxPages} pages`,
      );
    }
    const limit = readsAll ? largePageSize + overlap : from === 0 ? firstPageSize : pageSize;
    const page = await readPage(source, { from, limit });
    from = Math.max(from + 1, (page.next ?? 0) - (readsAll ? overlap : 0));
    return page;
  }

  let ahead: Promise<ReportPage> | undefined;
  return {
    async next(): Promise<ReportPage> {
      const page = await (ahead ?? read());
      ahead = readsAll && page.next !== null ? read() : undefined;
      // If it fails, `next` throws that later.
      ahead?.catch(() => undefined);
      return page;
    },
  };
}

/** What one reading of a list has found. */
export interface ImportResult {
  /** How many reports were new. */
  readonly found: number;
  /** How many reports are from before the first start; set once, when they have been read to the end. */
  readonly backlog: number | undefined;
  readonly hasReadAll: boolean;
}

/** Small: usually there is nothing new, and reports have no maximum length. */
const firstPageSize = 20;
/** If the first page had something new. */
const pageSize = 500;
/**
 * For reading everything; the overlap is added to it. Synapse has no maximum, and sorts all reports for each
 * page.
 */
const largePageSize = 1000;
/** How many reports are stored at once: nothing else can be done meanwhile. */
const storedAtOnce = 250;
/** Reports of the previous page that are read again: one that was deleted meanwhile must not hide another. */
const overlap = 10;

/**
 * Stores the reports of a list that are not known yet: from the newest one on, until a page has nothing
 * new. If the first reading is interrupted, it starts again.
 *
 * Reports can appear in any order and disappear, which shifts the others. The homeserver's total shows
 * it: if it isn't what the new reports add up to, the whole list is read again.
 *
 * @param options.startedAt when the bot began to read the list: a report from before its first start is old, one that
 *   arrives during a slow first reading is not; milliseconds since 1970
 * @param options.few if there are more reports at the first start, they get no cards
 * @param options.mayReadAll false if the whole list was read a short while ago
 * @param options.signal ends the reading, which throws its reason: a long list takes minutes
 */
export async function importReports(
  store: Pick<Store, 'dataLoss' | 'syncState' | 'transaction'>,
  source: ReportSource,
  options: {
    readonly startedAt: number;
    readonly few: number;
    readonly mayReadAll: boolean;
    readonly now: () => number;
    readonly giveWay: GiveWay;
    readonly signal?: AbortSignal;
    readonly onBacklog: (tables: StoreTables, total: number) => Promise<void>;
  },
): Promise<ImportResult> {
  const { startedAt, few, mayReadAll, now, giveWay, signal, onBacklog } = options;
  const name = `reports.${source.kind} ${source.serverName}`;
  const stored = await store.syncState.get(name);
  let progress = stored === undefined ? undefined : (JSON.parse(stored) as Progress);
  const lostUntil = (await store.dataLoss.get())?.foundAt ?? 0;
  const isFirst = progress?.isComplete !== true;
  const readsAll = isFirst || (progress?.total === null && mayReadAll);

  const pages = createPages(source, readsAll);
  let total = 0;
  let found = 0;
  let isAtEnd = false;
  for (let isFirstPage = true; !isAtEnd; isFirstPage = false) {
    signal?.throwIfAborted();
    const page = await pages.next();
    if (isFirstPage) {
      ({ total } = page);
      if (isFirst) {
        progress ??= { startedAt, isQuiet: total > few, isComplete: false, total: null };
        await store.syncState.set(name, JSON.stringify(progress));
      }
    }
    const fresh = await addPage(store, page.reports, {
      backlogUntil: isFirst ? (progress?.startedAt ?? 0) : 0,
      isQuiet: progress?.isQuiet ?? false,
      lostUntil,
      now,
      // A command may be waiting for the small page.
      giveWay: isFirstPage && !readsAll ? async () => undefined : giveWay,
    });
    found += fresh;
    isAtEnd = page.next === null;
    if (!readsAll && fresh === 0) {
      break;
    }
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
        // There are those of other homeservers, too.
        await onBacklog(tables, Math.min(total, await tables.reports.count(source.kind)));
      }
    });
  }
  return { found, backlog: isBacklogDone ? total : undefined, hasReadAll: readsAll };
}

/**
 * Stores a page of reports, the newest first. Times in milliseconds since 1970.
 *
 * @param how.backlogUntil reports from before this time are from before the first start
 * @param how.isQuiet those get no cards
 * @param how.lostUntil when data was last lost: what was done about older reports is not known
 * @returns how many of the reports were new
 */
async function addPage(
  store: Pick<Store, 'transaction'>,
  page: readonly NewReport[],
  how: {
    readonly backlogUntil: number;
    readonly isQuiet: boolean;
    readonly lostUntil: number;
    readonly now: () => number;
    readonly giveWay: GiveWay;
  },
): Promise<number> {
  // The oldest of a page first, so that items start with their first report.
  const reports = page.toReversed().map((report) => {
    const isBacklog = report.receivedTs < how.backlogUntil;
    // Before data was lost, something may have been done about it: only people can know.
    const mayBeLost = report.receivedTs < how.lostUntil;
    return {
      report,
      options: { isBacklog: isBacklog || mayBeLost, isQuiet: isBacklog && how.isQuiet },
    };
  });
  let added = 0;
  for (let start = 0; start < reports.length; start += storedAtOnce) {
    await how.giveWay();
    added += await store.transaction(
      async (tables) =>
        tables.reports.addAll(reports.slice(start, start + storedAtOnce), how.now()),
      // If they are lost, the homeserver still lists them.
      { repeatable: true },
    );
  }
  return added;
}
