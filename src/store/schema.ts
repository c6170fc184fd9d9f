import type { Generated } from 'kysely';

/** The database as Kysely sees it. Times are milliseconds since 1970. */
export interface Tables {
  action_totals: ActionTotalsTable;
  audit_days: AuditDaysTable;
  audit_log: AuditLogTable;
  confirmations: ConfirmationsTable;
  daily_counts: DailyCountsTable;
  daily_matches: DailyMatchesTable;
  daily_work: DailyWorkTable;
  executions: ExecutionsTable;
  inbox: InboxTable;
  item_totals: ItemTotalsTable;
  timers: TimersTable;
  open_intents: OpenIntentsTable;
  outbox: OutboxTable;
  report_history: ReportHistoryTable;
  report_items: ReportItemsTable;
  report_totals: ReportTotalsTable;
  reports: ReportsTable;
  rule_matches: RuleMatchesTable;
  secrets: SecretsTable;
  damaged_rows: DamagedRowsTable;
  sync_state: SyncStateTable;
  work_totals: WorkTotalsTable;
}

/** Append-only: an intent before each call, its outcome afterwards. */
export interface AuditLogTable {
  id: Generated<number>;
  kind: 'intent' | 'outcome' | 'refusal';
  /** For an outcome: its intent. */
  intent_id: number | null;
  at: number;
  actor: string;
  confirmer: string | null;
  command: string;
  arguments: string;
  target: string | null;
  reason: string | null;
  event_id: string;
  room_id: string;
  status: string | null;
  detail: string | null;
  /** The item of the report queue that it belongs to. */
  item_id: number | null;
  previous_hash: string;
  hash: string;
}

export interface ConfirmationsTable {
  id: Generated<number>;
  code: string;
  /** The parsed invocation, as JSON: what was shown is what will run. */
  invocation: string;
  command: string;
  requester: string;
  event_id: string;
  danger: string;
  created_at: number;
  expires_at: number;
  state: 'pending' | 'confirmed' | 'cancelled' | 'expired';
  decided_by: string | null;
  /** The event that decided it: handled again after a crash, it is not a second decision. */
  decision_event_id: string | null;
  decided_at: number | null;
}

/** Commands that run or have run. After a crash, those without an end are resumed. */
export interface ExecutionsTable {
  event_id: string;
  invocation: string;
  confirmer: string | null;
  started_at: number;
  finished_at: number | null;
}

/** Received events. Each is handled at most once. */
export interface InboxTable {
  event_id: string;
  type: string;
  sender: string;
  /** The event as JSON, until it is handled. */
  event: string | null;
  received_at: number;
  handled_at: number | null;
}

/** Command lines that run at a given time, to undo an action. */
export interface TimersTable {
  id: Generated<number>;
  line: string;
  run_at: number;
  state: 'waiting' | 'done' | 'failed' | 'stopped';
  asked_by: string;
  intent_id: number;
  event_id: string;
  room_id: string;
  created_at: number;
  ended_at: number | null;
}

/** Messages to send to the room, in order. */
export interface OutboxTable {
  id: Generated<number>;
  /** The command that this answers. */
  event_id: string;
  transaction_id: string;
  message: string;
  created_at: number;
  sent_event_id: string | null;
  closed_at: number | null;
}

/** Rows of other tables that could not be read, as they were. */
export interface DamagedRowsTable {
  id: Generated<number>;
  at: number;
  source: string;
  row_key: string;
  content: string;
  reason: string;
}

export interface SyncStateTable {
  name: string;
  value: string;
}

/** Everything that was reported: events and users, one row each. */
export interface ReportItemsTable {
  id: Generated<number>;
  kind: 'event' | 'user';
  subject: string;
  room_id: string | null;
  room_name: string | null;
  sender: string | null;
  sender_created_at: number | null;
  content: string | null;
  state: 'open' | 'claimed' | 'resolved' | 'dismissed';
  reports: number;
  last_report_at: number;
  created_at: number;
  opened_at: number;
  reopened: number;
  claimed_by: string | null;
  claimed_at: number | null;
  closed_by: string | null;
  closed_at: number | null;
  note: string | null;
  is_backlog: number;
  /** Details have to be fetched. */
  needs_look: number;
  /** The card is not up to date. */
  needs_card: number;
  card: 'none' | 'own' | 'digest';
  card_at: number | null;
  card_revision: number;
  reminded_at: number | null;
}

export interface ReportsTable {
  kind: 'event' | 'user';
  report_id: number;
  received_ts: number;
  subject: string;
  item_id: number;
  reporter: string;
  reporter_created_at: number | null;
  reporter_restricted: number | null;
  reason: string | null;
  score: number | null;
  seen_at: number;
}

export interface ReportHistoryTable {
  id: Generated<number>;
  item_id: number;
  at: number;
  kind: 'reopened' | 'claimed' | 'released' | 'resolved' | 'dismissed' | 'observed' | 'proposed';
  actor: string | null;
  detail: string | null;
  /** The thread of the card does not show it yet. */
  needs_note: number;
  /** For the first claim and the first decision since the item was opened: milliseconds since then. */
  took_ms: number | null;
}

/** A rule matches an item once. */
export interface RuleMatchesTable {
  item_id: number;
  rule: string;
  mode: 'act' | 'propose' | 'observe';
  at: number;
  /** When all of its lines were run, proposed or refused. */
  ended_at: number | null;
}

/** Messages with secrets in direct rooms, until they are redacted. */
export interface SecretsTable {
  /** The transaction ID of the message. */
  id: string;
  room_id: string;
  user_id: string;
  event_id: string | null;
  due_at: number;
}

/*
 * Sums over rows of other tables. Triggers keep them, in the transaction that adds the rows. A day is
 * counted from 1970, in UTC.
 */

interface Decisions {
  claimed: number;
  resolved: number;
  dismissed: number;
}

/** What happened on each day. */
export interface DailyCountsTable extends Decisions {
  day: number;
  /** By when the homeserver received them. */
  reports: number;
  /** Intents. */
  actions: number;
  failed: number;
  refused: number;
}

/** What a person or rule, or all timers together, did. */
interface Work extends Decisions {
  /** A user ID, `rule:NAME` or `timer`. */
  name: string;
  asked: number;
  confirmed: number;
}

export interface DailyWorkTable extends Work {
  day: number;
}

/** Since the first start. */
export type WorkTotalsTable = Work;

export interface DailyMatchesTable {
  rule: string;
  mode: RuleMatchesTable['mode'];
  day: number;
  count: number;
}

/** Outcomes and refusals. */
export interface ActionTotalsTable {
  command: string;
  status: string;
  count: number;
}

export interface ReportTotalsTable {
  kind: ReportsTable['kind'];
  count: number;
}

export interface ItemTotalsTable {
  state: ReportItemsTable['state'];
  count: number;
}

/** The numbers of the first and the last audit entry of a day. */
export interface AuditDaysTable {
  day: number;
  first_id: number;
  last_id: number;
}

/** Intents without an outcome. */
export interface OpenIntentsTable {
  id: number;
}
