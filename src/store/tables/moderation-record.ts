import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { dayMs } from '../../core/duration.ts';
import { dialectOf, jsonText } from '../dialect.ts';
import type { Connection, ReportHistoryTable, ReportsTable } from '../schema.ts';
import type { Batch, Period } from './statistics.ts';

/** A report, without the people in it. */
export interface ReasonedReport {
  readonly kind: ReportsTable['kind'];
  /** What the reporter wrote, cut: it is read for keywords only. */
  readonly reason: string | null;
}

/** Reports are read in the order of their index. */
export interface ReportCursor {
  readonly at: number;
  readonly kind: string;
  readonly reportId: number;
  readonly subject: string;
  readonly server: string;
}

/** What became of an item of the report queue at one time. */
export interface RecordedStep {
  readonly kind: ReportHistoryTable['kind'];
  readonly by: ActorKind | 'nobody';
  /** Milliseconds since the item was opened; null if that was not the first such step since then. */
  readonly tookMs: number | null;
}

export type ActorKind = 'person' | 'rule' | 'timer';

/** An action that was asked for, without the people in it. */
export interface RecordedAction {
  readonly command: string;
  /** Of a takedown: which part of it. */
  readonly step: string | null;
  readonly by: ActorKind;
  readonly isConfirmed: 0 | 1;
  /** Whether it was done about an item of the report queue. */
  readonly isReported: 0 | 1;
  /** How it ended so far. */
  readonly status: string;
  /** Who had done what it takes back; null if it takes back nothing. */
  readonly takesBack: ActorKind | null;
  /** Why, as the moderator wrote it, and the reporters: both cut, because they are read for keywords only. */
  readonly reason: string | null;
  readonly reportReasons: string | null;
}

/** How many actions of one kind ended in one way. */
export interface ActionCount {
  readonly command: string;
  /** How they ended so far, or why they were refused. */
  readonly status: string;
  readonly by: ActorKind;
  readonly takesBack: ActorKind | null;
  readonly count: number;
}

/** How many rows of a table one statement reads: few enough that others wait only milliseconds. */
const rowsAtOnce = 1000;
/** Characters of a reason, and reports of an item, that are looked at. */
const readLength = 500;
const readReports = 10;

const actorKind = (column: string) =>
  sql.raw<ActorKind>(
    `CASE WHEN substr(${column}, 1, 5) = 'rule:' THEN 'rule'
       WHEN substr(${column}, 1, 6) = 'timer:' THEN 'timer' ELSE 'person' END`,
  );

const undoPrefix = 'undo of #';

/** How an entry ended so far. */
const statusOfEntry = sql`
  coalesce((
    SELECT outcome.status FROM audit_log AS outcome
    WHERE outcome.intent_id = entry.id ORDER BY outcome.id DESC LIMIT 1
  ), entry.status, 'open')`;

/** Who had done what an entry takes back. */
function takenBack(db: Connection): RawBuilder<unknown> {
  const number =
    dialectOf(db) === 'sqlite'
      ? sql`CAST(substr(entry.reason, ${undoPrefix.length + 1}) AS INTEGER)`
      : sql`CAST(substring(entry.reason FROM '#([0-9]{1,15})') AS bigint)`;
  return sql`
    CASE WHEN substr(entry.reason, 1, ${undoPrefix.length}) = ${undoPrefix} THEN (
      SELECT ${actorKind('undone.actor')} FROM audit_log AS undone WHERE undone.id = ${number}
    ) END`;
}

/** What was reported and done in a period, page by page. Nothing that is read names anybody. */
export function moderationRecord(db: Connection) {
  return {
    /** Reports by when the homeserver received them. */
    async reports(
      { since, until }: Period,
      after: ReportCursor | undefined,
    ): Promise<{ readonly rows: ReasonedReport[]; readonly next: ReportCursor | undefined }> {
      const from = after ?? { at: since, kind: '', reportId: 0, subject: '', server: '' };
      const { rows } = await sql<ReportCursor & ReasonedReport>`
        SELECT received_ts AS at, kind, report_id AS "reportId", subject, server,
          substr(reason, 1, ${readLength}) AS reason
        FROM reports
        WHERE received_ts < ${until} AND (received_ts, kind, report_id, subject, server)
          > (${from.at}, ${from.kind}, ${from.reportId}, ${from.subject}, ${from.server})
        ORDER BY received_ts, kind, report_id, subject, server LIMIT ${rowsAtOnce}
      `.execute(db);
      return { rows, next: rows.length < rowsAtOnce ? undefined : rows.at(-1) };
    },

    /** The steps of the report queue after a row of its history. */
    async steps({ since, until }: Period, afterId: number): Promise<Batch<RecordedStep>> {
      const lastId = afterId + rowsAtOnce;
      const { rows } = await sql<RecordedStep>`
        SELECT kind, coalesce(${actorKind('actor')}, 'nobody') AS "by", took_ms AS "tookMs"
        FROM report_history
        WHERE id > ${afterId} AND id <= ${lastId} AND at >= ${since} AND at < ${until}
        ORDER BY id
      `.execute(db);
      const { newest } = await db
        .selectFrom('report_history')
        .select(({ fn }) => fn.max<number | null>('id').as('newest'))
        .executeTakeFirstOrThrow();
      return { rows, lastId, isEnd: (newest ?? 0) <= lastId };
    },

    /** The first and the last row of the audit log that can be of a period; undefined if there are none. */
    async range({ since, until }: Period): Promise<{ first: number; last: number } | undefined> {
      const { first, last } = await db
        .selectFrom('audit_days')
        .select(({ fn }) => [
          fn.min<number | null>('first_id').as('first'),
          fn.max<number | null>('last_id').as('last'),
        ])
        .where('day', '>=', Math.floor(since / dayMs))
        .where('day', '<', Math.ceil(until / dayMs))
        .executeTakeFirstOrThrow();
      return first === null || last === null ? undefined : { first, last };
    },

    /** Actions after a row of the audit log, by when they were asked for. */
    async actions(
      { since, until }: Period,
      { after, last }: { readonly after: number; readonly last: number },
    ): Promise<Batch<RecordedAction>> {
      const lastId = Math.min(last, after + rowsAtOnce);
      const { rows } = await sql<RecordedAction>`
        SELECT entry.command,
          CASE WHEN entry.command = 'takedown'
            THEN ${jsonText(db, 'entry.arguments', 'step')} END AS step,
          ${actorKind('entry.actor')} AS "by",
          CAST(entry.confirmer IS NOT NULL AS INTEGER) AS "isConfirmed",
          CAST(entry.item_id IS NOT NULL AS INTEGER) AS "isReported",
          ${statusOfEntry} AS status,
          ${takenBack(db)} AS "takesBack",
          substr(entry.reason, 1, ${readLength}) AS reason,
          (
            SELECT string_agg(reason, ${sql.lit('\n')}) FROM (
              SELECT substr(reports.reason, 1, ${readLength}) AS reason FROM reports
              WHERE reports.item_id = entry.item_id ORDER BY received_ts, report_id, server LIMIT ${readReports}
            ) AS report
          ) AS "reportReasons"
        FROM audit_log AS entry
        WHERE entry.id > ${after} AND entry.id <= ${lastId} AND entry.kind = 'intent'
          AND entry.at >= ${since} AND entry.at < ${until}
        ORDER BY entry.id
      `.execute(db);
      return { rows, lastId, isEnd: lastId >= last };
    },

    /** The same as sums, with what was refused. */
    async actionCounts(
      { since, until }: Period,
      { after, last }: { readonly after: number; readonly last: number },
    ): Promise<ActionCount[]> {
      const { rows } = await sql<ActionCount>`
        SELECT command, status, "by", "takesBack", count(*) AS count FROM (
          SELECT entry.command, ${actorKind('entry.actor')} AS "by",
            ${statusOfEntry} AS status, ${takenBack(db)} AS "takesBack"
          FROM audit_log AS entry
          WHERE entry.id > ${after} AND entry.id <= ${last} AND entry.kind != 'outcome'
            AND entry.at >= ${since} AND entry.at < ${until}
        ) AS action GROUP BY command, status, "by", "takesBack"
      `.execute(db);
      return rows;
    },

    /** Waves of sign-ups that rules have found. */
    async countWaves({ since, until }: Period): Promise<number> {
      const { count } = await db
        .selectFrom('sign_up_waves')
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('alerted_at', '>=', since)
        .where('alerted_at', '<', until)
        .executeTakeFirstOrThrow();
      return count;
    },
  };
}

export type ModerationRecord = ReturnType<typeof moderationRecord>;
