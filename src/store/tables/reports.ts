import { sql } from 'kysely';
import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { ReportItemsTable, ReportsTable } from '../schema.ts';
import { reportHistory } from './report-history.ts';

/**
 * What identifies a report. Its number alone doesn't: Synapse reuses the number of the newest report if
 * that was deleted before a restart.
 */
export interface ReportKey {
  readonly kind: 'event' | 'user';
  readonly reportId: number;
  readonly receivedTs: number;
  /** The event or user that was reported. */
  readonly subject: string;
}

export interface NewReport extends ReportKey {
  readonly reporter: string;
  readonly reason: string | null;
  readonly score: number | null;
  readonly roomId: string | null;
  readonly roomName: string | null;
  readonly sender: string | null;
}

/** A report of the homeserver's lists, as it is stored. */
export interface StoredReport extends ReportKey {
  readonly itemId: number;
  readonly reporter: string;
  /** Null if it was not looked up yet, or the account is gone. */
  readonly reporterCreatedAt: number | null;
  /** Deactivated, locked, suspended or shadow-banned when it was looked up. */
  readonly reporterRestricted: boolean;
  readonly reason: string | null;
  readonly score: number | null;
  /** When the bot stored it; milliseconds since 1970. */
  readonly seenAt: number;
}

/** What a new report did to the queue. */
export interface AddedReport {
  readonly itemId: number;
  readonly isNewItem: boolean;
}

/** How many items that somebody reported were resolved, and how many dismissed. */
export interface Reliability {
  readonly resolved: number;
  readonly dismissed: number;
}

function reportOf(row: Selectable<ReportsTable>): StoredReport {
  return {
    kind: row.kind,
    reportId: row.report_id,
    receivedTs: row.received_ts,
    subject: row.subject,
    itemId: row.item_id,
    reporter: row.reporter,
    reporterCreatedAt: row.reporter_created_at,
    reporterRestricted: row.reporter_restricted === 1,
    reason: row.reason,
    score: row.score,
    seenAt: row.seen_at,
  };
}

/** The homeserver does not limit the length of a reason. */
const maxReasonLength = 2000;

/** The reports of at most this many people are read for one item. */
export const maxPeople = 1000;

/** Whether a report is by somebody other than the user whom it accuses. */
const isByOthers = sql<boolean>`reports.reporter IS NOT (
  SELECT sender FROM report_items WHERE report_items.id = reports.item_id
)`;

/** People can send any number. One that doesn't fit into the column must not hold up other reports. */
function storable(score: number): number {
  const whole = Math.trunc(score);
  return Math.min(Math.max(whole, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/** What the latest reports that say it say about an item. */
function describedBy(added: readonly ReportToAdd[]) {
  return {
    sender: added.findLast(({ report }) => report.sender !== null)?.report.sender ?? null,
    room_name: added.findLast(({ report }) => report.roomName !== null)?.report.roomName ?? null,
  };
}

function parts<Row>(rows: readonly Row[]): Row[][] {
  return Array.from({ length: Math.ceil(rows.length / rowsPerInsert) }, (_, at) =>
    rows.slice(at * rowsPerInsert, (at + 1) * rowsPerInsert),
  );
}

/** How a report that opens an item, or counts in one, is treated. */
export interface NewItemOptions {
  /** It is from before the first start: rules ignore it. */
  readonly isBacklog: boolean;
  /** It gets no card, and its details are not fetched. */
  readonly isQuiet: boolean;
}

/** A report of a page, with what its item is to be treated like. */
export interface ReportToAdd {
  readonly report: NewReport;
  readonly options: NewItemOptions;
}

/** An item that exists, as far as adding reports to it needs it. */
type KnownItem = Pick<Selectable<ReportItemsTable>, 'id' | 'subject' | 'state' | 'closed_at'>;

/** A statement with more values than this takes longer to write than to run. */
const rowsPerInsert = 50;

const keyOf = ({ reportId, receivedTs, subject }: ReportKey) =>
  JSON.stringify([reportId, receivedTs, subject]);

/** The reports of the homeserver's lists. */
export function reports(db: Connection) {
  /** Those of one kind that are not stored yet, each once, in the order given. */
  async function newOf(kind: ReportKey['kind'], all: readonly ReportToAdd[]) {
    const stored = await db
      .selectFrom('reports')
      .select(['report_id as reportId', 'received_ts as receivedTs', 'subject'])
      .where('kind', '=', kind)
      .where(
        'report_id',
        'in',
        all.map(({ report }) => report.reportId),
      )
      .execute();
    const known = new Set(stored.map((key) => keyOf({ kind, ...key })));
    return all.filter(({ report }) => {
      const key = keyOf(report);
      return !known.has(key) && known.add(key);
    });
  }

  async function addItems(
    kind: ReportKey['kind'],
    items: ReadonlyMap<string, readonly ReportToAdd[]>,
    at: number,
  ): Promise<KnownItem[]> {
    const rows = [...items].map(([subject, added]) => {
      const needsWork = added.some(({ options }) => !options.isQuiet) ? 1 : 0;
      return {
        kind,
        subject,
        ...describedBy(added),
        room_id: added[0]?.report.roomId ?? null,
        sender_created_at: null,
        content: null,
        state: 'open' as const,
        reports: added.length,
        last_report_at: Math.max(...added.map(({ report }) => report.receivedTs)),
        created_at: at,
        opened_at: at,
        reopened: 0,
        claimed_by: null,
        claimed_at: null,
        closed_by: null,
        closed_at: null,
        note: null,
        is_backlog: added.every(({ options }) => options.isBacklog) ? 1 : 0,
        needs_look: needsWork,
        needs_card: needsWork,
        card: needsWork === 0 ? ('digest' as const) : ('none' as const),
        card_at: null,
        card_revision: 0,
        reminded_at: null,
      };
    });
    const known: KnownItem[] = [];
    for (const part of parts(rows)) {
      known.push(
        ...(await db
          .insertInto('report_items')
          .values(part)
          .returning(['id', 'subject', 'state', 'closed_at'])
          .execute()),
      );
    }
    return known;
  }

  /** Counts more reports of a known item. A report from after its decision opens it again. */
  async function updateItem(
    item: KnownItem,
    added: readonly ReportToAdd[],
    at: number,
  ): Promise<void> {
    const { sender, room_name: roomName } = describedBy(added);
    const lastReportAt = Math.max(...added.map(({ report }) => report.receivedTs));
    await db
      .updateTable('report_items')
      .set(({ eb, ref }) => ({
        reports: eb('reports', '+', added.length),
        last_report_at: sql<number>`max(${ref('last_report_at')}, ${lastReportAt})`,
        ...(sender === null ? {} : { sender }),
        ...(roomName === null ? {} : { room_name: roomName }),
        ...(added.every(({ options }) => options.isQuiet)
          ? {}
          : {
              // What a digest has counted, or the backlog, is news again.
              card: sql<
                'none' | 'own' | 'digest'
              >`CASE WHEN card = 'digest' AND needs_look = 0 THEN 'none' ELSE card END`,
              needs_look: 1,
              needs_card: 1,
            }),
        // What is reported now is not from before the first start.
        ...(added.every(({ options }) => options.isBacklog) ? {} : { is_backlog: 0 }),
      }))
      .where('id', '=', item.id)
      .execute();
    const isClosed = item.state === 'resolved' || item.state === 'dismissed';
    const later = added.find(({ report }) => report.receivedTs > (item.closed_at ?? 0));
    if (isClosed && later !== undefined) {
      await reopenItem(item, later.report.reporter, at);
    }
  }

  async function reopenItem({ id, state }: KnownItem, reporter: string, at: number): Promise<void> {
    await db
      .updateTable('report_items')
      .set(({ eb }) => ({
        state: 'open',
        opened_at: at,
        reopened: eb('reopened', '+', 1),
        claimed_by: null,
        claimed_at: null,
        closed_by: null,
        closed_at: null,
        note: null,
      }))
      .where('id', '=', id)
      .execute();
    const entry = { itemId: id, at, kind: 'reopened', actor: reporter, detail: state } as const;
    await reportHistory(db).add(entry, { isShown: false });
  }

  /** Adds reports of one kind. Returns what those that were not known have done. */
  async function addOfKind(
    kind: ReportKey['kind'],
    given: readonly ReportToAdd[],
    at: number,
  ): Promise<AddedReport[]> {
    const added = await newOf(kind, given);
    if (added.length === 0) {
      return [];
    }
    const bySubject = Map.groupBy(added, ({ report }) => report.subject);
    const known = await db
      .selectFrom('report_items')
      .select(['id', 'subject', 'state', 'closed_at'])
      .where('kind', '=', kind)
      .where('subject', 'in', [...bySubject.keys()])
      .execute();
    for (const item of known) {
      await updateItem(item, bySubject.get(item.subject) ?? [], at);
    }
    const before = new Set(known.map(({ subject }) => subject));
    const opened = new Map([...bySubject].filter(([subject]) => !before.has(subject)));
    const items = new Map(
      [...known, ...(await addItems(kind, opened, at))].map(({ id, subject }) => [subject, id]),
    );
    const rows = added.map(({ report }) => ({
      kind,
      report_id: report.reportId,
      received_ts: report.receivedTs,
      subject: report.subject,
      item_id: items.get(report.subject) ?? 0,
      reporter: report.reporter,
      reporter_created_at: null,
      reporter_restricted: null,
      reason: report.reason?.slice(0, maxReasonLength).toWellFormed() ?? null,
      score: report.score === null ? null : storable(report.score),
      seen_at: at,
    }));
    for (const part of parts(rows)) {
      await db.insertInto('reports').values(part).execute();
    }
    return rows.map(({ item_id: itemId, subject }) => ({
      itemId,
      isNewItem: !before.has(subject),
    }));
  }

  return {
    /**
     * Stores reports, oldest first, with the items that they are about. A closed item is opened again,
     * unless the report is older than the decision.
     *
     * @returns how many of them were not known
     */
    async addAll(all: readonly ReportToAdd[], at: number): Promise<number> {
      let added = 0;
      for (const [kind, given] of Map.groupBy(all, ({ report }) => report.kind)) {
        added += (await addOfKind(kind, given, at)).length;
      }
      return added;
    },

    /**
     * Stores a single report; otherwise as `addAll`.
     *
     * @returns undefined if the report is known
     */
    async add(
      report: NewReport,
      at: number,
      options: NewItemOptions,
    ): Promise<AddedReport | undefined> {
      const [added] = await addOfKind(report.kind, [{ report, options }], at);
      return added;
    },

    /**
     * What people say about an item: the latest report of each person, oldest first, and only those of
     * the `maxPeople` people who reported last. Reports by the sender are left out: they must not push
     * out what others say.
     */
    async ofItem(itemId: number): Promise<StoredReport[]> {
      // With max(), SQLite takes the other columns from the row that has the maximum.
      const { rows } = await sql<Selectable<ReportsTable>>`
        SELECT *, max(received_ts) FROM reports
        WHERE item_id = ${itemId} AND ${isByOthers}
        GROUP BY reporter ORDER BY received_ts DESC, report_id DESC LIMIT ${maxPeople}
      `.execute(db);
      return rows.map(reportOf).reverse();
    },

    /** The number of the latest report of an item, whoever sent it. */
    async newestId(itemId: number): Promise<number | undefined> {
      const newest = await db
        .selectFrom('reports')
        .select('report_id')
        .where('item_id', '=', itemId)
        .orderBy('received_ts', 'desc')
        .orderBy('report_id', 'desc')
        .executeTakeFirst();
      return newest?.report_id;
    },

    /** How many people other than the sender have reported an item. */
    async countReporters(itemId: number): Promise<number> {
      const { count } = await db
        .selectFrom('reports')
        .select(({ fn }) => fn.count<number>('reporter').distinct().as('count'))
        .where('item_id', '=', itemId)
        .where(isByOthers)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Stores what was found out about a reporter, in all their reports of this item. */
    async setReporter(
      itemId: number,
      reporter: string,
      found: { readonly createdAt: number | null; readonly isRestricted: boolean },
    ): Promise<void> {
      await db
        .updateTable('reports')
        .set({
          reporter_created_at: found.createdAt,
          reporter_restricted: found.isRestricted ? 1 : 0,
        })
        .where('item_id', '=', itemId)
        .where('reporter', '=', reporter)
        .execute();
    },

    /** What became of the items that this person has reported. Counts only closed items. */
    async reliability(reporter: string): Promise<Reliability> {
      const { rows } = await sql<{ state: string; count: number }>`
        SELECT state, count(*) AS count
        FROM (SELECT DISTINCT item_id FROM reports WHERE reporter = ${reporter}) AS reported
        CROSS JOIN report_items AS item ON item.id = reported.item_id
        WHERE state IN ('resolved', 'dismissed') GROUP BY state
      `.execute(db);
      const count = (state: string) => rows.find((row) => row.state === state)?.count ?? 0;
      return { resolved: count('resolved'), dismissed: count('dismissed') };
    },

    /** How many reports are stored, of one kind or of both. */
    async count(kind?: ReportKey['kind']): Promise<number> {
      const rows = await db
        .selectFrom('report_totals')
        .select('count')
        .$if(kind !== undefined, (all) => all.where('kind', '=', kind ?? 'event'))
        .execute();
      return rows.reduce((total, { count }) => total + count, 0);
    },

    /** Reports in the order in which the homeserver received them, after a report. */
    async inOrder(after: ReportKey | undefined, limit: number): Promise<StoredReport[]> {
      const rows = await db
        .selectFrom('reports')
        .selectAll()
        .$if(after !== undefined, (all) =>
          all.where(
            sql<boolean>`(received_ts, kind, report_id, subject) > (
              ${after?.receivedTs ?? 0}, ${after?.kind}, ${after?.reportId ?? 0}, ${after?.subject}
            )`,
          ),
        )
        .orderBy('received_ts')
        .orderBy('kind')
        .orderBy('report_id')
        .orderBy('subject')
        .limit(limit)
        .execute();
      return rows.map(reportOf);
    },
  };
}

export type Reports = ReturnType<typeof reports>;
