import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { dayMs } from '../../core/duration.ts';
import { indexedBy, jsonList, joinInOrder } from '../dialect.ts';
import type { Connection, ReportHistoryTable, RuleMatchesTable } from '../schema.ts';

/** How much is pending, by table. */
export interface PendingCounts {
  readonly inbox: number;
  readonly outbox: number;
  readonly operations: number;
  readonly confirmations: number;
  /** Including timers. */
  readonly scheduled: number;
  readonly timers: number;
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

/** Sums over what happened in one interval of a period. */
export interface Counts {
  /** Reports, by when the homeserver received them. */
  readonly reports: number;
  readonly resolved: number;
  readonly dismissed: number;
  /** Actions, by when they were asked for. */
  readonly actions: number;
  readonly failed: number;
  readonly refused: number;
}

/** What a person or rule, or all timers together, did. */
export interface WorkCount {
  /** A user ID, `rule:NAME`, `timer`, `retention` or `cli:NAME`. */
  readonly name: string;
  readonly asked: number;
  readonly claimed: number;
  readonly resolved: number;
  readonly dismissed: number;
}

/** What happened since the first start. */
export interface Totals {
  readonly actions: readonly { command: string; status: string; count: number }[];
  readonly work: readonly (WorkCount & { readonly confirmed: number })[];
}

export interface RuleCount {
  readonly rule: string;
  /** `alert` for rules on sign-ups. */
  readonly mode: RuleMatchesTable['mode'] | 'alert';
  readonly count: number;
}

/** Some of the rows after a given row. */
export interface Batch<Row> {
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

/** Above this number of items, it takes longer to read them one by one than to read an index of all. */
const maxReadByTime = 5000;

/** More decisions than this would not make a median more accurate. */
const medianSample = 10_000;

/**
 * Counts for the metrics and for `stats`. Those over whole days are read from sums that the database keeps,
 * the others from indexes.
 */
export function statistics(db: Connection) {
  /** The best index for the items that were reported since then: by time, or if they are many, by name. */
  async function indexSince(since: number, byName: string): Promise<ReturnType<typeof sql>> {
    const { reports } = await db
      .selectFrom('daily_counts')
      .select(({ fn }) => fn.sum<number | null>('reports').as('reports'))
      .where('day', '>=', Math.floor(since / dayMs))
      .executeTakeFirstOrThrow();
    return indexedBy(db, (reports ?? 0) <= maxReadByTime ? 'report_items_state' : byName);
  }

  return {
    /** Resolves if the database can be read. */
    async ping(): Promise<void> {
      await db.selectFrom('sync_state').select('name').limit(1).execute();
    },

    async countPending(): Promise<PendingCounts> {
      // Each count uses a partial index of the pending rows.
      const { rows } = await sql<PendingCounts>`
        SELECT
          (SELECT count(*) FROM inbox WHERE handled_at IS NULL) AS inbox,
          (SELECT count(*) FROM outbox WHERE closed_at IS NULL) AS outbox,
          (SELECT count(*) FROM operations WHERE state = 'running') AS operations,
          (SELECT count(*) FROM operations WHERE state = 'awaiting') AS confirmations,
          (SELECT count(*) FROM operations WHERE state = 'scheduled') AS scheduled,
          (SELECT count(*) FROM operations WHERE state = 'scheduled' AND line IS NOT NULL) AS timers
      `.execute(db);
      const none = {
        inbox: 0,
        outbox: 0,
        operations: 0,
        confirmations: 0,
        scheduled: 0,
        timers: 0,
      };
      return rows[0] ?? none;
    },

    /** When the oldest open or claimed item was opened; undefined if there is none. */
    async oldestOpenAt(): Promise<number | undefined> {
      const { rows } = await sql<{ at: number | null }>`
        SELECT min(at) AS at FROM (
          SELECT min(opened_at) AS at FROM report_items WHERE state = 'open'
          UNION ALL
          SELECT min(opened_at) AS at FROM report_items WHERE state = 'claimed'
        ) AS oldest
      `.execute(db);
      return rows[0]?.at ?? undefined;
    },

    async totals(): Promise<Totals> {
      const [actions, work] = await Promise.all([
        db.selectFrom('action_totals').selectAll().orderBy('command').orderBy('status').execute(),
        db.selectFrom('work_totals').selectAll().orderBy('name').execute(),
      ]);
      return { actions, work };
    },

    /** How many items, or waves of sign-ups, each rule has matched, in a period or ever. */
    async countMatches(period: Period = { since: 0, until: endOfTime }): Promise<RuleCount[]> {
      const { since, until } = period;
      const { rows } = await (
        isOfDays(period)
          ? sql<RuleCount>`
            SELECT rule, mode, sum(count) AS count FROM daily_matches
            WHERE day >= ${since / dayMs} AND day < ${until / dayMs}
            GROUP BY rule, mode ORDER BY rule, mode`
          : sql<RuleCount>`
            SELECT rule, mode, count(*) AS count FROM rule_matches
            WHERE at >= ${since} AND at < ${until}
            GROUP BY rule, mode ORDER BY rule, mode`
      ).execute(db);
      const waves = await db
        .selectFrom('sign_up_waves')
        .select(({ fn }) => ['rule', fn.countAll<number>().as('count')])
        .where('alerted_at', '>=', since)
        .where('alerted_at', '<', until)
        .groupBy('rule')
        .orderBy('rule')
        .execute();
      return [...rows, ...waves.map((wave) => ({ ...wave, mode: 'alert' as const }))];
    },

    /** The steps of the queue after a row of the history. */
    async stepsAfter(afterId: number, limit: number): Promise<Batch<QueueStep>> {
      const newest = await db
        .selectFrom('report_history')
        .select('id')
        .orderBy('id', 'desc')
        .limit(1)
        .executeTakeFirst();
      // The end is fixed before reading, because rows are added all the time.
      const newestId = Math.max(afterId, newest?.id ?? 0);
      const lastId = Math.min(afterId + limit, newestId);
      const { rows } = await sql<QueueStep>`
        SELECT kind, actor, at, took_ms AS "tookMs" FROM report_history
        WHERE id > ${afterId} AND id <= ${lastId} AND kind IN ('claimed', 'resolved', 'dismissed')
        ORDER BY id
      `.execute(db);
      return { rows, lastId, isEnd: newestId <= afterId + limit };
    },

    /**
     * How long it took from the opening of an item until somebody claimed it, and until somebody decided:
     * in milliseconds, the newest ten thousand of a period.
     */
    async durations({ since, until }: Period): Promise<{ claim: number[]; close: number[] }> {
      // One text for each of the two is read sooner than thousands of rows.
      const { rows } = await sql<{ isClaim: number; durations: string }>`
        SELECT CAST(kind = 'claimed' AS INTEGER) AS "isClaim",
          ${jsonList(db, 'took_ms')} AS durations
        FROM (
          SELECT kind, took_ms FROM report_history
          WHERE at >= ${since} AND at < ${until} AND kind IN ('claimed', 'resolved', 'dismissed')
          ORDER BY at DESC LIMIT ${medianSample}
        ) AS step WHERE took_ms IS NOT NULL GROUP BY "isClaim"
      `.execute(db);
      const durations = (isClaim: number) =>
        JSON.parse(rows.find((row) => row.isClaim === isClaim)?.durations ?? '[]') as number[];
      return { claim: durations(1), close: durations(0) };
    },

    /** What happened in each interval of `stepMs`, from the beginning of the period on. */
    async countsPer(stepMs: number, period: Period): Promise<Counts[]> {
      const { since, until } = period;
      const found = await sql<Counts & { step: number }>`
        SELECT CAST((at - ${since}) / ${stepMs} AS INTEGER) AS step, sum(reports) AS reports,
          sum(resolved) AS resolved, sum(dismissed) AS dismissed, sum(actions) AS actions,
          sum(failed) AS failed, sum(refused) AS refused
        FROM (${isOfDays(period) && stepMs % dayMs === 0 ? dailyCounts(period) : countedRows(period)}) AS counted
        GROUP BY step
      `.execute(db);
      const steps = new Map(found.rows.map(({ step, ...counts }) => [step, counts]));
      return Array.from(
        { length: Math.ceil((until - since) / stepMs) },
        (_, step) => steps.get(step) ?? noCounts,
      );
    },

    /** What each person and rule did in a period. */
    async countWork(period: Period): Promise<WorkCount[]> {
      const { since, until } = period;
      const { rows } = await (
        isOfDays(period)
          ? sql<WorkCount>`
            SELECT total.name, sum(work.asked) AS asked, sum(work.claimed) AS claimed,
              sum(work.resolved) AS resolved, sum(work.dismissed) AS dismissed
            FROM work_totals AS total ${joinInOrder(db)} daily_work AS work ON work.name = total.name
            WHERE work.day >= ${since / dayMs} AND work.day < ${until / dayMs}
            GROUP BY total.name ORDER BY total.name`
          : sql<WorkCount>`
            SELECT CASE WHEN substr(actor, 1, 6) = 'timer:' THEN 'timer' ELSE actor END AS name,
              ${counted(sql`kind = 'intent'`)} AS asked, ${counted(sql`kind = 'claimed'`)} AS claimed,
              ${counted(sql`kind = 'resolved'`)} AS resolved,
              ${counted(sql`kind = 'dismissed'`)} AS dismissed
            FROM (
              SELECT kind, actor FROM audit_log
              WHERE at >= ${since} AND at < ${until} AND kind = 'intent'
              UNION ALL
              SELECT kind, coalesce(actor, 'nobody') FROM report_history
              WHERE at >= ${since} AND at < ${until} AND kind IN ('claimed', 'resolved', 'dismissed')
            ) AS work GROUP BY name ORDER BY name`
      ).execute(db);
      return rows.filter(
        ({ asked, claimed, resolved, dismissed }) => asked + claimed + resolved + dismissed > 0,
      );
    },

    /** The users with the most reported items since then. */
    async topSenders(since: number, limit: number): Promise<{ sender: string; items: number }[]> {
      const { rows } = await sql<{ sender: string; items: number }>`
        SELECT sender, count(*) AS items
        FROM report_items ${await indexSince(since, 'report_items_sender_state')}
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
        SELECT room_id AS "roomId", items, (
          SELECT room_name FROM report_items
          WHERE report_items.room_id = top.room_id AND room_name IS NOT NULL
          ORDER BY id DESC LIMIT 1
        ) AS "roomName"
        FROM (
          SELECT room_id, count(*) AS items
          FROM report_items ${await indexSince(since, 'report_items_room_state')}
          WHERE ${reportedSince(since)} AND room_id IS NOT NULL
          GROUP BY room_id ORDER BY items DESC, room_id LIMIT ${limit}
        ) AS top ORDER BY items DESC, room_id
      `.execute(db);
      return rows;
    },
  };
}

const counted = (condition: RawBuilder<unknown>) => sql`count(*) FILTER (WHERE ${condition})`;

/** 1 if a condition is true, otherwise 0. */
const asNumber = (condition: RawBuilder<unknown>) => sql`CAST(${condition} AS INTEGER)`;

/** Names every state, because an index starts with it. */
const reportedSince = (since: number) => sql`
  state IN ('open', 'claimed', 'resolved', 'dismissed') AND last_report_at >= ${since}`;

/** The last time that JavaScript has a date for, in whole days. */
const endOfTime = 100_000_000 * dayMs;

const noCounts: Counts = {
  reports: 0,
  resolved: 0,
  dismissed: 0,
  actions: 0,
  failed: 0,
  refused: 0,
};

/** Whether a period begins and ends at midnight in UTC: there are sums for each day. */
function isOfDays({ since, until }: Period): boolean {
  return since % dayMs === 0 && until % dayMs === 0;
}

/** The sums of each day. */
const dailyCounts = ({ since, until }: Period) => sql`
  SELECT day * ${dayMs} AS at, reports, resolved, dismissed, actions, failed, refused
  FROM daily_counts WHERE day >= ${since / dayMs} AND day < ${until / dayMs}`;

/** The same, from the rows that the sums are made of. */
const countedRows = ({ since, until }: Period) => sql`
  SELECT received_ts AS at, 1 AS reports, 0 AS resolved, 0 AS dismissed, 0 AS actions,
    0 AS failed, 0 AS refused
  FROM reports WHERE received_ts >= ${since} AND received_ts < ${until}
  UNION ALL
  SELECT at, 0, ${asNumber(sql`kind = 'resolved'`)}, ${asNumber(sql`kind = 'dismissed'`)}, 0, 0, 0
  FROM report_history
  WHERE at >= ${since} AND at < ${until} AND kind IN ('claimed', 'resolved', 'dismissed')
  UNION ALL
  SELECT at, 0, 0, 0, ${asNumber(sql`kind = 'intent'`)},
    ${asNumber(sql`kind = 'outcome' AND status = 'failed'`)}, ${asNumber(sql`kind = 'refusal'`)}
  FROM audit_log WHERE at >= ${since} AND at < ${until}`;

export type Statistics = ReturnType<typeof statistics>;
