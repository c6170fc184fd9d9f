import { sql } from 'kysely';

import type { Connection } from '../database.ts';

/** Tables whose rows have numbers that people see, and that are never used again. */
type Numbered = 'jobs' | 'report_history' | 'report_items';

/** The newest number that was given to a row of this table; 0 before the first. */
export async function newestNumber(db: Connection, table: Numbered): Promise<number> {
  const { rows } = await sql<{ seq: number }>`
    SELECT seq FROM sqlite_sequence WHERE name = ${table}`.execute(db);
  return rows[0]?.seq ?? 0;
}

/** Gives the next row of this table the number `next`, unless they are past that. */
export async function countFrom(db: Connection, table: Numbered, next: number): Promise<void> {
  const last = next - 1;
  const { numAffectedRows } = await sql`
    UPDATE sqlite_sequence SET seq = max(seq, ${last}) WHERE name = ${table}`.execute(db);
  if (numAffectedRows === 0n) {
    await sql`INSERT INTO sqlite_sequence (name, seq) VALUES (${table}, ${last})`.execute(db);
  }
}
