import { sql } from 'kysely';

import { forgottenAs, forgottenGlob, jsonWithoutTexts } from '../../../core/forgotten.ts';
import { isLike, isNotLike } from '../../dialect.ts';
import type { Connection } from '../../schema.ts';
import { forgetCommand } from '../audit/audit-chain.ts';
import {
  auditLog,
  finished,
  forgetRow,
  forgetTextsOfOperations,
  inProgress,
  withoutReason,
} from './forget-rows.ts';
import type { ForgottenPart } from './forget-rows.ts';

/** How many entries, operations or reports are forgotten in one transaction, because they are old. */
const entriesAtOnce = 200;
const reportsAtOnce = 50;

/** What is forgotten because it is old. */
export function retention(db: Connection) {
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
          db,
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
          await forgetTextsOfOperations(db, sql`event_id = ${row.event_id}`, false);
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
      await forgetTextsOfOperations(db, sql`id > ${after} AND id <= ${last}`, false);
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

export type Retention = ReturnType<typeof retention>;
