import { sql } from 'kysely';
import type { Selectable } from 'kysely';
import { z } from 'zod';

import { dialectOf, joinInOrder, jsonArray } from '../../dialect.ts';
import type { Connection, ReportsTable } from '../../schema.ts';
import { addOfKind } from './add-reports.ts';
import type {
  AddedReport,
  NewItemOptions,
  NewReport,
  ReportKey,
  ReportToAdd,
} from './add-reports.ts';

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
    server: row.server,
    itemId: row.item_id,
    reporter: row.reporter,
    reporterCreatedAt: row.reporter_created_at,
    reporterRestricted: row.reporter_restricted === 1,
    reason: row.reason,
    score: row.score,
    seenAt: row.seen_at,
  };
}

/** The reports of at most this many people are read for one item. */
export const maxPeople = 1000;

/** What people say about an item. */
export interface MainReason {
  readonly reason: string;
  /** How many say it. */
  readonly people: number;
}

/** Of at most this many people, who reported last, the main reason of an item is found. */
export const maxPeopleForReason = 100;

/** What JavaScript takes for blank, too. */
const blanks = '\t\n\v\f\r \u00A0\u2028\u2029\uFEFF';

const mainReasonSchema = z
  .tuple([z.string(), z.number()])
  .transform(([reason, people]): MainReason => ({ reason, people }));

/** Whether a report is by somebody other than the user whom it accuses. */
const isByOthers = sql<boolean>`reports.reporter IS DISTINCT FROM (
  SELECT sender FROM report_items WHERE report_items.id = reports.item_id
)`;

/** The reports of the homeserver's lists. */
export function reports(db: Connection) {
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
        added += (await addOfKind(db, kind, given, at)).length;
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
      const [added] = await addOfKind(db, report.kind, [{ report, options }], at);
      return added;
    },

    /**
     * What people say about an item: the latest report of each person, oldest first, and only those of
     * the `maxPeople` people who reported last. Reports by the sender are left out: they must not push
     * out what others say.
     */
    async ofItem(itemId: number): Promise<StoredReport[]> {
      const latest =
        dialectOf(db) === 'sqlite'
          ? // With max(), SQLite takes the other columns from the row that has the maximum.
            sql`SELECT *, max(received_ts) FROM reports
              WHERE item_id = ${itemId} AND ${isByOthers} GROUP BY reporter`
          : sql`SELECT * FROM (
              SELECT DISTINCT ON (reporter) * FROM reports
              WHERE item_id = ${itemId} AND ${isByOthers} ORDER BY reporter, received_ts DESC, report_id
            ) AS latest`;
      const { rows } = await sql<Selectable<ReportsTable>>`
        ${latest} ORDER BY received_ts DESC, report_id DESC, server DESC LIMIT ${maxPeople}
      `.execute(db);
      return rows.map(reportOf).reverse();
    },

    /**
     * The most common reason of each of these items, by the item's number. Items without a reason are left out. Each
     * person counts once, with their latest report; the sender doesn't.
     */
    async mainReasons(itemIds: readonly number[]): Promise<ReadonlyMap<number, MainReason>> {
      if (itemIds.length === 0) {
        return new Map();
      }
      const said = sql`trim(said.reason, ${sql.lit(blanks)})`;
      const reasonAndPeople = jsonArray(db, said, sql`count(*)`);
      const { rows } = await sql<{ id: number; main: string | null }>`
        SELECT item.id AS id, (
          SELECT ${reasonAndPeople}
          FROM (
            SELECT reporter, max(received_ts) AS at FROM reports
            WHERE item_id = item.id AND reporter IS DISTINCT FROM item.sender
            GROUP BY reporter ORDER BY at DESC, reporter LIMIT ${maxPeopleForReason}
          ) AS latest
          ${joinInOrder(db)} reports AS said ON said.item_id = item.id
            AND said.reporter = latest.reporter AND said.received_ts = latest.at
          WHERE ${said} != ''
          GROUP BY ${said} ORDER BY count(*) DESC, min(latest.at), ${said} LIMIT 1
        ) AS main
        FROM report_items AS item WHERE item.id IN (${sql.join(itemIds)})
      `.execute(db);
      return new Map(
        rows.flatMap(({ id, main }) =>
          main === null ? [] : [[id, mainReasonSchema.parse(JSON.parse(main))]],
        ),
      );
    },

    /** All reports of an item, whoever sent them, oldest first. */
    async allOfItem(itemId: number): Promise<StoredReport[]> {
      const rows = await db
        .selectFrom('reports')
        .selectAll()
        .where('item_id', '=', itemId)
        .orderBy('received_ts')
        .orderBy('report_id')
        .orderBy('server')
        .execute();
      return rows.map(reportOf);
    },

    /** The number of the latest report of an item that a homeserver lists, whoever sent it. */
    async newestId(itemId: number, server: string): Promise<number | undefined> {
      const newest = await db
        .selectFrom('reports')
        .select('report_id')
        .where('item_id', '=', itemId)
        .where('server', 'in', [server, ''])
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
        ${joinInOrder(db)} report_items AS item ON item.id = reported.item_id
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
            sql<boolean>`(received_ts, kind, report_id, subject, server) > (
              ${after?.receivedTs ?? 0}, ${after?.kind}, ${after?.reportId ?? 0}, ${after?.subject},
              ${after?.server}
            )`,
          ),
        )
        .orderBy('received_ts')
        .orderBy('kind')
        .orderBy('report_id')
        .orderBy('subject')
        .orderBy('server')
        .limit(limit)
        .execute();
      return rows.map(reportOf);
    },
  };
}

export type Reports = ReturnType<typeof reports>;
