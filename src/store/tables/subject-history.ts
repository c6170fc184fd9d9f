import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import type { Connection } from '../database.ts';
import type { ConfirmationsTable } from '../schema.ts';

/** Whom or what is looked up: a user, or a room. */
export interface Subject {
  readonly kind: 'user' | 'room';
  readonly id: string;
}

/**
 * Where an entry comes from: an audited action, an item about it, an item that it has reported, a
 * confirmation that led to nothing yet, a timer.
 */
export const subjectSources = ['action', 'item', 'reporting', 'confirmation', 'timer'] as const;
export type SubjectSource = (typeof subjectSources)[number];

/** A place in the list, and what stands there. */
export interface SubjectMark {
  readonly at: number;
  readonly source: SubjectSource;
  /** Of the audit entry, the item, the confirmation or the job. */
  readonly id: number;
}

/** What is counted about a subject, all time. */
export interface SubjectCounts {
  readonly actions: number;
  readonly items: number;
  readonly openItems: number;
  readonly resolvedItems: number;
  readonly dismissedItems: number;
  readonly reports: number;
  readonly reporters: number;
  /** Reports of its own. */
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
  readonly state: ConfirmationsTable['state'];
  readonly decidedBy: string | null;
}

/** What the subject itself has said about an item. */
export interface OwnReport {
  readonly itemId: number;
  readonly times: number;
  readonly at: number;
  readonly reason: string | null;
}

/** So many of a source are listed, the newest: a flood must not hold up the bot. */
const maxOfSource = 1000;
/** Questions are not kept by whom they are about: so many, the newest, are looked through. */
const maxConfirmations = 10_000;

/** All that the tables hold about one user or room, the newest first. */
export function subjectHistory(db: Connection) {
  return {
    async page(
      subject: Subject,
      { limit, after }: { readonly limit: number; readonly after?: SubjectMark | undefined },
    ): Promise<SubjectMark[]> {
      const { rows } = await sql<{ at: number; source: number; id: number }>`
        SELECT at, source, id FROM (${entriesOf(subject)})
        ${
          after === undefined
            ? sql``
            : sql`WHERE (at, source, id) < (
                ${after.at}, ${subjectSources.indexOf(after.source)}, ${after.id}
              )`
        }
        ORDER BY at DESC, source DESC, id DESC LIMIT ${limit}
      `.execute(db);
      return rows.map(({ source, ...row }) => ({
        ...row,
        source: subjectSources[source] ?? 'action',
      }));
    },

    /** How long the whole list is. */
    async length(subject: Subject): Promise<number> {
      const { rows } = await sql<{ count: number }>`
        SELECT count(*) AS count FROM (${entriesOf(subject)})
      `.execute(db);
      return rows[0]?.count ?? 0;
    },

    async counts(subject: Subject): Promise<SubjectCounts> {
      const { rows } = await sql<SubjectCounts>`
        SELECT
          (SELECT count(*) FROM audit_log WHERE kind = 'intent' AND ${isTarget(subject)}) AS actions,
          (SELECT count(*) FROM reports WHERE reporter = ${subject.id}) AS reported,
          (
            SELECT count(DISTINCT reporter) FROM reports
            JOIN report_items AS item ON item.id = item_id
            WHERE ${isAbout(subject)} AND reporter IS NOT item.sender
          ) AS reporters,
          count(*) AS items,
          coalesce(sum(state IN ('open', 'claimed')), 0) AS openItems,
          coalesce(sum(state = 'resolved'), 0) AS resolvedItems,
          coalesce(sum(state = 'dismissed'), 0) AS dismissedItems,
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
      return db
        .selectFrom('confirmations')
        .select([
          'id',
          'code',
          'command',
          'requester',
          'created_at as createdAt',
          'expires_at as expiresAt',
          'state',
          'decided_by as decidedBy',
        ])
        .where('id', '=', id)
        .executeTakeFirst();
    },

    /** What a user has said about an item, and when last. */
    async ownReport(reporter: string, itemId: number): Promise<OwnReport | undefined> {
      const rows = await db
        .selectFrom('reports')
        .select(['item_id as itemId', 'received_ts as at', 'reason'])
        .where('reporter', '=', reporter)
        .where('item_id', '=', itemId)
        .orderBy('received_ts', 'desc')
        .limit(maxOfSource)
        .execute();
      const [last] = rows;
      return last && { ...last, times: rows.length };
    },
  };
}

/** Whether a row of the audit log was done to the subject, or in a room to one of its events. */
function isTarget({ kind, id }: Subject): RawBuilder<unknown> {
  if (kind === 'user') {
    return sql`target = ${id}`;
  }
  // An event is kept as JSON that begins with its room; `-` is the character behind `,`.
  const event = `{"room":${JSON.stringify(id)}`;
  return sql`(target = ${id} OR (target >= ${`${event},`} AND target < ${`${event}-`}))`;
}

/** Whether an item is about the subject. */
function isAbout({ kind, id }: Subject): RawBuilder<unknown> {
  return kind === 'user' ? sql`sender = ${id}` : sql`room_id = ${id}`;
}

/** `at`, `source` and `id` of all that there is; an entry that has two reasons to be here is one. */
function entriesOf(subject: Subject): RawBuilder<unknown> {
  const newest = (entries: RawBuilder<unknown>) =>
    sql`SELECT * FROM (${entries} ORDER BY id DESC LIMIT ${maxOfSource})`;
  const source = (name: SubjectSource) => sql`${subjectSources.indexOf(name)} AS source`;
  return sql.join(
    [
      newest(sql`
        SELECT at, ${source('action')}, id FROM audit_log
        WHERE kind != 'outcome' AND ${isTarget(subject)}`),
      newest(sql`
        SELECT at, ${source('action')}, id FROM audit_log
        WHERE kind != 'outcome' AND item_id IN (
          SELECT id FROM report_items WHERE ${isAbout(subject)} ORDER BY id DESC LIMIT ${maxOfSource}
        )`),
      newest(sql`
        SELECT last_report_at AS at, ${source('item')}, id FROM report_items
        WHERE ${isAbout(subject)}`),
      newest(sql`
        SELECT max(received_ts) AS at, ${source('reporting')}, item_id AS id FROM reports
        WHERE reporter = ${subject.id} GROUP BY item_id`),
      newest(sql`
        SELECT created_at AS at, ${source('confirmation')}, id FROM confirmations
        WHERE state != 'confirmed'
          AND id > (SELECT max(id) FROM confirmations) - ${maxConfirmations}
          AND instr(invocation, ${subject.id}) > 0
          AND EXISTS (
            SELECT 1 FROM json_tree(confirmations.invocation, '$.arguments') AS argument
            WHERE argument.atom = ${subject.id}
          )`),
      newest(sql`
        SELECT created_at AS at, ${source('timer')}, id FROM jobs
        WHERE intent_id IN (SELECT id FROM audit_log WHERE kind = 'intent' AND ${isTarget(subject)})`),
    ],
    sql` UNION `,
  );
}

export type SubjectHistory = ReturnType<typeof subjectHistory>;
