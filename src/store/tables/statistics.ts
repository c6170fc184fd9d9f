import { sql } from 'kysely';

import type { Connection } from '../database.ts';
import type { ReportHistoryTable, RuleMatchesTable } from '../schema.ts';

/** How much is pending, by table. */
export interface OpenWork {
  readonly inbox: number;
  readonly outbox: number;
  readonly executions: number;
  readonly confirmations: number;
  readonly jobs: number;
}

/** Equal rows of the audit log, and how many there are. */
export interface AuditGroup {
  readonly kind: 'intent' | 'outcome' | 'refusal';
  readonly command: string;
  /** Null for an intent. */
  readonly status: string | null;
  readonly actor: string;
  readonly confirmer: string | null;
  readonly count: number;
}

/** Somebody claimed, resolved or dismissed an item of the report queue. */
export interface QueueStep {
  readonly kind: Extract<ReportHistoryTable['kind'], 'claimed' | 'resolved' | 'dismissed'>;
  /** A user ID, or `rule:NAME`. */
  readonly actor: string | null;
  readonly at: number;
  /** Milliseconds since the item was opened; null if that was not the first such step since then. */
  readonly tookMs: number | null;
}

export interface StepCount extends Pick<QueueStep, 'actor' | 'kind'> {
  readonly count: number;
}

export interface RuleCount {
  readonly rule: string;
  readonly mode: RuleMatchesTable['mode'];
  readonly count: number;
}

/** Some of the rows after a given row. */
export interface Stretch<Row> {
  readonly rows: readonly Row[];
  /** The last row that was read: continue after it. */
  readonly lastId: number;
  readonly isEnd: boolean;
}

/** From `since` to before `until`; milliseconds since 1970. */
export interface Period {
  readonly since: number;
  readonly until: number;
}

/** More steps than this would not make a median more accurate. */
const medianSample = 10_000;

/** Counts for the metrics and for `stats`. Each uses an index, or reads a table piece by piece. */
export function statistics(db: Connection) {
  /** The steps of the queue that meet the condition `wanted`, in order. */
  async function steps(
    wanted: ReturnType<typeof sql>,
    order: ReturnType<typeof sql>,
  ): Promise<QueueStep[]> {
    const { rows } = await sql<QueueStep>`
      WITH step AS (
        SELECT id, item_id, kind, actor, at, coalesce((
          SELECT max(opening.id) FROM report_history AS opening
          WHERE opening.item_id = entry.item_id AND opening.kind = 'reopened'
            AND opening.id < entry.id
        ), 0) AS opening_id
        FROM report_history AS entry
        WHERE kind IN ('claimed', 'resolved', 'dismissed') AND ${wanted}
        ORDER BY ${order}
      )
      SELECT step.kind, step.actor, step.at,
        CASE WHEN EXISTS (
          SELECT 1 FROM report_history AS earlier
          WHERE earlier.item_id = step.item_id
            AND earlier.id > step.opening_id AND earlier.id < step.id
            AND earlier.kind IN ('claimed', 'resolved', 'dismissed')
            AND (earlier.kind = 'claimed') = (step.kind = 'claimed')
        ) THEN NULL
        ELSE max(0, step.at - coalesce(opening.at, item.created_at)) END AS tookMs
      FROM step
      JOIN report_items AS item ON item.id = step.item_id
      LEFT JOIN report_history AS opening ON opening.id = step.opening_id
      ORDER BY step.id
    `.execute(db);
    return rows;
  }

  /** How many rows there are in each interval of `stepMs` from `since` on. */
  async function perStep(
    rowsWithin: (
      from: ReturnType<typeof sql>,
      to: ReturnType<typeof sql>,
    ) => ReturnType<typeof sql>,
    { since, until }: Period,
    stepMs: number,
  ): Promise<number[]> {
    const starts = Array.from(
      { length: Math.ceil((until - since) / stepMs) },
      (_, at) => since + at * stepMs,
    );
    const { rows } = await sql<{ count: number }>`
      SELECT (${rowsWithin(sql`start.value`, sql`start.value + ${stepMs}`)}) AS count
      FROM json_each(${JSON.stringify(starts)}) AS start
      ORDER BY start.key
    `.execute(db);
    return rows.map(({ count }) => count);
  }

  return {
    /** Resolves if the database can be read. */
    async ping(): Promise<void> {
      await db.selectFrom('sync_state').select('name').limit(1).execute();
    },

    async openWork(): Promise<OpenWork> {
      // Each count uses a partial index of the pending rows.
      const { rows } = await sql<OpenWork>`
        SELECT
          (SELECT count(*) FROM inbox WHERE handled_at IS NULL) AS inbox,
          (SELECT count(*) FROM outbox WHERE closed_at IS NULL) AS outbox,
          (SELECT count(*) FROM executions WHERE finished_at IS NULL) AS executions,
          (SELECT count(*) FROM confirmations WHERE state = 'pending') AS confirmations,
          (SELECT count(*) FROM jobs WHERE state = 'waiting') AS jobs
      `.execute(db);
      return rows[0] ?? { inbox: 0, outbox: 0, executions: 0, confirmations: 0, jobs: 0 };
    },

    /** When the oldest open or claimed item was opened; undefined if there is none. */
    async oldestOpenAt(): Promise<number | undefined> {
      const { rows } = await sql<{ at: number | null }>`
        SELECT min(at) AS at FROM (
          SELECT min(opened_at) AS at FROM report_items WHERE state = 'open'
          UNION ALL
          SELECT min(opened_at) AS at FROM report_items WHERE state = 'claimed'
        )
      `.execute(db);
      return rows[0]?.at ?? undefined;
    },

    /** How many items each rule has matched, since then or ever. */
    async countMatches(since?: number): Promise<RuleCount[]> {
      return db
        .selectFrom('rule_matches')
        .select(['rule', 'mode', ({ fn }) => fn.countAll<number>().as('count')])
        .$if(since !== undefined, (matches) => matches.where('at', '>=', since ?? 0))
        .groupBy(['rule', 'mode'])
        .orderBy('rule')
        .orderBy('mode')
        .execute();
    },

    /** The audit log after a row, in groups. */
    async auditAfter(afterId: number, limit: number): Promise<Stretch<AuditGroup>> {
      const stretch = await stretchBehind(db, 'audit_log', afterId, limit);
      const rows = await db
        .selectFrom('audit_log')
        .select(['kind', 'command', 'status', 'actor', 'confirmer'])
        .select(({ fn }) => fn.countAll<number>().as('count'))
        .where('id', '>', afterId)
        .where('id', '<=', stretch.lastId)
        .groupBy(['kind', 'command', 'status', 'actor', 'confirmer'])
        .execute();
      return { rows, ...stretch };
    },

    /** The steps of the queue after a row of the history. */
    async stepsAfter(afterId: number, limit: number): Promise<Stretch<QueueStep>> {
      const stretch = await stretchBehind(db, 'report_history', afterId, limit);
      const rows = await steps(
        sql`entry.id > ${afterId} AND entry.id <= ${stretch.lastId}`,
        sql`entry.id`,
      );
      return { rows, ...stretch };
    },

    /** The steps of a period, at most the newest ten thousand. */
    async stepsWithin({ since, until }: Period): Promise<QueueStep[]> {
      return steps(
        sql`entry.at >= ${since} AND entry.at < ${until}`,
        sql`entry.at DESC LIMIT ${medianSample}`,
      );
    },

    /** How often each person has claimed, resolved and dismissed. */
    async stepCounts({ since, until }: Period): Promise<StepCount[]> {
      const { rows } = await sql<StepCount>`
        SELECT actor, kind, count(*) AS count FROM report_history
        WHERE at >= ${since} AND at < ${until} AND kind IN ('claimed', 'resolved', 'dismissed')
        GROUP BY actor, kind
      `.execute(db);
      return rows;
    },

    /** Reports, by when the homeserver received them. */
    async reportsPer(stepMs: number, period: Period): Promise<number[]> {
      return perStep(
        (from, to) =>
          sql`SELECT count(*) FROM reports WHERE received_ts >= ${from} AND received_ts < ${to}`,
        period,
        stepMs,
      );
    },

    /** Items that were resolved or dismissed, by when. */
    async closedPer(stepMs: number, period: Period): Promise<number[]> {
      return perStep(
        (from, to) => sql`
          SELECT count(*) FROM report_history
          WHERE at >= ${from} AND at < ${to} AND kind IN ('resolved', 'dismissed')`,
        period,
        stepMs,
      );
    },

    /** Actions, by when they started. */
    async actionsPer(stepMs: number, period: Period): Promise<number[]> {
      return perStep(
        (from, to) => sql`
          SELECT count(*) FROM audit_log WHERE at >= ${from} AND at < ${to} AND kind = 'intent'`,
        period,
        stepMs,
      );
    },

    /** How many rows of each kind and status the audit log has, by actor. */
    async auditWithin({
      since,
      until,
    }: Period): Promise<Pick<AuditGroup, 'kind' | 'status' | 'actor' | 'count'>[]> {
      return db
        .selectFrom('audit_log')
        .select(['kind', 'status', 'actor', ({ fn }) => fn.countAll<number>().as('count')])
        .where('at', '>=', since)
        .where('at', '<', until)
        .groupBy(['kind', 'status', 'actor'])
        .execute();
    },

    /** The users with the most reported items since then. */
    async topSenders(since: number, limit: number): Promise<{ sender: string; items: number }[]> {
      const { rows } = await sql<{ sender: string; items: number }>`
        SELECT sender, count(*) AS items FROM report_items
        WHERE ${reportedSince(since)} AND sender IS NOT NULL
        GROUP BY sender ORDER BY items DESC, sender LIMIT ${limit}
      `.execute(db);
      return rows;
    },

    /** The rooms with the most reported items since then. */
    async topRooms(
      since: number,
      limit: number,
    ): Promise<{ roomId: string; roomName: string | null; items: number }[]> {
      const { rows } = await sql<{ roomId: string; roomName: string | null; items: number }>`
        SELECT room_id AS roomId, max(room_name) AS roomName, count(*) AS items FROM report_items
        WHERE ${reportedSince(since)} AND room_id IS NOT NULL
        GROUP BY room_id ORDER BY items DESC, room_id LIMIT ${limit}
      `.execute(db);
      return rows;
    },
  };
}

/** Names every state, because the index starts with it. */
const reportedSince = (since: number) => sql`
  state IN ('open', 'claimed', 'resolved', 'dismissed') AND last_report_at >= ${since}`;

/** Where the rows to read end. This is fixed before reading, because rows are added all the time. */
async function stretchBehind(
  db: Connection,
  table: 'audit_log' | 'report_history',
  afterId: number,
  limit: number,
): Promise<Pick<Stretch<unknown>, 'lastId' | 'isEnd'>> {
  const newest = await db
    .selectFrom(table)
    .select('id')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
  const newestId = Math.max(afterId, newest?.id ?? 0);
  return { lastId: Math.min(afterId + limit, newestId), isEnd: newestId <= afterId + limit };
}

export type Statistics = ReturnType<typeof statistics>;
