import PQueue from 'p-queue';

import { LawspeakerError, TargetError, mayHaveHappened } from '../../core/errors.ts';
import type { UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { Store } from '../../store/store.ts';
import type { AuditEntry } from '../../store/tables/audit/audit-log.ts';
import { noteCommands } from '../../store/tables/notes.ts';
import type { HistoryEntry } from '../../store/tables/reports/report-history.ts';
import type {
  EarlierItems,
  ItemCursor,
  ItemQuery,
  ItemState,
  ReportItem,
} from '../../store/tables/reports/report-items.ts';
import type { MainReason, Reliability, StoredReport } from '../../store/tables/reports/reports.ts';
import type { Tag } from '../../store/tables/tags.ts';
import { notesAbout } from '../notes/note-service.ts';
import type { NotesAbout } from '../notes/note-service.ts';

/** Somebody who has reported an item, and how their earlier reports ended. */
interface Reporter {
  readonly user: string;
  readonly createdAt: number | null;
  readonly record: Reliability;
}

/** Everything that the database knows about an item. */
export interface ItemStory {
  readonly item: ReportItem;
  /** The latest report by each person except the sender, oldest first. */
  readonly reports: readonly StoredReport[];
  /** The latest reporters, at most `shownReporters`. */
  readonly reporters: readonly Reporter[];
  /** People other than the sender who have reported it. */
  readonly reporterCount: number;
  /** The homeservers on which it was reported, the latest first; empty if there is only one homeserver. */
  readonly where: readonly string[];
  /** Earlier items about the same account. */
  readonly earlier: EarlierItems;
  /** Audited actions on the account, newest first. */
  readonly actions: readonly AuditEntry[];
  readonly history: readonly HistoryEntry[];
  /** What moderators have noted about the sender. */
  readonly ofSender: Noted;
  readonly ofRoom: Noted;
}

interface Noted {
  readonly tags: readonly Tag[];
  readonly notes: NotesAbout;
}

/** Where the story of an item is read: the store, or one transaction. */
export type StoryTables = Pick<
  Store,
  'auditLog' | 'notes' | 'reportHistory' | 'reportItems' | 'reports' | 'tags'
>;

/** What was deleted from the homeserver's own list of reports. */
interface ReportDeletion {
  readonly deleted: number;
  /** Those that the homeserver still has. */
  readonly left: number;
  /** Why the deletion stopped early, after some reports were deleted. */
  readonly stoppedBy: LawspeakerError | undefined;
}

const shownReporters = 10;
const shownActions = 5;
const shownNotes = 3;
/** The number of reports that are requested at the same time. */
const concurrency = 4;

type Move = Parameters<Store['reportItems']['move']> extends [number, ...infer Rest] ? Rest : never;

/**
 * The report queue, and the homeserver's own lists of reports.
 *
 * @param queue.wake called when an item has changed
 * @param queue.refresh reads the lists of all homeservers now
 * @param queue.serverName of this homeserver
 * @param queue.homeservers all that the bot moderates
 */
export function createReportService(
  { reports }: Pick<AdminApi, 'reports'>,
  store: Store,
  {
    wake,
    refresh,
    serverName,
    homeservers,
  }: {
    readonly wake: () => void;
    readonly refresh: () => Promise<void>;
    readonly serverName: string;
    readonly homeservers: readonly { readonly serverName: string }[];
  },
) {
  const hasSeveral = homeservers.length > 1;

  /** The homeservers of these reports, each once. */
  const serversOf = (all: readonly { readonly server: string }[]): string[] =>
    hasSeveral ? [...new Set(all.map(({ server }) => server))].filter(Boolean) : [];

  /** The reports of an item that this homeserver still has, oldest first. */
  async function atSource(itemId: number): Promise<StoredReport[]> {
    const stored = (await store.reports.allOfItem(itemId)).filter(
      ({ server }) => !hasSeveral || server === serverName,
    );
    const queue = new PQueue({ concurrency });
    const found = await queue.addAll(
      stored.map((report) => async () => {
        const there = await listOf(report).find(report.reportId);
        // Synapse may give the number of a deleted report to another one.
        return there?.receivedTs === report.receivedTs ? [report] : [];
      }),
    );
    return found.flat();
  }

  const listOf = ({ kind }: Pick<StoredReport, 'kind'>) =>
    kind === 'event' ? reports.events : reports.users;

  return {
    atSource,

    /**
     * Deletes the reports of an item from the homeserver's own lists. The queue keeps its copy.
     * DELETE /_synapse/admin/v1/event_reports/{report_id}, DELETE /_synapse/admin/v1/user_reports/{report_id}
     *
     * @throws TargetError the homeserver has none of them any more
     * @throws LawspeakerError the first one could not be deleted, or it is not known whether one was
     */
    async deleteAtSource(itemId: number): Promise<ReportDeletion> {
      const there = await atSource(itemId);
      if (there.length === 0) {
        throw new TargetError(
          'state',
          `the homeserver has no report of #${itemId} any more, or doesn’t show it`,
          'Nothing was changed.',
        );
      }
      for (const [deleted, report] of there.entries()) {
        try {
          await listOf(report).delete(report.reportId);
        } catch (error) {
          if (deleted > 0 && error instanceof LawspeakerError && !mayHaveHappened(error)) {
            return { deleted, left: there.length - deleted, stoppedBy: error };
          }
          throw error;
        }
      }
      return { deleted: there.length, left: 0, stoppedBy: undefined };
    },

    /** GET /_synapse/admin/v1/event_reports */
    listEventReports: reports.events.list,
    /** GET /_synapse/admin/v1/event_reports/{report_id} */
    findEventReport: reports.events.find,
    /** GET /_synapse/admin/v1/user_reports */
    listUserReports: reports.users.list,

    /** The homeserver that has the newest report of an item; undefined if there is only one homeserver. */
    whereIs: (item: ReportItem): string | undefined => serversOf([item])[0],

    /** Reads new reports now instead of in some seconds. Resolves after a second at the latest. */
    refresh,

    get: store.reportItems.get,
    search: async (query: ItemQuery, page: { limit: number; after?: ItemCursor | undefined }) =>
      store.reportItems.search(query, page),
    count: store.reportItems.count,
    countByState: store.reportItems.countByState,

    /** What people need to know about an item before they decide. */
    async story(item: ReportItem, now: number, tables: StoryTables = store): Promise<ItemStory> {
      const reports = await tables.reports.ofItem(item.id);
      const users = [...new Set(reports.toReversed().map(({ reporter }) => reporter))];
      const reporters = await Promise.all(
        users.slice(0, shownReporters).map(async (user) => ({
          user,
          createdAt:
            reports.findLast(({ reporter }) => reporter === user)?.reporterCreatedAt ?? null,
          record: await tables.reports.reliability(user),
        })),
      );
      const [reporterCount, earlier, audited, history, ofSender, ofRoom] = await Promise.all([
        tables.reports.countReporters(item.id),
        tables.reportItems.earlier(item),
        item.sender === null
          ? []
          : tables.auditLog.search({
              target: item.sender,
              limit: shownActions + noteCommands.length,
            }),
        tables.reportHistory.ofItem(item.id),
        notedAbout(tables, item.sender, now),
        notedAbout(tables, item.roomId, now),
      ]);
      const actions = audited
        .filter(({ command }) => !noteCommands.includes(command))
        .slice(0, shownActions);
      return {
        item,
        reports,
        reporters,
        reporterCount,
        where: serversOf([item, ...reports.toReversed()]),
        earlier,
        actions,
        history,
        ofSender,
        ofRoom,
      };
    },

    /** What most people say about each of these items, by the item's number. Items without a reason are left out. */
    mainReasonsOf: async (items: readonly ReportItem[]): Promise<ReadonlyMap<number, MainReason>> =>
      store.reports.mainReasons(items.map(({ id }) => id)),

    /** Open and claimed items about a user. */
    pendingAbout: async (sender: UserId, limit: number) =>
      store.reportItems.search(pendingQuery(sender), { limit }),

    /** Moves items to a state, all of them or none. Their cards are updated. */
    async move(ids: readonly number[], ...move: Move): Promise<void> {
      await store.transaction(async ({ reportItems }) => {
        for (const id of ids) {
          await reportItems.move(id, ...move);
        }
      });
      wake();
    },

    /** Whether a move that was cut off has happened: one transaction moves all items. */
    async reconcileMove(ids: readonly number[], state: ItemState): Promise<'done' | 'not_done'> {
      const items = await Promise.all(ids.map(store.reportItems.get));
      return items.every((item) => item?.state === state) ? 'done' : 'not_done';
    },

    /** The same for resolving or dismissing all pending items about a user. */
    reconcileClosing: async (sender: UserId): Promise<'done' | 'not_done'> =>
      (await store.reportItems.count(pendingQuery(sender))) === 0 ? 'done' : 'not_done',

    /** Gives an item that is only part of a digest a card of its own. */
    async wantCard(id: number): Promise<void> {
      await store.reportCards.request(id);
      wake();
    },
  };
}

async function notedAbout(
  { tags, notes }: Pick<StoryTables, 'notes' | 'tags'>,
  subject: string | null,
  now: number,
): Promise<Noted> {
  if (subject === null) {
    return { tags: [], notes: { newest: [], count: 0 } };
  }
  const [there, noted] = await Promise.all([
    tags.of(subject, now),
    notesAbout(notes, subject, shownNotes),
  ]);
  return { tags: there, notes: noted };
}

function pendingQuery(sender: UserId): ItemQuery {
  return { states: ['open', 'claimed'], sender };
}

export type ReportService = ReturnType<typeof createReportService>;
