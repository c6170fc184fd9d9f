import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** What runs later is called a timer everywhere: the table was the last to say “job”. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE jobs RENAME TO timers`.execute(db);
  await sql`DROP INDEX jobs_waiting`.execute(db);
  await sql`DROP INDEX jobs_intent`.execute(db);
  await sql`CREATE INDEX timers_waiting ON timers (run_at) WHERE state = 'waiting'`.execute(db);
  await sql`CREATE INDEX timers_intent ON timers (intent_id)`.execute(db);
  await sql`UPDATE damaged_rows SET source = 'timers' WHERE source = 'jobs'`.execute(db);
  // A timer that was interrupted goes on after the upgrade.
  await sql`
    UPDATE executions SET invocation = json_set(
      json_remove(invocation, '$.actor.job'), '$.actor.timer', json_extract(invocation, '$.actor.job'))
    WHERE finished_at IS NULL AND json_valid(invocation)
      AND json_extract(invocation, '$.actor.kind') = 'timer'`.execute(db);
}
