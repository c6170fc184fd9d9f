import { sql } from 'kysely';
import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { ReportsTable } from '../schema.ts';
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

/** How a report that opens an item, or counts in one, is treated. */
export interface NewItemOptions {
  /** It is from before the first start: rules ignore it. */
  readonly isBacklog: boolean;
  /** It gets no card, and its details are not fetched. */
  readonly isQuiet: boolean;
}

/** The reports of the homeserver's lists. */
export function reports(db: Connection) {
  const withKey = (key: ReportKey) =>
    db
      .selectFrom('reports')
      .where('kind', '=', key.kind)
      .where('report_id', '=', key.reportId)
      .where('received_ts', '=', key.receivedTs)
      .where('subject', '=', key.subject);

  async function addItem(report: NewReport, at: number, options: NewItemOptions): Promise<number> {
    const needsWork = options.isQuiet ? 0 : 1;
    const { id } = await db
      .insertInto('report_items')
      .values({
        kind: report.kind,
        subject: report.subject,
        room_id: report.roomId,
        room_name: report.roomName,
        sender: report.sender,
        sender_created_at: null,
        content: null,
        state: 'open',
        reports: 1,
        last_report_at: report.receivedTs,
        created_at: at,
        opened_at: at,
        reopened: 0,
        claimed_by: null,
        claimed_at: null,
        closed_by: null,
        closed_at: null,
        note: null,
        is_backlog: options.isBacklog ? 1 : 0,
        needs_look: needsWork,
        needs_card: needsWork,
        card: options.isQuiet ? 'digest' : 'none',
        card_at: null,
        card_revision: 0,
        reminded_at: null,
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    return id;
  }

  /** Counts another report of a known item. */
  async function updateItem(id: number, report: NewReport, options: NewItemOptions): Promise<void> {
    await db
      .updateTable('report_items')
      .set(({ eb, ref }) => ({
        reports: eb('reports', '+', 1),
        last_report_at: sql<number>`max(${ref('last_report_at')}, ${report.receivedTs})`,
        ...(report.sender === null ? {} : { sender: report.sender }),
        ...(report.roomName === null ? {} : { room_name: report.roomName }),
        ...(options.isQuiet ? {} : { needs_look: 1, needs_card: 1 }),
        // What is reported now is not from before the first start.
        ...(options.isBacklog ? {} : { is_backlog: 0 }),
      }))
      .where('id', '=', id)
      .execute();
  }

  async function reopenItem(
    { id, state }: { readonly id: number; readonly state: string },
    reporter: string,
    at: number,
  ): Promise<void> {
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

  return {
    /**
     * Stores a report, with the item that it is about. A closed item is opened again, unless the report
     * is older than the decision.
     *
     * @returns undefined if the report is known
     */
    async add(
      report: NewReport,
      at: number,
      options: NewItemOptions,
    ): Promise<AddedReport | undefined> {
      if ((await withKey(report).select('item_id').executeTakeFirst()) !== undefined) {
        return undefined;
      }
      const item = await db
        .selectFrom('report_items')
        .select(['id', 'state', 'closed_at'])
        .where('kind', '=', report.kind)
        .where('subject', '=', report.subject)
        .executeTakeFirst();
      if (item !== undefined) {
        await updateItem(item.id, report, options);
        const isClosed = item.state === 'resolved' || item.state === 'dismissed';
        if (isClosed && report.receivedTs > (item.closed_at ?? 0)) {
          await reopenItem(item, report.reporter, at);
        }
      }
      const itemId = item?.id ?? (await addItem(report, at, options));
      await db
        .insertInto('reports')
        .values({
          kind: report.kind,
          report_id: report.reportId,
          received_ts: report.receivedTs,
          subject: report.subject,
          item_id: itemId,
          reporter: report.reporter,
          reporter_created_at: null,
          reporter_restricted: null,
          reason: report.reason?.slice(0, maxReasonLength).toWellFormed() ?? null,
          score: report.score === null ? null : storable(report.score),
          seen_at: at,
        })
        .execute();
      return { itemId, isNewItem: item === undefined };
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
