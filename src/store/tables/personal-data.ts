import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import {
  forgottenAs,
  forgottenGlob,
  jsonWithoutTexts,
  mentionReplacer,
  needleOf,
} from '../../core/forgotten.ts';
import type { Connection } from '../database.ts';
import { contains, isLike, isNotLike, isOneOf } from '../dialect.ts';
import { forgetCommand, forgetting, leftOf, personalFields } from './audit-chain.ts';
import type { AuditRow, PersonalField } from './audit-chain.ts';
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

/** What was forgotten in a part. */
export interface ForgottenPart {
  /** How many rows; of the audit log, entries. */
  readonly count: number;
  /** What is left of rows of the audit log, by their number: the chain must vouch for it. */
  readonly left: Readonly<Record<string, string>>;
}

/** What is not final: it is still needed. */
const inProgress = sql`state IN ('awaiting', 'scheduled', 'running')`;
const rowsAtOnce = 500;
/** How many entries, operations or reports are forgotten in one transaction, because they are old. */
const entriesAtOnce = 200;
const reportsAtOnce = 50;
/** Only so many numbers are named. */
const maxPending = 20;
const auditLog = 'audit_log';
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

/** The rows of a table that nothing needs any more. */
function finished(table: string): RawBuilder<boolean> {
  switch (table) {
    case 'operations':
      return sql<boolean>`NOT (${inProgress})`;
    case 'operation_targets':
      return sql<boolean>`operation_id NOT IN (SELECT id FROM operations WHERE ${inProgress})`;
    case 'inbox':
      return sql<boolean>`handled_at IS NOT NULL`;
    default:
      return sql<boolean>`true`;
  }
}

/** A reason without its text. That an entry takes back another one stays. */
function withoutReason(reason: string | null): string | null {
  return /^undo of #\d{1,15}/u.exec(reason ?? '')?.[0] ?? null;
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

  /** Deletes the texts of past operations and their targets: reasons, notes, messages, what an account was like. */
  async function forgetTextsOfOperations(
    which: RawBuilder<unknown>,
    keepsUsers: boolean,
  ): Promise<void> {
    const { rows } = await sql<{ id: number; invocation: string | null; line: string | null }>`
      SELECT id, invocation, line FROM operations
      WHERE ${finished('operations')} AND ${which}`.execute(db);
    for (const { id, invocation, line } of rows) {
      await db
        .updateTable('operations')
        .set({
          invocation: invocation === null ? null : invocationWithoutTexts(invocation, keepsUsers),
          // Only a reversal has one; its command stays.
          line: line === null ? null : (/^\S+/u.exec(line)?.[0] ?? ''),
        })
        .where('id', '=', id)
        .execute();
      await db
        .updateTable('operation_targets')
        .set({ detail: null, before: null })
        .where('operation_id', '=', id)
        .execute();
    }
  }

  async function forgetRow(
    row: AuditRow,
    texts: Partial<Pick<AuditRow, PersonalField>>,
    left: Record<string, string>,
  ): Promise<boolean> {
    const changes = Object.fromEntries(
      Object.entries(texts).filter(([field, text]) => text !== row[field as PersonalField]),
    );
    if (Object.keys(changes).length === 0) {
      return false;
    }
    const columns = forgetting(row, changes);
    await db.updateTable(auditLog).set(columns).where('id', '=', row.id).execute();
    left[row.id] = leftOf({ ...row, ...columns });
    return true;
  }

  /** Events that operations in progress, and timers, still need. */
  async function neededEvents(): Promise<ReadonlySet<string>> {
    const { rows } = await sql<{ event: string | null }>`
      SELECT event_id AS event FROM operations WHERE ${inProgress}
      UNION SELECT reverts_event FROM operations WHERE ${inProgress}
      UNION SELECT audit_log.event_id FROM operations
        JOIN audit_log ON audit_log.id = operations.reverts_intent WHERE ${inProgress}`.execute(db);
    return new Set(rows.flatMap(({ event }) => event ?? []));
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
          await forgetTextsOfOperations(sql`id = ${operation.id}`, true);
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
            await forgetTextsOfOperations(sql`event_id = ${row.event_id}`, true);
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

    /**
     * Forgets who some entries of the audit log are about, and their texts, also in their operations; who asked and who
     * confirmed stays. Operations in progress and timers keep theirs.
     *
     * @param before milliseconds since 1970
     * @param after the last row that was looked at before
     * @returns the last row that was looked at now; undefined if there are no more rows
     */
    async forgetOldEntries(
      before: number,
      after: number,
    ): Promise<(ForgottenPart & { readonly last: number }) | undefined> {
      const rows = await db
        .selectFrom(auditLog)
        .selectAll()
        .where('id', '>', after)
        .orderBy('id')
        .limit(entriesAtOnce)
        .execute();
      const needed = await neededEvents();
      const left: Record<string, string> = {};
      let count = 0;
      let last: number | undefined;
      for (const row of rows) {
        // Whatever comes later is younger, or still needed: it is looked at again.
        if (row.at >= before || needed.has(row.event_id)) {
          break;
        }
        last = row.id;
        if (row.command === forgetCommand) {
          continue;
        }
        const isUser = row.target?.startsWith('@') === true;
        const isChanged = await forgetRow(
          row,
          {
            target: isUser ? forgottenAs((row.intent_id ?? row.id).toString(16)) : row.target,
            arguments: jsonWithoutTexts(row.arguments, { keepsUsers: false }),
            reason: withoutReason(row.reason),
            detail:
              row.detail === null ? null : jsonWithoutTexts(row.detail, { keepsUsers: false }),
          },
          left,
        );
        if (isChanged && row.kind !== 'outcome') {
          count += 1;
          await forgetTextsOfOperations(sql`event_id = ${row.event_id}`, false);
        }
      }
      return last === undefined ? undefined : { last, count, left };
    },

    /** Forgets the targets and texts of some old operations. Returns the last one; undefined if there are no more. */
    async forgetOldOperations(before: number, after: number): Promise<number | undefined> {
      const { rows } = await sql<{ id: number; created_at: number; is_final: number }>`
        SELECT id, created_at, CAST(${finished('operations')} AS INTEGER) AS is_final FROM operations
        WHERE id > ${after} ORDER BY id LIMIT ${entriesAtOnce}`.execute(db);
      const young = rows.findIndex(
        ({ created_at: at, is_final: isFinal }) => at >= before || isFinal === 0,
      );
      const old = young === -1 ? rows : rows.slice(0, young);
      const last = old.at(-1)?.id;
      if (last === undefined) {
        return undefined;
      }
      await forgetTextsOfOperations(sql`id > ${after} AND id <= ${last}`, false);
      await sql`
        UPDATE operation_targets SET target = ${forgottenAs('')} || CAST(operation_id AS TEXT)
        WHERE operation_id > ${after} AND operation_id <= ${last} AND ${isLike(db, sql`target`, '@*')}
      `.execute(db);
      return last;
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
        WHERE closed_at < ${before} AND ${isNotLike(db, sql`coalesce(sender, '')`, forgottenGlob)}
        ORDER BY closed_at LIMIT ${reportsAtOnce}`.execute(db);
      for (const { id, kind } of rows) {
        const as = forgottenAs(id.toString(16));
        // No two reports of users have the same subject.
        const subject = kind === 'user' ? sql`${as}` : sql`subject`;
        await sql`UPDATE report_history SET detail = NULL WHERE item_id = ${id}`.execute(db);
        await sql`
          UPDATE reports SET subject = ${subject}, reporter = ${as}, reporter_created_at = NULL, reason = NULL
          WHERE item_id = ${id}`.execute(db);
        await sql`
          UPDATE report_items
          SET subject = ${subject}, sender = ${as}, sender_created_at = NULL, content = NULL, note = NULL,
              room_name = NULL, needs_look = 0
          WHERE id = ${id}`.execute(db);
      }
      return rows.length;
    },
  };
}

/** An invocation without its texts; the targets stay if users do. */
function invocationWithoutTexts(json: string, keepsUsers: boolean): string {
  try {
    const {
      reason: _reason,
      arguments: given,
      reversals: _reversals,
      leftOut: _leftOut,
      matching: _matching,
      ...rest
    } = JSON.parse(json) as Readonly<Record<string, unknown>>;
    return JSON.stringify({
      ...rest,
      arguments: JSON.parse(
        jsonWithoutTexts(JSON.stringify(given ?? {}), { keepsUsers }),
      ) as unknown,
    });
  } catch {
    // Somebody has damaged it.
    return '{}';
  }
}

export type PersonalData = ReturnType<typeof personalData>;
