import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** What an account was like before an operation: after a crash, its steps know what they have changed. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`ALTER TABLE operation_targets ADD COLUMN before TEXT`.execute(db);
}
