import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** Indexes for figures over a stretch of time, and for what is known of one user or room. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`CREATE INDEX audit_log_at ON audit_log (at, kind, actor, status)`,
    sql`CREATE INDEX reports_received ON reports (received_ts)`,
    sql`CREATE INDEX report_items_opened ON report_items (state, opened_at)`,
    sql`CREATE INDEX rule_firings_rule ON rule_firings (rule, mode)`,
    sql`CREATE INDEX jobs_intent ON jobs (intent_id)`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
  }
}
