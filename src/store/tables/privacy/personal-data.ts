import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { jsonWithoutTexts, mentionReplacer, needleOf } from '../../../core/forgotten.ts';
import { contains, isOneOf } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';
import { personalFields } from '../audit/audit-chain.ts';
import type { AuditRow } from '../audit/audit-chain.ts';
import {
  auditLog,
  finished,
  forgetRow,
  forgetTextsOfOperations,
  inProgress,
  withoutReason,
} from './forget-rows.ts';
import type { ForgottenPart } from './forget-rows.ts';
import { tablesWithTexts } from './tables-with-texts.ts';

/** A part of a table: few enough rows that others wait only milliseconds. */
export interface TablePart {
  readonly table: string;
  /** The columns with texts. */
  readonly columns: readonly string[];
  /** The condition for its rows. */
  readonly rows: { readonly key: string; readonly from: number; readonly to: number } | undefined;
}

/** What is not finished about somebody, by number. Forgetting them now would lose it. */
export interface Pending {
  readonly reports: readonly number[];
  readonly operations: readonly number[];
}

const rowsAtOnce = 500;
/** Only so many numbers are named. */
const maxPending = 20;
/** Tables without row numbers are read by another number. */
const keys: Readonly<Record<string, string>> = {
  operation_targets: 'operation_id',
  reports: 'item_id',
  rule_matches: 'item_id',
};
/** Their targets are reports, by number. */
const reportCommands = ['claim', 'dismiss', 'reopen', 'report', 'resolve'];

const name = (identifier: string) => sql.raw(`"${identifier}"`);

/** A condition: one of the texts may hold the ID. It is fast, and lets others pass, too. */
function mayMention(
  db: Connection,
  texts: readonly RawBuilder<unknown>[],
  id: string,
): RawBuilder<boolean> {
  const text = sql.join(
    texts.map((one) => sql`coalesce(${one}, '')`),
    sql` || ' ' || `,
  );
  return contains(db, text, needleOf(id));
}

function inPart({ rows }: TablePart): RawBuilder<boolean> {
  return rows === undefined
    ? sql<boolean>`true`
    : sql<boolean>`${name(rows.key)} BETWEEN ${rows.from} AND ${rows.to}`;
}

/** What the database knows about people, in whatever table, and how it is forgotten. */
export function personalData(db: Connection) {
  /** Replaces the ID in one column of a part. Returns how many rows changed. */
  async function replaceIn(part: TablePart, column: string, id: string, as: string) {
    const replace = mentionReplacer(id, as);
    const where = sql`${inPart(part)} AND ${finished(part.table)}`;
    const { rows } = await sql<{ value: string }>`
      SELECT DISTINCT ${name(column)} AS value FROM ${name(part.table)}
      WHERE ${where} AND ${mayMention(db, [name(column)], id)}`.execute(db);
    let changed = 0;
    for (const { value } of rows) {
      const next = replace(value);
      if (next !== value) {
        const { numAffectedRows = 0n } = await sql`
          UPDATE ${name(part.table)} SET ${name(column)} = ${next}
          WHERE ${where} AND ${name(column)} = ${value}`.execute(db);
        changed += Number(numAffectedRows);
      }
    }
    return changed;
  }

  return {
    /** The tables in parts, so that all of them can be gone through while others work. */
    async parts(): Promise<TablePart[]> {
      const parts: TablePart[] = [];
      for (const { table, columns, number } of await tablesWithTexts(db)) {
        const key = keys[table] ?? number;
        if (key === undefined) {
          parts.push({ table, columns, rows: undefined });
          continue;
        }
        const {
          rows: [ends],
        } = await sql<{ first: number | null; last: number | null }>`
          SELECT min(${name(key)}) AS first, max(${name(key)}) AS last FROM ${name(table)}`.execute(
          db,
        );
        for (let from = ends?.first ?? 1; from <= (ends?.last ?? 0); from += rowsAtOnce) {
          parts.push({ table, columns, rows: { key, from, to: from + rowsAtOnce - 1 } });
        }
      }
      return parts;
    },

    /** How many rows of a part name somebody; of the audit log, how many entries. */
    async count(part: TablePart, id: string): Promise<number> {
      const texts = part.columns.map((column) => name(column));
      // An entry and its outcomes count once.
      const entry = part.table === auditLog ? sql`coalesce(intent_id, id)` : sql`NULL`;
      const { rows } = await sql<Record<string, string | null> & { entry: number | null }>`
        SELECT ${sql.join(texts)}, ${entry} AS entry FROM ${name(part.table)}
        WHERE ${inPart(part)} AND ${finished(part.table)} AND ${mayMention(db, texts, id)}`.execute(
        db,
      );
      const replace = mentionReplacer(id, '');
      const naming = rows.filter((row) =>
        Object.values(row).some((text) => typeof text === 'string' && replace(text) !== text),
      );
      return new Set(naming.map((row, at) => row.entry ?? `row ${at}`)).size;
    },

    /** Whether somebody has ever asked for, or confirmed, anything here. */
    async hasActed(id: string): Promise<boolean> {
      const { rows } = await sql`
        SELECT 1 FROM audit_log WHERE actor = ${id} AND kind != 'outcome'
        UNION ALL SELECT 1 FROM audit_log WHERE confirmer = ${id} AND kind != 'outcome'
        LIMIT 1`.execute(db);
      return rows.length > 0;
    },

    /**
     * What is not finished about somebody.
     *
     * @param except the event of an operation that doesn't count
     */
    async pending(id: string, except?: string): Promise<Pending> {
      const { rows: items } = await sql<{ id: number }>`
        SELECT id FROM report_items WHERE state IN ('open', 'claimed') AND (
          sender = ${id} OR subject = ${id}
          OR EXISTS (SELECT 1 FROM reports WHERE item_id = report_items.id AND reporter = ${id})
        ) ORDER BY id LIMIT ${maxPending}`.execute(db);
      const { rows: operations } = await sql<{ id: number; text: string; is_theirs: number }>`
        SELECT id, coalesce(invocation, '') || ' ' || coalesce(line, '') AS text, CAST(
          EXISTS (SELECT 1 FROM operation_targets WHERE operation_id = operations.id AND target = ${id})
          OR EXISTS (SELECT 1 FROM audit_log WHERE target = ${id} AND kind != 'outcome' AND (
            audit_log.id = operations.reverts_intent OR audit_log.event_id = operations.reverts_event
          )) AS INTEGER
        ) AS is_theirs
        FROM operations WHERE ${inProgress} AND event_id IS DISTINCT FROM ${except ?? null} ORDER BY id`.execute(
        db,
      );
      const replace = mentionReplacer(id, '');
      return {
        reports: items.map((item) => item.id),
        operations: operations
          .filter(({ text, is_theirs: isTheirs }) => isTheirs === 1 || replace(text) !== text)
          .slice(0, maxPending)
          .map((operation) => operation.id),
      };
    },

    /** Deletes notes and tags of somebody, and what was written by and about them in reports that are closed. */
    async forgetContent(id: string): Promise<void> {
      await db.deleteFrom('notes').where('subject', '=', id).execute();
      await db.deleteFrom('tags').where('subject', '=', id).execute();
      const theirs = sql`(sender = ${id} OR subject = ${id}) AND state IN ('resolved', 'dismissed')`;
      const itemIds = sql`(SELECT id FROM report_items WHERE ${theirs})`;
      await sql`UPDATE report_history SET detail = NULL WHERE item_id IN ${itemIds}`.execute(db);
      await sql`
        UPDATE reports SET reason = NULL, reporter_created_at = NULL
        WHERE reporter = ${id} OR item_id IN ${itemIds}`.execute(db);
      await sql`
        UPDATE report_items
        SET content = NULL, note = NULL, room_name = NULL, sender_created_at = NULL, needs_look = 0
        WHERE ${theirs}`.execute(db);
    },

    /**
     * Forgets somebody in a part of the tables, but not in what is in progress.
     *
     * @param as the ID that stands in place of theirs
     */
    async forget(part: TablePart, id: string, as: string): Promise<ForgottenPart> {
      if (part.table === 'operations') {
        const { rows } = await sql<{ id: number; invocation: string }>`
          SELECT id, invocation FROM operations
          WHERE ${inPart(part)} AND ${mayMention(db, [name('invocation')], id)}`.execute(db);
        const replace = mentionReplacer(id, '');
        const naming = rows.filter(({ invocation }) => replace(invocation) !== invocation);
        for (const operation of naming) {
          await forgetTextsOfOperations(db, sql`id = ${operation.id}`, true);
        }
      }
      if (part.table !== auditLog) {
        let count = 0;
        for (const column of part.columns) {
          count += await replaceIn(part, column, id, as);
        }
        return { count, left: {} };
      }
      // The log comes before the reports, which tell what belongs to them.
      const { rows: items } = await sql<{ id: number }>`
        SELECT id FROM report_items WHERE sender = ${id} OR subject = ${id}`.execute(db);
      const theirs = new Set(items.map((item) => item.id));
      const { rows } = await sql<AuditRow>`
        SELECT * FROM audit_log WHERE ${inPart(part)} AND (
          ${isOneOf(db, sql`item_id`, [...theirs])}
          OR command IN (${sql.join(reportCommands)})
          OR ${mayMention(
            db,
            personalFields.map((field) => name(field)),
            id,
          )})`.execute(db);
      const replace = mentionReplacer(id, as);
      const replaced = (text: string | null) => (text === null ? null : replace(text));
      const isAboutTheirReport = ({ item_id: item, command, target }: AuditRow) =>
        (item !== null && theirs.has(item)) ||
        (reportCommands.includes(command) &&
          (target ?? '').split(' ').some((number) => theirs.has(Number(number))));
      const left: Record<string, string> = {};
      let count = 0;
      for (const row of rows) {
        const isAbout =
          isAboutTheirReport(row) || (row.target !== null && replace(row.target) !== row.target);
        const given = replace(row.arguments);
        const detail = replaced(row.detail);
        const isChanged = await forgetRow(
          db,
          row,
          {
            target: replaced(row.target),
            arguments: isAbout ? jsonWithoutTexts(given, { keepsUsers: true }) : given,
            reason: isAbout ? withoutReason(row.reason) : replaced(row.reason),
            detail:
              isAbout && detail !== null ? jsonWithoutTexts(detail, { keepsUsers: true }) : detail,
          },
          left,
        );
        if (isChanged && row.kind !== 'outcome') {
          count += 1;
          if (isAbout) {
            await forgetTextsOfOperations(db, sql`event_id = ${row.event_id}`, true);
          }
        }
      }
      return { count, left };
    },

    /** Forgets somebody in one operation, which may be in progress. */
    async forgetInOperation(event: string, id: string, as: string): Promise<void> {
      const { rows } = await sql<{ id: number; invocation: string }>`
        SELECT id, invocation FROM operations
        WHERE event_id = ${event} AND invocation IS NOT NULL`.execute(db);
      const replace = mentionReplacer(id, as);
      for (const operation of rows) {
        await db
          .updateTable('operations')
          .set({ invocation: replace(operation.invocation) })
          .where('id', '=', operation.id)
          .execute();
      }
    },
  };
}

export type PersonalData = ReturnType<typeof personalData>;
