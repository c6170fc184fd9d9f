import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { contains, dialectOf, indexedBy, joinInOrder } from '../dialect.ts';
import type { Connection } from '../schema.ts';
import { failedEntries, roomOf } from './audit/audit-search.ts';
import { hasTarget } from './audit/audit-target.ts';
import { noteCommands } from './notes.ts';
import { confirmationState } from './operations/confirmations.ts';
import type { ConfirmationState } from './operations/confirmations.ts';

/** A user or a room that is looked up. */
export interface Subject {
  readonly kind: 'user' | 'room';
  readonly id: string;
}

/**
 * What an entry is: an audited action, a reported item, an item that the user reported, a confirmation
 * that was not confirmed, a timer, or an operation that is scheduled, or runs and has not come to the subject yet.
 */
export const subjectSources = [
  'action',
  'item',
  'reporting',
  'confirmation',
  'timer',
  'operation',
] as const;
type SubjectSource = (typeof subjectSources)[number];

/** A position in the list, and what is there. */
export interface SubjectCursor {
  readonly at: number;
  readonly source: SubjectSource;
  /** The number of the audit entry, item or operation. */
  readonly id: number;
}

/** Counts about a subject since the first start. */
export interface SubjectCounts {
  /**
   * Not counting those that failed or were refused: they changed nothing. Nor notes and tags, which do nothing to
   * anybody.
   */
  readonly actions: number;
  /** How often a note or a tag was set, changed or removed. */
  readonly noteChanges: number;
  readonly items: number;
  readonly openItems: number;
  readonly resolvedItems: number;
  readonly dismissedItems: number;
  readonly reports: number;
  readonly reporters: number;
  /** How many reports the user has sent. */
  readonly reported: number;
}

/** A confirmation about the subject that was not confirmed. */
export interface PastConfirmation {
  readonly id: number;
  readonly code: string;
  readonly command: string;
  readonly requester: string;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly state: ConfirmationState;
  readonly decidedBy: string | null;
}

/** What the user has reported about an item. */
export interface OwnReport {
  readonly itemId: number;
  readonly times: number;
  readonly at: number;
  readonly reason: string | null;
}

/** Only this many entries of each source are listed, the newest: a flood must not hold up the bot. */
const maxOfSource = 1000;
/** Only this many operations are searched, the newest: there is no index by subject. */
const maxConfirmations = 10_000;

/** A part of the list, and the length of the whole list. */
export interface SubjectPage {
  readonly cursors: readonly SubjectCursor[];
  readonly total: number;
}

/** Everything that is stored about a user or room, the newest first. */
export function subjectHistory(db: Connection) {
  return {
    async page(
      subject: Subject,
      { limit, after }: { readonly limit: number; readonly after?: SubjectCursor | undefined },
    ): Promise<SubjectPage> {
      const position =
        after &&
        sql`WHERE (at, source, id) < (
          ${after.at}, ${subjectSources.indexOf(after.source)}, ${after.id}
        )`;
      const { rows } = await sql<{ at: number; source: number; id: number; total: number }>`
        WITH entry AS MATERIALIZED (${entriesOf(db, subject)}),
        page AS (
          SELECT at, source, id FROM entry ${position ?? sql``}
          ORDER BY at DESC, source DESC, id DESC LIMIT ${limit}
        )
        SELECT page.at, page.source, page.id, whole.total
        FROM (SELECT count(*) AS total FROM entry) AS whole LEFT JOIN page ON true
        ORDER BY page.at DESC, page.source DESC, page.id DESC
      `.execute(db);
      return {
        total: rows[0]?.total ?? 0,
        cursors: rows
          // If the page is empty, there is one row, with only the total.
          .filter(({ id }) => id !== null)
          .map(({ at, source, id }) => ({ at, id, source: subjectSources[source] ?? 'action' })),
      };
    },

    async counts(subject: Subject): Promise<SubjectCounts> {
      const isNote = sql`command IN (${sql.join(noteCommands)}) AS is_note`;
      const { rows } = await sql<SubjectCounts>`
        WITH done AS MATERIALIZED (
          SELECT count(*) FILTER (WHERE NOT is_note) AS actions, count(*) FILTER (WHERE is_note) AS notes
          FROM (${targeting(db, subject, { isWanted: sql`kind = 'intent'`, columns: isNote })}) AS about
        )
        SELECT
          (
            SELECT actions FROM done
          ) - (
            ${failedEntries(db, subject.id, noteCommands)}
          ) AS actions,
          (SELECT notes FROM done) AS "noteChanges",
          (SELECT count(*) FROM reports WHERE reporter = ${subject.id}) AS reported,
          (
            SELECT count(*) FROM (
              SELECT reporter
              FROM report_items AS item ${joinInOrder(db)} reports ON reports.item_id = item.id
              WHERE ${isAbout(subject)} AND reporter IS DISTINCT FROM sender GROUP BY reporter
            ) AS reporter
          ) AS reporters,
          count(*) AS items,
          count(*) FILTER (WHERE state IN ('open', 'claimed')) AS "openItems",
          count(*) FILTER (WHERE state = 'resolved') AS "resolvedItems",
          count(*) FILTER (WHERE state = 'dismissed') AS "dismissedItems",
          coalesce(sum(reports), 0) AS reports
        FROM report_items WHERE ${isAbout(subject)}
      `.execute(db);
      const [counts] = rows;
      if (counts === undefined) {
        throw new TypeError('an aggregate has a row');
      }
      return counts;
    },

    async confirmation(id: number): Promise<PastConfirmation | undefined> {
      const row = await db
        .selectFrom('operations')
        .select([
          'id',
          'code',
          'command',
          'actor as requester',
          'created_at as createdAt',
          'expires_at as expiresAt',
          'state',
          'started_at',
          'not_before',
          'decided_by as decidedBy',
        ])
        .where('id', '=', id)
        .executeTakeFirst();
      if (row === undefined) {
        return undefined;
      }
      const { state, started_at, not_before, ...rest } = row;
      return {
        ...rest,
        code: row.code ?? '',
        expiresAt: row.expiresAt ?? 0,
        state: confirmationState({ state, started_at, not_before }),
      };
    },

    /** How often a user has reported an item, and the latest report. */
    async ownReport(reporter: string, itemId: number): Promise<OwnReport | undefined> {
      const rows = await db
        .selectFrom('reports')
        .select(['item_id as itemId', 'received_ts as at', 'reason'])
        .where('reporter', '=', reporter)
        .where('item_id', '=', itemId)
        .orderBy('received_ts', 'desc')
        .orderBy('report_id', 'desc')
        .limit(maxOfSource)
        .execute();
      const [last] = rows;
      return last && { ...last, times: rows.length };
    },
  };
}

/** The audit entries about the subject: for a room, also about its events, and what was done to users in it. */
function targeting(
  db: Connection,
  { kind, id }: Subject,
  {
    isWanted = sql`true`,
    columns = sql`id`,
  }: { readonly isWanted?: RawBuilder<unknown>; readonly columns?: RawBuilder<unknown> } = {},
): RawBuilder<unknown> {
  const entries = (index: string, condition: RawBuilder<unknown>) => sql`
    SELECT ${columns} FROM audit_log ${indexedBy(db, index)}
    WHERE kind != 'outcome' AND ${condition} AND ${isWanted}`;
  const about = entries('audit_log_target', hasTarget(db, [id]));
  return kind === 'user'
    ? about
    : sql`${about} UNION ALL ${entries('audit_log_room', sql`${roomOf(db, 'audit_log')} = ${id}`)}`;
}

/** Whether an item is about the subject. */
function isAbout({ kind, id }: Subject): RawBuilder<unknown> {
  return kind === 'user' ? sql`sender = ${id}` : sql`room_id = ${id}`;
}

/** Whether an argument of an operation is the subject. */
function isNamed(db: Connection, { id }: Subject): RawBuilder<unknown> {
  const isArgument =
    dialectOf(db) === 'sqlite'
      ? sql`EXISTS (
        SELECT 1 FROM json_tree(
          CASE WHEN json_valid(operations.invocation) THEN operations.invocation END, '$.arguments'
        ) AS argument
        WHERE argument.atom = ${id}
      )`
      : // It can't read a NUL that is escaped.
        sql`${id} = ANY (json_texts(json_text(
          replace(operations.invocation, '\\u0000', '\\ufffd'), 'arguments'
        )))`;
  return sql`${contains(db, sql`invocation`, id)} AND ${isArgument}`;
}

/** What an operation does to the subject, step by step. */
function targetsIn({ id }: Subject): RawBuilder<unknown> {
  return sql`
    SELECT 1 FROM operation_targets WHERE operation_id = operations.id AND target = ${id}`;
}

/** `at`, `source` and `id` of all entries. */
function entriesOf(db: Connection, subject: Subject): RawBuilder<unknown> {
  const newest = (entries: RawBuilder<unknown>) =>
    sql`SELECT * FROM (${entries} ORDER BY id DESC LIMIT ${maxOfSource}) AS newest`;
  const source = (name: SubjectSource) => sql`${sql.lit(subjectSources.indexOf(name))} AS source`;
  const items = sql`SELECT id FROM report_items WHERE ${isAbout(subject)}`;
  const ofItems = sql`
    SELECT id, at FROM audit_log ${indexedBy(db, 'audit_log_item')}
    WHERE kind != 'outcome' AND item_id IN (${newest(items)})`;
  return sql.join(
    [
      // An action that is found twice is listed once.
      sql`
        SELECT at, ${source('action')}, id FROM (
          ${newest(targeting(db, subject, { columns: sql`id, at` }))} UNION ${newest(ofItems)}
        ) AS action`,
      newest(sql`
        SELECT last_report_at AS at, ${source('item')}, id FROM report_items
        WHERE ${isAbout(subject)}`),
      newest(sql`
        SELECT max(received_ts) AS at, ${source('reporting')}, item_id AS id FROM reports
        WHERE reporter = ${subject.id} GROUP BY item_id`),
      newest(sql`
        SELECT created_at AS at, ${source('confirmation')}, id
        FROM operations ${indexedBy(db, 'operations_unconfirmed')}
        WHERE code IS NOT NULL AND state IN ('awaiting', 'cancelled', 'expired')
          AND id > (SELECT max(id) FROM operations) - ${maxConfirmations}
          AND ${isNamed(db, subject)}`),
      newest(sql`
        SELECT created_at AS at, ${source('operation')}, id
        FROM operations ${indexedBy(db, 'operations_scheduled')}
        WHERE state = 'scheduled' AND not_before IS NOT NULL AND ${isNamed(db, subject)}`),
      newest(sql`
        SELECT created_at AS at, ${source('operation')}, id
        FROM operations ${indexedBy(db, 'operations_running')}
        WHERE state = 'running' AND ${contains(db, sql`invocation`, subject.id)}
          AND EXISTS (${targetsIn(subject)})
          AND NOT EXISTS (${targetsIn(subject)} AND intent_id IS NOT NULL)`),
      newest(sql`
        SELECT created_at AS at, ${source('timer')}, operations.id AS id
        FROM (${targeting(db, subject)}) AS about ${joinInOrder(db)} operations
        ${indexedBy(db, 'operations_reverts')} ON reverts_intent = about.id
        WHERE line IS NOT NULL`),
    ],
    sql` UNION ALL `,
  );
}

export type SubjectHistory = ReturnType<typeof subjectHistory>;
