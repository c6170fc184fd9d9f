import { sql } from 'kysely';

import { dialectOf } from '../dialect.ts';
import type { Connection } from '../schema.ts';

/** Each added row of the audit log leaves an old version in these tables, faster than PostgreSQL itself clears them. */
const busyTables = sql.raw('audit_log_numbers, open_intents');

/** Makes room in small tables that triggers change with each row. Only PostgreSQL needs it. */
export async function clearOldVersions(db: Connection): Promise<void> {
  if (dialectOf(db) === 'postgres') {
    await sql`VACUUM ${busyTables}`.execute(db);
  }
}

/** Tells PostgreSQL what is in the tables: until it finds out itself, the bot's first searches would be slow. */
export async function countForPlans(db: Connection): Promise<void> {
  if (dialectOf(db) === 'postgres') {
    await sql`ANALYZE`.execute(db);
  }
}
