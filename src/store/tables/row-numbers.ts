import { sql } from 'kysely';

import { dialectOf } from '../dialect.ts';
import type { Connection } from '../schema.ts';

/** Tables whose row numbers people see. A number is never used again. */
type NumberedTable = 'operations' | 'report_history' | 'report_items';

/** What PostgreSQL counts a table's rows with. */
const sequenceOf = (table: NumberedTable) => sql.raw(`${table}_id_seq`);

/** The last number that this table has given out; 0 before the first. */
export async function lastNumber(db: Connection, table: NumberedTable): Promise<number> {
  const { rows } = await (
    dialectOf(db) === 'sqlite'
      ? sql<{ seq: number }>`SELECT seq FROM sqlite_sequence WHERE name = ${table}`
      : sql<{ seq: number }>`
        SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS seq FROM ${sequenceOf(table)}`
  ).execute(db);
  return rows[0]?.seq ?? 0;
}

/** Makes the table's next number larger than `upTo`. */
export async function skipNumbers(
  db: Connection,
  table: NumberedTable,
  upTo: number,
): Promise<void> {
  if (dialectOf(db) === 'postgres') {
    if (upTo > (await lastNumber(db, table))) {
      await sql`SELECT setval(pg_get_serial_sequence(${table}, 'id'), ${upTo})`.execute(db);
    }
    return;
  }
  const { numAffectedRows } = await sql`
    UPDATE sqlite_sequence SET seq = max(seq, ${upTo}) WHERE name = ${table}`.execute(db);
  if (numAffectedRows === 0n) {
    await sql`INSERT INTO sqlite_sequence (name, seq) VALUES (${table}, ${upTo})`.execute(db);
  }
}
