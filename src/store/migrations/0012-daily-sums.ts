import { setImmediate as nextTurn } from 'node:timers/promises';

import { sql } from 'kysely';
import type { Kysely } from 'kysely';

/**
 * Sums for statistics and metrics, which needn't count rows any more, and an index for every way to search
 * the audit log and the report queue. Triggers keep the sums in the transaction that adds the rows.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  const statements = [
    ...tables,
    ...fillFromAuditLog,
    ...fillFromReports,
    ...auditTriggers,
    ...reportTriggers,
    ...auditIndexes,
    ...reportIndexes,
  ];
  for (const statement of statements) {
    await sql.raw(statement).execute(db);
    // In a large database, each takes seconds. Health probes must be answered meanwhile.
    await nextTurn();
  }
}

/** Days are counted from 1970, in UTC. */
const dayOf = (time: string) => `${time} / 86400000`;

/** Each timer acts under a name of its own, such as `timer:12`. They count as one. */
const nameOf = (actor: string) =>
  `CASE WHEN substr(${actor}, 1, 6) = 'timer:' THEN 'timer' ELSE ${actor} END`;

const steps = `('claimed', 'resolved', 'dismissed')`;

const dailyColumns = [
  'reports',
  'claimed',
  'resolved',
  'dismissed',
  'actions',
  'failed',
  'refused',
];
const workColumns = ['asked', 'confirmed', 'claimed', 'resolved', 'dismissed'];

const sumColumns = (names: readonly string[]) =>
  names.map((name) => `${name} INTEGER NOT NULL DEFAULT 0`).join(', ');

const tables = [
  `CREATE TABLE daily_counts (day INTEGER PRIMARY KEY, ${sumColumns(dailyColumns)}) STRICT`,
  `CREATE TABLE daily_work (
     name TEXT NOT NULL,
     day INTEGER NOT NULL,
     ${sumColumns(workColumns)},
     PRIMARY KEY (name, day)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE daily_matches (
     rule TEXT NOT NULL,
     mode TEXT NOT NULL,
     day INTEGER NOT NULL,
     count INTEGER NOT NULL,
     PRIMARY KEY (rule, mode, day)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE work_totals (name TEXT PRIMARY KEY, ${sumColumns(workColumns)}) STRICT, WITHOUT ROWID`,
  `CREATE TABLE action_totals (
     command TEXT NOT NULL,
     status TEXT NOT NULL,
     count INTEGER NOT NULL,
     PRIMARY KEY (command, status)
   ) STRICT, WITHOUT ROWID`,
  `CREATE TABLE report_totals (kind TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  `CREATE TABLE item_totals (state TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID`,
  // The numbers of the first and the last entry of each day.
  `CREATE TABLE audit_days (
     day INTEGER PRIMARY KEY,
     first_id INTEGER NOT NULL,
     last_id INTEGER NOT NULL
   ) STRICT`,
  // Intents without an outcome.
  `CREATE TABLE open_intents (id INTEGER PRIMARY KEY REFERENCES audit_log (id)) STRICT`,
  `ALTER TABLE report_history ADD COLUMN took_ms INTEGER`,
];

/** Adds counts to a row of sums, or makes the row. The query gives the key, and then each count. */
const add = (table: string, keys: readonly string[], counts: readonly string[], query: string) => `
  INSERT INTO ${table} (${[...keys, ...counts].join(', ')})
  ${query}
  ON CONFLICT DO UPDATE SET ${counts.map((name) => `${name} = ${name} + excluded.${name}`).join(', ')}`;

const fillFromAuditLog = [
  `INSERT INTO open_intents
   SELECT id FROM audit_log AS intent WHERE kind = 'intent' AND NOT EXISTS (
     SELECT 1 FROM audit_log AS outcome WHERE outcome.intent_id = intent.id
   )`,
  `INSERT INTO audit_days
   SELECT ${dayOf('at')} AS day, min(id), max(id) FROM audit_log
   WHERE kind != 'outcome' GROUP BY day`,
  add(
    'daily_counts',
    ['day'],
    ['actions', 'failed', 'refused'],
    `SELECT ${dayOf('at')} AS of_day, sum(kind = 'intent'),
       sum(kind = 'outcome' AND status = 'failed'), sum(kind = 'refusal')
     FROM audit_log WHERE kind != 'outcome' OR status = 'failed' GROUP BY of_day`,
  ),
  add(
    'daily_work',
    ['name', 'day'],
    ['asked'],
    `SELECT ${nameOf('actor')} AS who, ${dayOf('at')} AS of_day, count(*)
     FROM audit_log WHERE kind = 'intent' GROUP BY who, of_day`,
  ),
  add(
    'daily_work',
    ['name', 'day'],
    ['confirmed'],
    `SELECT ${nameOf('confirmer')} AS who, ${dayOf('at')} AS of_day, count(*)
     FROM audit_log WHERE kind = 'intent' AND confirmer IS NOT NULL GROUP BY who, of_day`,
  ),
  add(
    'action_totals',
    ['command', 'status'],
    ['count'],
    `SELECT command, status, count(*) FROM audit_log WHERE kind != 'intent' GROUP BY command, status`,
  ),
];

const stepSums = `sum(kind = 'claimed'), sum(kind = 'resolved'), sum(kind = 'dismissed')`;
const stepColumns = ['claimed', 'resolved', 'dismissed'];

const fillFromReports = [
  add(
    'daily_counts',
    ['day'],
    ['reports'],
    `SELECT ${dayOf('received_ts')} AS of_day, count(*) FROM reports WHERE true GROUP BY of_day`,
  ),
  add(
    'daily_counts',
    ['day'],
    stepColumns,
    `SELECT ${dayOf('at')} AS of_day, ${stepSums}
     FROM report_history WHERE kind IN ${steps} GROUP BY of_day`,
  ),
  add(
    'daily_work',
    ['name', 'day'],
    stepColumns,
    `SELECT ${nameOf(`coalesce(actor, 'nobody')`)} AS who, ${dayOf('at')} AS of_day, ${stepSums}
     FROM report_history WHERE kind IN ${steps} GROUP BY who, of_day`,
  ),
  add(
    'work_totals',
    ['name'],
    workColumns,
    `SELECT name, ${workColumns.map((column) => `sum(${column})`).join(', ')}
     FROM daily_work WHERE true GROUP BY name`,
  ),
  add(
    'daily_matches',
    ['rule', 'mode', 'day'],
    ['count'],
    `SELECT rule, mode, ${dayOf('at')} AS of_day, count(*)
     FROM rule_matches WHERE true GROUP BY rule, mode, of_day`,
  ),
  `INSERT INTO report_totals SELECT kind, count(*) FROM reports GROUP BY kind`,
  `INSERT INTO item_totals SELECT state, count(*) FROM report_items GROUP BY state`,
  // The first claim since the item was opened took some time, and so did the first decision.
  `WITH step AS (
     SELECT id, item_id, at, kind = 'claimed' AS is_claim, coalesce((
       SELECT max(opening.id) FROM report_history AS opening
       WHERE opening.item_id = entry.item_id AND opening.kind = 'reopened' AND opening.id < entry.id
     ), 0) AS opening_id
     FROM report_history AS entry WHERE kind IN ${steps}
   ), first AS (
     SELECT min(id) AS id, item_id, at, opening_id FROM step GROUP BY item_id, opening_id, is_claim
   )
   UPDATE report_history SET took_ms = max(0, first.at - coalesce(
     (SELECT opening.at FROM report_history AS opening WHERE opening.id = first.opening_id),
     (SELECT created_at FROM report_items WHERE report_items.id = first.item_id)
   ))
   FROM first WHERE report_history.id = first.id`,
];

/** Adds one to a sum. */
const addOne = (table: string, keys: Readonly<Record<string, string>>, count: string) =>
  `${add(table, Object.keys(keys), [count], `VALUES (${Object.values(keys).join(', ')}, 1)`)};`;

const addWork = (actor: string, time: string, count: string) => `
  ${addOne('daily_work', { name: nameOf(actor), day: dayOf(time) }, count)}
  ${addOne('work_totals', { name: nameOf(actor) }, count)}`;

const auditTriggers = [
  `CREATE TRIGGER audit_log_intent_added AFTER INSERT ON audit_log WHEN NEW.kind = 'intent' BEGIN
     INSERT INTO open_intents VALUES (NEW.id);
     ${addOne('daily_counts', { day: dayOf('NEW.at') }, 'actions')}
     ${addWork('NEW.actor', 'NEW.at', 'asked')}
   END`,
  `CREATE TRIGGER audit_log_confirmed_added AFTER INSERT ON audit_log
   WHEN NEW.kind = 'intent' AND NEW.confirmer IS NOT NULL BEGIN
     ${addWork('NEW.confirmer', 'NEW.at', 'confirmed')}
   END`,
  `CREATE TRIGGER audit_log_outcome_added AFTER INSERT ON audit_log WHEN NEW.kind = 'outcome' BEGIN
     DELETE FROM open_intents WHERE id = NEW.intent_id;
   END`,
  `CREATE TRIGGER audit_log_failure_added AFTER INSERT ON audit_log
   WHEN NEW.kind = 'outcome' AND NEW.status = 'failed' BEGIN
     ${addOne('daily_counts', { day: dayOf('NEW.at') }, 'failed')}
   END`,
  `CREATE TRIGGER audit_log_refusal_added AFTER INSERT ON audit_log WHEN NEW.kind = 'refusal' BEGIN
     ${addOne('daily_counts', { day: dayOf('NEW.at') }, 'refused')}
   END`,
  `CREATE TRIGGER audit_log_status_added AFTER INSERT ON audit_log WHEN NEW.kind != 'intent' BEGIN
     ${addOne('action_totals', { command: 'NEW.command', status: 'NEW.status' }, 'count')}
   END`,
  `CREATE TRIGGER audit_log_entry_added AFTER INSERT ON audit_log WHEN NEW.kind != 'outcome' BEGIN
     INSERT INTO audit_days VALUES (${dayOf('NEW.at')}, NEW.id, NEW.id)
     ON CONFLICT DO UPDATE SET last_id = NEW.id;
   END`,
];

const reportTriggers = [
  `CREATE TRIGGER reports_added AFTER INSERT ON reports BEGIN
     ${addOne('daily_counts', { day: dayOf('NEW.received_ts') }, 'reports')}
     ${addOne('report_totals', { kind: 'NEW.kind' }, 'count')}
   END`,
  `CREATE TRIGGER report_items_added AFTER INSERT ON report_items BEGIN
     ${addOne('item_totals', { state: 'NEW.state' }, 'count')}
   END`,
  `CREATE TRIGGER report_items_moved AFTER UPDATE OF state ON report_items
   WHEN NEW.state != OLD.state BEGIN
     UPDATE item_totals SET count = count - 1 WHERE state = OLD.state;
     ${addOne('item_totals', { state: 'NEW.state' }, 'count')}
   END`,
  ...stepColumns.map(
    (kind) => `
   CREATE TRIGGER report_history_${kind}_added AFTER INSERT ON report_history
   WHEN NEW.kind = '${kind}' BEGIN
     ${addOne('daily_counts', { day: dayOf('NEW.at') }, kind)}
     ${addWork(`coalesce(NEW.actor, 'nobody')`, 'NEW.at', kind)}
   END`,
  ),
  `CREATE TRIGGER rule_matches_added AFTER INSERT ON rule_matches BEGIN
     ${addOne('daily_matches', { rule: 'NEW.rule', mode: 'NEW.mode', day: dayOf('NEW.at') }, 'count')}
   END`,
];

/**
 * The number of the entry that a row with a status belongs to: an outcome repeats all that its intent says
 * about who did what to whom, so that a status is found without reading the intents.
 */
const entryId = 'coalesce(intent_id, id)';

const auditIndexes = [
  `DROP INDEX audit_log_intent`,
  `CREATE INDEX audit_log_outcome ON audit_log (intent_id, id, status) WHERE intent_id IS NOT NULL`,
  `DROP INDEX audit_log_target`,
  `CREATE INDEX audit_log_target ON audit_log (target, id, kind, actor, confirmer, command)
   WHERE kind != 'outcome' AND target IS NOT NULL`,
  `DROP INDEX audit_log_actor`,
  `CREATE INDEX audit_log_actor ON audit_log (actor, id) WHERE kind != 'outcome'`,
  `CREATE INDEX audit_log_actor_command ON audit_log (actor, command, id) WHERE kind != 'outcome'`,
  `CREATE INDEX audit_log_actor_status ON audit_log (actor, status, ${entryId})
   WHERE status IS NOT NULL`,
  // Most people confirm what they asked for themselves.
  `CREATE INDEX audit_log_confirmer ON audit_log (confirmer, id, command)
   WHERE kind != 'outcome' AND confirmer != actor`,
  `DROP INDEX audit_log_command`,
  `CREATE INDEX audit_log_command ON audit_log (command, id) WHERE kind != 'outcome'`,
  `CREATE INDEX audit_log_command_status ON audit_log (command, status, ${entryId})
   WHERE status IS NOT NULL`,
  `CREATE INDEX audit_log_status ON audit_log (status, ${entryId}) WHERE status IS NOT NULL`,
  `DROP INDEX audit_log_event`,
  `CREATE INDEX audit_log_event ON audit_log (event_id, id) WHERE kind != 'outcome'`,
  `DROP INDEX audit_log_item`,
  `CREATE INDEX audit_log_item ON audit_log (item_id, id)
   WHERE kind != 'outcome' AND item_id IS NOT NULL`,
];

const reportIndexes = [
  `DROP INDEX report_history_at`,
  `CREATE INDEX report_history_steps ON report_history (at, kind, actor, took_ms)
   WHERE kind IN ${steps}`,
  `CREATE INDEX report_items_sender_state ON report_items
   (sender, state, last_report_at, id, reports)`,
  `CREATE INDEX report_items_room_state ON report_items
   (room_id, state, last_report_at, id, sender, reports)`,
  `DROP INDEX reports_reporter`,
  `CREATE INDEX reports_reporter ON reports (reporter, item_id, received_ts)`,
  `CREATE INDEX confirmations_unconfirmed ON confirmations (id) WHERE state != 'confirmed'`,
];
