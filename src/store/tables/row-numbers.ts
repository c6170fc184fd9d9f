import { sql } from 'kysely';

import type { Connection } from '../database.ts';

/** Tables whose row numbers people see. A number is never used again. */
type NumberedTable = 'operations' | 'report_history' | 'report_items';

/** The last number that this table has given out; 0 before the first. */
export async function lastNumber(db: Connection, table: NumberedTable): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    SELECT seq FROM sqlite_sequence WHERE name = ${table}`.execute(db);
  return rows[0]?.seq ?? 0;
}

/** Makes the table's next number larger than `upTo`. */
export async function skipNumbers(
  db: Connection,
  table: NumberedTable,
  upTo: number,
): Promise<void> {
  const { numAffectedRows } = await sql`
    UPDATE sqlite_sequence SET seq = max(seq, ${upTo}) WHERE name = ${table}`.execute(db);
  if (numAffectedRows === 0n) {
    await sql`INSERT INTO sqlite_sequence (name, seq) VALUES (${table}, ${upTo})`.execute(db);
  }
}
