import type { Generated, Kysely, Transaction } from 'kysely';

/** The database, or a transaction in it. */
export type Connection = Kysely<Tables> | Transaction<Tables>;

/** The database as Kysely sees it. Times are milliseconds since 1970. */
export interface Tables {
  action_totals: ActionTotalsTable;
  audit_days: AuditDaysTable;
  audit_log: AuditLogTable;
  daily_counts: DailyCountsTable;
  daily_matches: DailyMatchesTable;
  daily_work: DailyWorkTable;
  inbox: InboxTable;
  item_totals: ItemTotalsTable;
  notes: NotesTable;
  operations: OperationsTable;
  operation_targets: OperationTargetsTable;
  open_intents: OpenIntentsTable;
  outbox: OutboxTable;
  report_history: ReportHistoryTable;
  report_items: ReportItemsTable;
  report_totals: ReportTotalsTable;
  reports: ReportsTable;
  rule_matches: RuleMatchesTable;
  secrets: SecretsTable;
  sign_up_waves: SignUpWavesTable;
  damaged_rows: DamagedRowsTable;
  sync_state: SyncStateTable;
  tags: TagsTable;
  work_totals: WorkTotalsTable;
}

/** Append-only: an intent before each call, its outcome afterwards. Only texts can be forgotten. */
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
  /** How the hash is made; see `tables/audit/audit-chain.ts`. */
  form: 1 | 2;
  /** What its commitments are made with; JSON once something of the row was forgotten. */
  salts: string | null;
  previous_hash: string;
  hash: string;
}

/** Everything that may change something, with its confirmation, its time and its end. */
export interface OperationsTable {
  id: Generated<number>;
  /** What caused it: the event of the command, or a synthetic one of a rule or timer. One operation each. */
  event_id: string;
  room_id: string;
  /** A user ID, `rule:NAME`, or for a reversal the user whose action it takes back. */
  actor: string;
  command: string;
  /** The parsed invocation, as JSON: what was shown is what will run. Null for a reversal until it runs. */
  invocation: string | null;
  /** The command line of a reversal. It is read when it is due, by the version that runs then. */
  line: string | null;
  danger: string;
  state: OperationState;
  /** What people confirm it by; null if nobody is asked. */
  code: string | null;
  expires_at: number | null;
  /** When it runs, if that is not at once. */
  not_before: number | null;
  /** Who confirmed or cancelled it. */
  decided_by: string | null;
  /** The event that decided it: handled again after a crash, it is not a second decision. */
  decision_event_id: string | null;
  decided_at: number | null;
  stop_requested_by: string | null;
  /** Of a reversal: the audit entry that it takes back, and the event that asked for that. */
  reverts_intent: number | null;
  reverts_event: string | null;
  created_at: number;
  started_at: number | null;
  finished_at: number | null;
}

/**
 * An operation waits for its confirmation, then for its time, then runs. It succeeds (`done`), succeeds in part
 * (`partial`) or fails (`failed`), or its outcome is not known (`unknown`).
 */
export type OperationState =
  | 'awaiting'
  | 'scheduled'
  | 'running'
  | 'done'
  | 'partial'
  | 'failed'
  | 'unknown'
  | 'cancelled'
  | 'expired';

/** The targets of operations, each with its steps. A command without targets has one row. */
export interface OperationTargetsTable {
  operation_id: number;
  position: number;
  step: number;
  target: string | null;
  state: TargetState;
  /** Its audit entry. */
  intent_id: number | null;
  /** The ID of the homeserver's own job that does it. */
  server_job: string | null;
  /** Why it failed or was left out, in words. */
  detail: string | null;
  /** JSON: what the account was like before the operation; null for a step that is not the first. */
  before: string | null;
}

export type TargetState =
  | 'waiting'
  | 'in_flight'
  | 'done'
  | 'partial'
  | 'failed'
  | 'unknown'
  | 'skipped';

/** Received events. Each is handled at most once. */
interface InboxTable {
  event_id: string;
  type: string;
  sender: string;
  /** The event as JSON, until it is handled. */
  event: string | null;
  received_at: number;
  handled_at: number | null;
}

/** Messages to send to the room, in order. */
interface OutboxTable {
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
interface DamagedRowsTable {
  id: Generated<number>;
  at: number;
  source: string;
  row_key: string;
  content: string;
  reason: string;
}

interface SyncStateTable {
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
  /** 1 if tags that rules see have changed since the rules were applied. */
  needs_rules: Generated<number>;
  /** How often tags of its sender or its room were set or removed while it was open. */
  tag_changes: Generated<number>;
  /** The homeserver of its newest report. */
  server: Generated<string>;
}

export interface ReportsTable {
  kind: 'event' | 'user';
  report_id: number;
  received_ts: number;
  subject: string;
  /** The homeserver that has it: the reporter's, unless the reporter was forgotten. Empty if it is not known. */
  server: string;
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

/** Times in milliseconds since 1970; those of accounts by the homeserver's clock, to the second. */
export interface SignUpWavesTable {
  id: Generated<number>;
  rule: string;
  /** The homeserver of the accounts. Empty if it is not known. */
  server: Generated<string>;
  /** When its first account was created. */
  started_at: number;
  newest_at: number;
  accounts: number;
  alerted_at: number;
  /** How many accounts there were when people were alerted. */
  alerted_accounts: number;
  /** How many accounts the alert shows by now. */
  shown_accounts: number;
  /** How often the alert was edited. */
  revision: Generated<number>;
  /** Null while more accounts may join it. */
  ended_at: number | null;
}

/** Messages with secrets in direct rooms, until they are redacted. */
interface SecretsTable {
  /** The transaction ID of the message. */
  id: string;
  room_id: string;
  user_id: string;
  event_id: string | null;
  due_at: number;
}

/** What moderators have written down about a user or a room. */
export interface NotesTable {
  id: Generated<number>;
  /** A user ID or a room ID. */
  subject: string;
  text: string;
  /** A user ID, or `rule:NAME`. */
  author: string;
  at: number;
  /** The command that made it. */
  event_id: string;
  removed_at: number | null;
}

/** What moderators or rules call a user or a room, each from one time to another. */
export interface TagsTable {
  id: Generated<number>;
  /** A user ID or a room ID. */
  subject: string;
  name: string;
  author: string;
  at: number;
  /** When it ends by itself; null for never. */
  expires_at: number | null;
  event_id: string;
  /** When it was removed, or replaced by another end. Also set for one that has expired if it is set again. */
  removed_at: number | null;
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
interface DailyCountsTable extends Decisions {
  day: number;
  /** By when the homeserver received them. */
  reports: number;
  /** Intents. */
  actions: number;
  failed: number;
  refused: number;
}

/** What a person or rule, or all timers together, did. */
interface WorkCounts extends Decisions {
  /** A user ID, `rule:NAME` or `timer`. */
  name: string;
  asked: number;
  confirmed: number;
}

interface DailyWorkTable extends WorkCounts {
  day: number;
}

/** Since the first start. */
type WorkTotalsTable = WorkCounts;

interface DailyMatchesTable {
  rule: string;
  mode: RuleMatchesTable['mode'];
  day: number;
  count: number;
}

/** Outcomes and refusals. */
interface ActionTotalsTable {
  command: string;
  status: string;
  count: number;
}

interface ReportTotalsTable {
  kind: ReportsTable['kind'];
  count: number;
}

interface ItemTotalsTable {
  state: ReportItemsTable['state'];
  count: number;
}

/** The numbers of the first and the last audit entry of a day. */
interface AuditDaysTable {
  day: number;
  first_id: number;
  last_id: number;
}

/** Intents without an outcome. */
interface OpenIntentsTable {
  id: number;
}
