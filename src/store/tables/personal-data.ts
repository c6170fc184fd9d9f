import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import {
  forgottenAs,
  forgottenByAge,
  jsonWithoutTexts,
  lowerFormsOf,
  mentionReplacer,
  withoutTexts,
} from '../../core/forgotten.ts';
import type { Connection } from '../database.ts';
import { forgetting, personalFields } from './audit-chain.ts';
import type { AuditRow, PersonalField } from './audit-chain.ts';

/** A part of a table: few enough rows that others wait only a few milliseconds. */
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

const rowsAtOnce = 2000;
/** How many entries or reports are forgotten in one transaction. */
const entriesAtOnce = 200;
const reportsAtOnce = 50;
/** Only so many numbers are named. */
const maxPending = 20;
const auditLog = 'audit_log';
/** Their targets are reports, by number. */
const reportCommands = ['claim', 'dismiss', 'reopen', 'report', 'resolve'];

const name = (identifier: string) => sql.raw(`"${identifier}"`);

/** A condition: the text holds the ID, however it is written. Longer IDs that begin the same count, too. */
function mentions(column: RawBuilder<unknown>, id: string): RawBuilder<boolean> {
  const any = lowerFormsOf(id).map((form) => sql`instr(lower(${column}), ${form}) > 0`);
  return sql<boolean>`(${sql.join(any, sql` OR `)})`;
}

function inPart({ rows }: TablePart): RawBuilder<boolean> {
  return rows === undefined
    ? sql<boolean>`1`
    : sql<boolean>`${name(rows.key)} BETWEEN ${rows.from} AND ${rows.to}`;
}

/** What the database knows about people, in whatever table, and how it is forgotten. */
export function personalData(db: Connection) {
  /** Replaces the ID in one column of a part. Returns how many rows changed. */
  async function replaceIn(part: TablePart, column: string, id: string, as: string) {
    const replace = mentionReplacer(id, as);
    const { rows } = await sql<{ value: string }>`
      SELECT DISTINCT ${name(column)} AS value FROM ${name(part.table)}
      WHERE ${inPart(part)} AND ${mentions(name(column), id)}`.execute(db);
    let changed = 0;
    for (const { value } of rows) {
      const next = replace(value);
      if (next !== value) {
        const { numAffectedRows = 0n } = await sql`
          UPDATE ${name(part.table)} SET ${name(column)} = ${next}
          WHERE ${inPart(part)} AND ${name(column)} = ${value}`.execute(db);
        changed += Number(numAffectedRows);
      }
    }
    return changed;
  }

  /** Deletes the texts of past operations: reasons, notes, messages. The targets stay. */
  async function forgetTextsOfOperations(which: RawBuilder<unknown>): Promise<void> {
    const { rows } = await sql<{ id: number; invocation: string }>`
      SELECT id, invocation FROM operations
      WHERE invocation IS NOT NULL AND state NOT IN ('awaiting', 'scheduled', 'running')
        AND ${which}`.execute(db);
    for (const { id, invocation } of rows) {
      const {
        reason: _,
        arguments: given,
        ...rest
      } = JSON.parse(invocation) as { reason?: string; arguments?: unknown };
      const left = { ...rest, arguments: withoutTexts(given, { keepsUsers: true }) };
      await db
        .updateTable('operations')
        .set({ invocation: JSON.stringify(left) })
        .where('id', '=', id)
        .execute();
    }
  }

  async function forgetRow(row: AuditRow, texts: Partial<Pick<AuditRow, PersonalField>>) {
    const changes = Object.entries(texts).filter(
      ([field, text]) => text !== row[field as PersonalField],
    );
    if (changes.length > 0) {
      await db
        .updateTable(auditLog)
        .set(forgetting(row, Object.fromEntries(changes)))
        .where('id', '=', row.id)
        .execute();
    }
    return changes.length > 0;
  }

  return {
    /** The tables in parts, so that all of them can be gone through while others work. */
    async parts(): Promise<TablePart[]> {
      const { rows: tables } = await sql<{ name: string; wr: number }>`
        SELECT name, wr FROM pragma_table_list
        WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
          AND name NOT LIKE 'kysely!_%' ESCAPE '!'
        ORDER BY name`.execute(db);
      const parts: TablePart[] = [];
      for (const { name: table, wr } of tables) {
        const { rows } = await sql<{ name: string; type: string; pk: number }>`
          SELECT name, type, pk FROM pragma_table_info(${table})`.execute(db);
        const columns = rows.filter(({ type }) => type === 'TEXT').map((column) => column.name);
        const first = rows.find(({ pk }) => pk === 1);
        const key = wr === 0 ? 'rowid' : first?.type === 'INTEGER' ? first.name : undefined;
        if (columns.length === 0) {
          continue;
        }
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
        WHERE ${inPart(part)} AND (${sql.join(
          texts.map((text) => mentions(text, id)),
          sql` OR `,
        )})`.execute(db);
      const replace = mentionReplacer(id, '');
      const naming = rows.filter((row) =>
        Object.values(row).some((text) => typeof text === 'string' && replace(text) !== text),
      );
      return new Set(naming.map((row, at) => row.entry ?? `row ${at}`)).size;
    },

    /** What is not finished about somebody, except commands that forget. */
    async pending(id: string): Promise<Pending> {
      const { rows: items } = await sql<{ id: number }>`
        SELECT id FROM report_items WHERE state IN ('open', 'claimed') AND (
          sender = ${id} OR subject = ${id}
          OR EXISTS (SELECT 1 FROM reports WHERE item_id = report_items.id AND reporter = ${id})
        ) ORDER BY id LIMIT ${maxPending}`.execute(db);
      const { rows: operations } = await sql<{ id: number }>`
        SELECT id FROM operations
        WHERE state IN ('awaiting', 'scheduled', 'running') AND command != 'forget'
          AND (${mentions(sql`coalesce(invocation, '') || ' ' || coalesce(line, '')`, id)})
        ORDER BY id LIMIT ${maxPending}`.execute(db);
      return {
        reports: items.map((item) => item.id),
        operations: operations.map((operation) => operation.id),
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
        UPDATE report_items SET content = NULL, note = NULL, room_name = NULL, sender_created_at = NULL
        WHERE ${theirs}`.execute(db);
      await sql`
        UPDATE operation_targets SET detail = NULL, before = NULL WHERE target = ${id}`.execute(db);
    },

    /**
     * Forgets somebody in a part of the tables.
     *
     * @param as the ID that stands in place of theirs
     * @returns how many rows changed; of the audit log, entries
     */
    async forget(part: TablePart, id: string, as: string): Promise<number> {
      let changed = 0;
      if (part.table === 'operations') {
        await forgetTextsOfOperations(sql`${inPart(part)} AND ${mentions(name('invocation'), id)}`);
      }
      if (part.table !== auditLog) {
        for (const column of part.columns) {
          changed += await replaceIn(part, column, id, as);
        }
        return changed;
      }
      // The log comes before the reports, which tell what belongs to them.
      const { rows: items } = await sql<{ id: number }>`
        SELECT id FROM report_items WHERE sender = ${id} OR subject = ${id}`.execute(db);
      const theirs = new Set(items.map((item) => item.id));
      const { rows } = await sql<AuditRow>`
        SELECT * FROM audit_log WHERE ${inPart(part)} AND (
          item_id IN (SELECT value FROM json_each(${JSON.stringify([...theirs])}))
          OR command IN (${sql.join(reportCommands)})
          OR ${sql.join(
            personalFields.map((field) => mentions(name(field), id)),
            sql` OR `,
          )})`.execute(db);
      const replace = mentionReplacer(id, as);
      const replaced = (text: string | null) => (text === null ? null : replace(text));
      const isAboutTheirReport = ({ item_id: item, command, target }: AuditRow) =>
        (item !== null && theirs.has(item)) ||
        (reportCommands.includes(command) &&
          (target ?? '').split(' ').some((number) => theirs.has(Number(number))));
      for (const row of rows) {
        const isAbout =
          isAboutTheirReport(row) || (row.target !== null && replace(row.target) === as);
        const given = replace(row.arguments);
        const detail = replaced(row.detail);
        const isChanged = await forgetRow(row, {
          actor: replace(row.actor),
          confirmer: replaced(row.confirmer),
          target: replaced(row.target),
          arguments: isAbout ? jsonWithoutTexts(given, { keepsUsers: true }) : given,
          reason: isAbout ? null : replaced(row.reason),
          detail:
            isAbout && detail !== null ? jsonWithoutTexts(detail, { keepsUsers: true }) : detail,
        });
        if (isChanged && row.kind !== 'outcome') {
          changed += 1;
          if (isAbout) {
            await forgetTextsOfOperations(sql`event_id = ${row.event_id}`);
          }
        }
      }
      return changed;
    },

    /**
     * Forgets who some entries of the audit log are about, and their texts; who asked and who confirmed stays. Entries
     * in flight are left out.
     *
     * @param before milliseconds since 1970
     * @param after the last row that was looked at before
     * @returns the last row that was looked at now, and how many entries changed; undefined if there are no more rows
     */
    async forgetOldEntries(
      before: number,
      after: number,
    ): Promise<{ readonly last: number; readonly changed: number } | undefined> {
      const rows = await db
        .selectFrom(auditLog)
        .selectAll()
        .where('id', '>', after)
        .where('at', '<', before)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('open_intents')
                .select('open_intents.id')
                .whereRef('open_intents.id', '=', sql`coalesce(audit_log.intent_id, audit_log.id)`),
            ),
          ),
        )
        .orderBy('id')
        .limit(entriesAtOnce)
        .execute();
      let changed = 0;
      for (const row of rows) {
        const isChanged = await forgetRow(row, {
          target: row.target?.startsWith('@') === true ? forgottenByAge : row.target,
          arguments: jsonWithoutTexts(row.arguments, { keepsUsers: false }),
          reason: null,
          detail: row.detail === null ? null : jsonWithoutTexts(row.detail, { keepsUsers: false }),
        });
        changed += isChanged && row.kind !== 'outcome' ? 1 : 0;
      }
      const last = rows.at(-1);
      return last && { last: last.id, changed };
    },

    /**
     * Forgets who some closed reports are about and from, and their texts.
     *
     * @param before when they were closed; milliseconds since 1970
     * @returns how many there were
     */
    async forgetOldReports(before: number): Promise<number> {
      const { rows } = await sql<{ id: number; kind: string }>`
        SELECT id, kind FROM report_items
        WHERE state IN ('resolved', 'dismissed') AND closed_at < ${before} AND sender IS NOT ${forgottenByAge}
        ORDER BY id LIMIT ${reportsAtOnce}`.execute(db);
      for (const { id, kind } of rows) {
        // No two reports of users have the same subject.
        const subject = kind === 'user' ? sql`${forgottenAs(id.toString(16))}` : sql`subject`;
        await sql`UPDATE report_history SET detail = NULL WHERE item_id = ${id}`.execute(db);
        await sql`
          UPDATE reports SET subject = ${subject}, reporter = ${forgottenByAge}, reporter_created_at = NULL, reason = NULL
          WHERE item_id = ${id}`.execute(db);
        await sql`
          UPDATE report_items
          SET subject = ${subject}, sender = ${forgottenByAge}, sender_created_at = NULL, content = NULL, note = NULL,
              room_name = NULL
          WHERE id = ${id}`.execute(db);
      }
      return rows.length;
    },
  };
}

export type PersonalData = ReturnType<typeof personalData>;
