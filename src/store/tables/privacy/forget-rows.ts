import { sql } from 'kysely';
import type { RawBuilder } from 'kysely';

import { jsonWithoutTexts } from '../../../core/forgotten.ts';
import type { Connection } from '../../schema.ts';
import { forgetting, leftOf } from '../audit/audit-chain.ts';
import type { AuditRow, PersonalField } from '../audit/audit-chain.ts';

/** What was forgotten. */
export interface ForgottenPart {
  /** How many rows; of the audit log, entries. */
  readonly count: number;
  /** What is left of rows of the audit log, by their number: the chain must vouch for it. */
  readonly left: Readonly<Record<string, string>>;
}

/** What is not final: it is still needed. */
export const inProgress = sql`state IN ('awaiting', 'scheduled', 'running')`;
export const auditLog = 'audit_log';

/** The rows of a table that nothing needs any more. */
export function finished(table: string): RawBuilder<boolean> {
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
export function withoutReason(reason: string | null): string | null {
  return /^undo of #\d{1,15}/u.exec(reason ?? '')?.[0] ?? null;
}

/** Deletes the texts of past operations and their targets: reasons, notes, messages, what an account was like. */
export async function forgetTextsOfOperations(
  db: Connection,
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

/** Changes the texts of a row of the audit log, and notes what is left of it. Returns false if nothing changed. */
export async function forgetRow(
  db: Connection,
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
