import { sql } from 'kysely';

import { dialectOf } from '../dialect.ts';
import type { Connection } from '../schema.ts';
import type { MovedTable } from './tables.ts';

/** Makes the target give its next row the number that the source would give it. */
export async function continueNumbers(
  source: Connection,
  target: Connection,
  table: MovedTable,
): Promise<void> {
  const last = await lastOf(source, table);
  if (last <= (await lastOf(target, table))) {
    return;
  }
  if (dialectOf(target) === 'postgres') {
    await sql`SELECT setval(pg_get_serial_sequence(${table.name}, ${table.number}), ${last})`.execute(
      target,
    );
  } else if (table.isCounted) {
    await sql`DELETE FROM sqlite_sequence WHERE name = ${table.name}`.execute(target);
    await sql`INSERT INTO sqlite_sequence (name, seq) VALUES (${table.name}, ${last})`.execute(
      target,
    );
  }
}

/** The last number that a table has given out; 0 before the first. */
async function lastOf(db: Connection, { name, number = 'id' }: MovedTable): Promise<number> {
  if (dialectOf(db) === 'sqlite') {
    const { rows } = await sql<{ last: number }>`
      SELECT max(
        coalesce((SELECT seq FROM sqlite_sequence WHERE name = ${name}), 0),
        coalesce((SELECT max(${sql.ref(number)}) FROM ${sql.table(name)}), 0)
      ) AS last`.execute(db);
    return rows[0]?.last ?? 0;
  }
  const { rows } = await sql<{ last: number }>`
    SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS last
    FROM ${sql.table(`${name}_${number}_seq`)}`.execute(db);
  return rows[0]?.last ?? 0;
}
