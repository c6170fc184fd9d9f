import { sql } from 'kysely';
import type { Kysely } from 'kysely';

import { auditTables, auditTriggers } from './first/audit.ts';
import { searchObjects } from './first/search.ts';
import { sumTables, sumTriggers } from './first/sums.ts';
import { otherTables } from './first/tables.ts';

/**
 * All tables as SQLite has them after its migration 0020, where PostgreSQL begins. From then on, each migration is
 * made for both.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    ...auditTables,
    ...otherTables,
    ...sumTables,
    ...searchObjects,
    ...auditTriggers,
    ...sumTriggers,
  ];
  for (const statement of statements) {
    await sql.raw(statement).execute(db);
  }
}
