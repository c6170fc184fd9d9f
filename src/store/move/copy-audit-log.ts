import { sql } from 'kysely';
import type { Kysely } from 'kysely';

import { SetupError } from '../../core/errors.ts';
import { dialectOf } from '../dialect.ts';
import type { Connection, Tables } from '../schema.ts';
import { personalFields } from '../tables/audit/audit-chain.ts';
import { auditLog } from '../tables/audit/audit-log.ts';
import { addRows, asTable, onlyOf, piecesOf, sameRows, textOf } from './copy-rows.ts';
import type { Changes, Progress } from './copy-rows.ts';
import type { MovedTable } from './tables.ts';
import { clearOldVersions } from './tidy-postgres.ts';

/**
 * @returns the number of the last row of the target; 0 if it has none
 * @throws SetupError the target's audit log is not the beginning of the source's
 */
export async function assertSameLog(
  source: Connection,
  target: Connection,
  to: string,
): Promise<number> {
  const end = await auditLog(target).end();
  if (end === undefined) {
    return 0;
  }
  const last = (await auditLog(source).end())?.count ?? 0;
  if (end.count > last) {
    throw new SetupError(
      `The audit log in ${to} has ${end.count} rows, and the one to copy has only ${last}.`,
      'Nothing was changed. It is newer, or the log of another bot. Choose an empty database.',
    );
  }
  if ((await auditLog(source).hashOf(end.count)) !== end.head) {
    throw new SetupError(
      `The audit log in ${to} is another one: its row ${end.count} has another hash.`,
      'Nothing was changed. Choose an empty database.',
    );
  }
  return end.count;
}

/**
 * @param after the number of the last row that was copied before
 * @throws SetupError PostgreSQL can't store a row as it is, and a changed text would not fit its hash
 */
export async function assertStorable(
  source: Connection,
  target: Connection,
  { columns }: MovedTable,
  after: number,
): Promise<void> {
  if (dialectOf(source) === 'postgres' || dialectOf(target) === 'sqlite') {
    return;
  }
  const hasNul = sql.join(
    columns.map((column) => sql`instr(${sql.ref(column)}, char(0)) > 0`),
    sql` OR `,
  );
  const { rows } = await sql<{ id: number | null }>`
    SELECT min(id) AS id FROM audit_log WHERE id > ${after} AND (${hasNul})`.execute(source);
  const id = rows[0]?.id ?? undefined;
  if (id !== undefined) {
    throw new SetupError(
      `Row ${id} of the audit log has a NUL character, which PostgreSQL can’t store. The row’s hash covers it.`,
      'Nothing was changed. If you may forget the user whom the row is about, lawspeaker forget removes their texts. Otherwise, stay on SQLite.',
    );
  }
}

const tidyAfterPieces = 20;

/** Adds the rows of the source after `after`. */
export async function appendRows(
  source: Connection,
  target: Kysely<Tables>,
  table: MovedTable,
  after: number,
  changes: Changes,
  progress: Progress,
): Promise<void> {
  let done = after;
  let pieces = 0;
  for await (const rows of piecesOf(source, table, { after: [after] })) {
    pieces += 1;
    if (pieces % tidyAfterPieces === 0) {
      await clearOldVersions(target);
    }
    await target.transaction().execute(async (transaction) => addRows(transaction, table, rows));
    changes.added += rows.length;
    done += rows.length;
    progress(done);
  }
}

/** Forgets in the target what was forgotten in the source since the rows were copied, up to `upTo`. */
export async function forgetRows(
  source: Connection,
  target: Kysely<Tables>,
  table: MovedTable,
  upTo: number,
  changes: Changes,
): Promise<void> {
  const fields = [...personalFields, 'salts'];
  const read = ['id', ...fields];
  const only = sql`id <= ${upTo} AND salts LIKE '{%'`;
  for await (const rows of piecesOf(source, table, { only }, read)) {
    const there = new Map(
      (await sameRows(target, table, rows, read)).map((row) => [row['id'], textOf(row, read)]),
    );
    const forgotten = rows
      .filter((row) => there.get(row['id'] ?? null) !== textOf(row, read))
      .map(onlyOf(read));
    if (forgotten.length > 0) {
      await target.transaction().execute(async (transaction) =>
        sql`
          UPDATE audit_log SET ${sql.join(
            fields.map((field) => sql`${sql.ref(field)} = ${sql.ref(`forgotten.${field}`)}`),
          )}
          FROM ${asTable(transaction, table, read, forgotten)} AS forgotten
          WHERE audit_log.id = forgotten.id`.execute(transaction),
      );
      changes.changed += forgotten.length;
    }
  }
}
