import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** More characters of a target than any ID has, and few enough for an index. */
export const indexedTarget = 500;

/**
 * A command about many files or reports has all of them as its target, which is more than an index of PostgreSQL takes.
 * SQLite takes it as it is.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`DROP INDEX audit_log_target`,
    sql`
      CREATE INDEX audit_log_target ON audit_log (left(target, ${sql.lit(indexedTarget)}), id)
      WHERE kind != 'outcome' AND target IS NOT NULL`,
    // Otherwise, PostgreSQL doesn't know for a while how often a target occurs.
    sql`ANALYZE audit_log`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
  }
}
