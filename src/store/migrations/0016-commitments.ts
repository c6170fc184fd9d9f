import { sql } from 'kysely';
import type { Kysely } from 'kysely';

import type { Tables } from '../schema.ts';
import { noteOldRows } from '../tables/audit/old-audit-rows.ts';

/**
 * The chain of the audit log is over commitments to texts, so that texts can be forgotten. The hashes of older rows
 * stay as they are; the first new row proves the commitments to them.
 */
export async function up(db: Kysely<Tables>): Promise<void> {
  const statements = [
    'DROP TRIGGER audit_log_no_update',
    'ALTER TABLE audit_log ADD COLUMN form INTEGER NOT NULL DEFAULT 1 CHECK (form IN (1, 2))',
    'ALTER TABLE audit_log ADD COLUMN salts TEXT',
    'UPDATE audit_log SET salts = lower(hex(randomblob(16)))',
    `CREATE TRIGGER audit_log_no_update BEFORE UPDATE OF
       id, kind, intent_id, at, command, event_id, room_id, status, item_id, form, previous_hash, hash ON audit_log
     BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
    // Commitments stay where texts go.
    `CREATE TRIGGER audit_log_no_rewrite BEFORE UPDATE ON audit_log
     WHEN NEW.salts IS NULL OR NEW.salts NOT GLOB '{"salts":{*},"commitments":{*}}' OR NEW.salts IS OLD.salts
     BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
  ];
  for (const statement of statements) {
    await sql.raw(statement).execute(db);
  }
  const { rows } = await sql`SELECT 1 FROM audit_log LIMIT 1`.execute(db);
  if (rows.length > 0) {
    await noteOldRows(db);
  }
}
