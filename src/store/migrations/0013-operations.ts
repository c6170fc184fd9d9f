import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/**
 * One table for everything that may change something: what confirmations, executions and timers (`jobs`) held
 * before. Timers keep their numbers, which people know from the room.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of [...tables, ...carryOver, ...dropped, ...indexes]) {
    await sql.raw(statement).execute(db);
  }
}

const tables = [
  `CREATE TABLE operations (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     event_id TEXT NOT NULL UNIQUE,
     room_id TEXT NOT NULL,
     actor TEXT NOT NULL,
     command TEXT NOT NULL,
     invocation TEXT,
     line TEXT,
     danger TEXT NOT NULL,
     state TEXT NOT NULL CHECK (state IN (
       'awaiting', 'scheduled', 'running', 'done', 'partial', 'failed', 'unknown', 'cancelled', 'expired'
     )),
     code TEXT,
     expires_at INTEGER,
     not_before INTEGER,
     decided_by TEXT,
     decision_event_id TEXT,
     decided_at INTEGER,
     stop_requested_by TEXT,
     reverts_intent INTEGER REFERENCES audit_log (id),
     reverts_event TEXT,
     created_at INTEGER NOT NULL,
     started_at INTEGER,
     finished_at INTEGER
   ) STRICT`,
  // A command without targets has one row.
  `CREATE TABLE operation_targets (
     operation_id INTEGER NOT NULL REFERENCES operations (id),
     position INTEGER NOT NULL,
     step INTEGER NOT NULL,
     target TEXT,
     state TEXT NOT NULL CHECK (state IN (
       'waiting', 'in_flight', 'done', 'partial', 'failed', 'unknown', 'skipped'
     )),
     intent_id INTEGER REFERENCES audit_log (id),
     server_job TEXT,
     detail TEXT,
     PRIMARY KEY (operation_id, position, step)
   ) STRICT, WITHOUT ROWID`,
];

/** How an execution that has ended did so, by the latest outcomes of its audit entries. */
const endOfExecution = `
  (SELECT CASE
     WHEN count(*) = 0 THEN 'failed'
     WHEN sum(status IS NOT 'done') = 0 THEN 'done'
     WHEN sum(status IN ('done', 'partial')) > 0 THEN 'partial'
     WHEN sum(status = 'failed') = count(*) THEN 'failed'
     ELSE 'unknown'
   END FROM (
     SELECT (
       SELECT outcome.status FROM audit_log AS outcome
       WHERE outcome.intent_id = intent.id ORDER BY outcome.id DESC LIMIT 1
     ) AS status
     FROM audit_log AS intent WHERE intent.event_id = executions.event_id AND intent.kind = 'intent'
   ))`;

const reasonOf = (path: string) =>
  `CASE WHEN json_valid(invocation) THEN json_extract(invocation, '${path}') END`;

const carryOver = [
  `INSERT INTO operations
     (id, event_id, room_id, actor, command, line, danger, state, not_before, reverts_intent, reverts_event,
      created_at, finished_at)
   SELECT id, '$timer-' || id || '-' || created_at, room_id, asked_by,
     substr(line, 1, instr(line || ' ', ' ') - 1), line, 'change',
     CASE state WHEN 'waiting' THEN 'scheduled' WHEN 'stopped' THEN 'cancelled' ELSE state END,
     run_at, intent_id, event_id, created_at, ended_at
   FROM jobs ORDER BY id`,
  `INSERT INTO operations
     (event_id, room_id, actor, command, invocation, danger, state, code, expires_at, decided_by,
      decision_event_id, decided_at, created_at, finished_at)
   SELECT event_id, coalesce(${reasonOf('$.origin.room')}, ''), requester, command, invocation, danger,
     CASE state WHEN 'pending' THEN 'awaiting' WHEN 'confirmed' THEN 'unknown' ELSE state END,
     code, expires_at, decided_by, decision_event_id, decided_at, created_at,
     CASE state WHEN 'pending' THEN NULL ELSE decided_at END
   FROM confirmations ORDER BY id`,
  // What an execution began as a confirmation or a timer has a row already.
  `INSERT INTO operations
     (event_id, room_id, actor, command, invocation, danger, state, decided_by, created_at, started_at,
      finished_at)
   SELECT event_id, coalesce(${reasonOf('$.origin.room')}, ''),
     coalesce(CASE ${reasonOf('$.actor.kind')}
       WHEN 'rule' THEN 'rule:' || ${reasonOf('$.actor.name')}
       WHEN 'timer' THEN 'timer:' || ${reasonOf('$.actor.job')}
       ELSE ${reasonOf('$.actor.user')}
     END, ''),
     coalesce(${reasonOf('$.command')}, ''), invocation, 'change',
     CASE WHEN finished_at IS NULL THEN 'running' ELSE ${endOfExecution} END,
     confirmer, started_at, started_at, finished_at
   FROM executions WHERE true ORDER BY started_at
   ON CONFLICT (event_id) DO UPDATE SET
     invocation = excluded.invocation, state = excluded.state,
     started_at = excluded.started_at, finished_at = excluded.finished_at`,
  `UPDATE operations SET invocation = json_set(
     json_remove(invocation, '$.actor.job'), '$.actor.timer', json_extract(invocation, '$.actor.job'))
   WHERE state = 'running' AND json_valid(invocation)
     AND json_extract(invocation, '$.actor.kind') = 'timer'`,
  `UPDATE damaged_rows SET source = 'operations'
   WHERE source IN ('jobs', 'confirmations', 'executions')`,
];

const dropped = [`DROP TABLE jobs`, `DROP TABLE confirmations`, `DROP TABLE executions`];

const indexes = [
  `CREATE UNIQUE INDEX operations_code ON operations (code) WHERE state = 'awaiting'`,
  `CREATE INDEX operations_any_code ON operations (code, id) WHERE code IS NOT NULL`,
  `CREATE INDEX operations_decision ON operations (decision_event_id)
   WHERE decision_event_id IS NOT NULL`,
  `CREATE INDEX operations_awaiting ON operations (expires_at) WHERE state = 'awaiting'`,
  `CREATE INDEX operations_scheduled ON operations (not_before) WHERE state = 'scheduled'`,
  `CREATE INDEX operations_running ON operations (started_at) WHERE state = 'running'`,
  `CREATE INDEX operations_unconfirmed ON operations (id)
   WHERE code IS NOT NULL AND state IN ('awaiting', 'cancelled', 'expired')`,
  `CREATE INDEX operations_reverts ON operations (reverts_intent) WHERE reverts_intent IS NOT NULL`,
  `CREATE INDEX operation_targets_in_flight ON operation_targets (operation_id)
   WHERE state = 'in_flight'`,
];
