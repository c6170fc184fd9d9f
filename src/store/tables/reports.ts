import { sql } from 'kysely';
import type { Selectable } from 'kysely';

import type { Connection } from '../database.ts';
import type { ReportsTable } from '../schema.ts';

/**
 * What tells one report from every other. Synapse uses a report's number again after the newest was
 * deleted and the server restarted.
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

/** A report as it was taken in. */
export interface StoredReport extends ReportKey {
  readonly itemId: number;
  readonly reporter: string;
  /** Null where it was not asked for, or the account is gone. */
  readonly reporterCreatedAt: number | null;
  /** Deactivated, locked, suspended or shadow-banned when it was looked at. */
  readonly reporterRestricted: boolean;
  readonly reason: string | null;
  readonly score: number | null;
  readonly seenAt: number;
}

export interface Joined {
  readonly itemId: number;
  readonly isNewItem: boolean;
  /** It had been settled, and is open again. */
  readonly isReopened: boolean;
}

/** How often somebody's reports led to something. */
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

/** A reason has no limit of length on the server. */
const maxReasonLength = 2000;

/** At most this many people's reports are looked at for one item. */
export const maxPeople = 1000;

/** Whether a report is by somebody else than whom it accuses. */
const isByOthers = sql<boolean>`reports.reporter IS NOT (
  SELECT sender FROM report_items WHERE report_items.id = reports.item_id
)`;

/** A reporter may send any number: one that no integer column takes must not hold up the others. */
function storable(score: number): number {
  const whole = Math.trunc(score);
  return Math.min(Math.max(whole, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

/** Reports as the server lists them, each once. */
export function reports(db: Connection) {
  const ofKey = (key: ReportKey) =>
    db
      .selectFrom('reports')
      .where('kind', '=', key.kind)
      .where('report_id', '=', key.reportId)
      .where('received_ts', '=', key.receivedTs)
      .where('subject', '=', key.subject);

  return {
    async has(key: ReportKey): Promise<boolean> {
      return (await ofKey(key).select('item_id').executeTakeFirst()) !== undefined;
    },

    /**
     * Takes a report in: it joins the item of what it reports, or begins one. Undefined where it was
     * known. A settled item opens anew, unless the report is older than the settlement.
     *
     * @param how `isBacklog`: from before the first start; `isQuiet`: no card for it
     */
    async join(
      report: NewReport,
      at: number,
      how: { readonly isBacklog: boolean; readonly isQuiet: boolean },
    ): Promise<Joined | undefined> {
      if ((await ofKey(report).select('item_id').executeTakeFirst()) !== undefined) {
        return undefined;
      }
      const known = await db
        .selectFrom('report_items')
        .select(['id', 'state', 'closed_at', 'reopened'])
        .where('kind', '=', report.kind)
        .where('subject', '=', report.subject)
        .executeTakeFirst();
      const isReopened =
        (known?.state === 'resolved' || known?.state === 'dismissed') &&
        report.receivedTs > (known.closed_at ?? 0);
      const needs = how.isQuiet ? 0 : 1;
      let itemId = known?.id;
      if (itemId === undefined) {
        const inserted = await db
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
            is_backlog: how.isBacklog ? 1 : 0,
            needs_look: needs,
            needs_card: needs,
            card: how.isQuiet ? 'digest' : 'none',
            card_at: null,
            card_revision: 0,
            reminded_at: null,
          })
          .returning('id')
          .executeTakeFirstOrThrow();
        itemId = inserted.id;
      } else {
        await db
          .updateTable('report_items')
          .set(({ eb, ref }) => ({
            reports: eb('reports', '+', 1),
            last_report_at: sql<number>`max(${ref('last_report_at')}, ${report.receivedTs})`,
            ...(report.sender === null ? {} : { sender: report.sender }),
            ...(report.roomName === null ? {} : { room_name: report.roomName }),
            ...(how.isQuiet ? {} : { needs_look: 1, needs_card: 1 }),
            // What is reported now is no matter of before the first start.
            ...(how.isBacklog ? {} : { is_backlog: 0 }),
            ...(isReopened
              ? {
                  state: 'open' as const,
                  opened_at: at,
                  reopened: eb('reopened', '+', 1),
                  claimed_by: null,
                  claimed_at: null,
                  closed_by: null,
                  closed_at: null,
                  note: null,
                }
              : {}),
          }))
          .where('id', '=', itemId)
          .execute();
        if (isReopened) {
          await db
            .insertInto('report_history')
            .values({
              item_id: itemId,
              at,
              kind: 'reopened',
              actor: report.reporter,
              detail: known?.state ?? null,
              needs_note: 1,
            })
            .execute();
        }
      }
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
      return { itemId, isNewItem: known === undefined, isReopened };
    },

    /**
     * What people say about an item: the newest report of each, oldest first, and at most those of the
     * `maxPeople` who reported last. However often somebody reports, it is one report. What the sender
     * reports of themselves is left out: it must not push out what others say.
     */
    async ofItem(itemId: number): Promise<StoredReport[]> {
      // Beside max(), SQLite takes the other columns from the row that holds the maximum.
      const { rows } = await sql<Selectable<ReportsTable>>`
        SELECT *, max(received_ts) FROM reports
        WHERE item_id = ${itemId} AND ${isByOthers}
        GROUP BY reporter ORDER BY received_ts DESC, report_id DESC LIMIT ${maxPeople}
      `.execute(db);
      return rows.map(reportOf).reverse();
    },

    /** The number of the newest report of an item, whoever sent it. */
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
    async reporters(itemId: number): Promise<number> {
      const { count } = await db
        .selectFrom('reports')
        .select(({ fn }) => fn.count<number>('reporter').distinct().as('count'))
        .where('item_id', '=', itemId)
        .where(isByOthers)
        .executeTakeFirstOrThrow();
      return count;
    },

    /** Keeps what was found about a reporter, on all reports of theirs on this item. */
    async lookedAtReporter(
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

    /** Of items that this person has reported and that are settled: what became of them. */
    async reliability(reporter: string): Promise<Reliability> {
      const rows = await db
        .selectFrom('report_items')
        .select(['state', ({ fn }) => fn.countAll<number>().as('count')])
        .where('state', 'in', ['resolved', 'dismissed'])
        .where('id', 'in', (expression) =>
          expression
            .selectFrom('reports')
            .select('reports.item_id')
            .where('reports.reporter', '=', reporter),
        )
        .groupBy('state')
        .execute();
      const count = (state: string) => rows.find((row) => row.state === state)?.count ?? 0;
      return { resolved: count('resolved'), dismissed: count('dismissed') };
    },

    /** How many reports were taken in; of one kind, or of both. */
    async count(kind?: ReportKey['kind']): Promise<number> {
      const { count } = await db
        .selectFrom('reports')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .$if(kind !== undefined, (all) => all.where('kind', '=', kind ?? 'event'))
        .executeTakeFirstOrThrow();
      return count;
    },

    /** All that came in since then, in the order in which the server received them. */
    async since(at: number): Promise<StoredReport[]> {
      const rows = await db
        .selectFrom('reports')
        .selectAll()
        .where('received_ts', '>=', at)
        .orderBy('received_ts')
        .orderBy('report_id')
        .execute();
      return rows.map(reportOf);
    },
  };
}

export type Reports = ReturnType<typeof reports>;
