import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/** The tables of the first release. Migrations are only ever added. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    sql`
      CREATE TABLE audit_log (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL CHECK (kind IN ('intent', 'outcome', 'refusal')),
        intent_id INTEGER REFERENCES audit_log (id),
        at INTEGER NOT NULL,
        actor TEXT NOT NULL,
        confirmer TEXT,
        command TEXT NOT NULL,
        arguments TEXT NOT NULL,
        target TEXT,
        reason TEXT,
        event_id TEXT NOT NULL,
        room_id TEXT NOT NULL,
        status TEXT,
        detail TEXT,
        previous_hash TEXT NOT NULL,
        hash TEXT NOT NULL,
        CHECK ((kind = 'outcome') = (intent_id IS NOT NULL)),
        CHECK ((kind = 'intent') = (status IS NULL))
      ) STRICT`,
    sql`CREATE INDEX audit_log_intent ON audit_log (intent_id) WHERE intent_id IS NOT NULL`,
    sql`CREATE INDEX audit_log_target ON audit_log (target, id)`,
    sql`CREATE INDEX audit_log_actor ON audit_log (actor, id)`,
    sql`CREATE INDEX audit_log_command ON audit_log (command, id)`,
    sql`CREATE INDEX audit_log_event ON audit_log (event_id)`,
    sql`
      CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
    sql`
      CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log
      BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END`,
    sql`
      CREATE TABLE confirmations (
        id INTEGER PRIMARY KEY,
        code TEXT NOT NULL,
        invocation TEXT NOT NULL,
        command TEXT NOT NULL,
        requester TEXT NOT NULL,
        event_id TEXT NOT NULL UNIQUE,
        danger TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('pending', 'confirmed', 'cancelled', 'expired')),
        settled_by TEXT,
        settled_event_id TEXT,
        settled_at INTEGER
      ) STRICT`,
    sql`CREATE UNIQUE INDEX confirmations_code ON confirmations (code) WHERE state = 'pending'`,
    sql`CREATE INDEX confirmations_settled ON confirmations (settled_event_id)`,
    sql`CREATE INDEX confirmations_pending ON confirmations (expires_at) WHERE state = 'pending'`,
    sql`
      CREATE TABLE executions (
        event_id TEXT PRIMARY KEY,
        invocation TEXT NOT NULL,
        confirmer TEXT,
        started_at INTEGER NOT NULL,
        finished_at INTEGER
      ) STRICT`,
    sql`CREATE INDEX executions_open ON executions (started_at) WHERE finished_at IS NULL`,
    sql`
      CREATE TABLE inbox (
        event_id TEXT PRIMARY KEY,
        type TEXT NOT NULL,
        sender TEXT NOT NULL,
        event TEXT,
        received_at INTEGER NOT NULL,
        handled_at INTEGER
      ) STRICT`,
    sql`CREATE INDEX inbox_open ON inbox (received_at) WHERE handled_at IS NULL`,
    sql`
      CREATE TABLE outbox (
        id INTEGER PRIMARY KEY,
        event_id TEXT NOT NULL,
        transaction_id TEXT NOT NULL UNIQUE,
        message TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        sent_event_id TEXT,
        settled_at INTEGER
      ) STRICT`,
    sql`CREATE INDEX outbox_open ON outbox (id) WHERE settled_at IS NULL`,
    sql`CREATE INDEX outbox_event ON outbox (event_id)`,
    sql`CREATE INDEX outbox_sent ON outbox (sent_event_id) WHERE sent_event_id IS NOT NULL`,
    sql`CREATE TABLE sync_state (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`,
  ];
  for (const statement of statements) {
    await statement.execute(db);
  }
}
