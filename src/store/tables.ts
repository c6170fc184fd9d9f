import type { Generated } from 'kysely';

/** The database as Kysely sees it. Times are milliseconds since 1970. */
export interface Tables {
  audit_log: AuditLogTable;
  confirmations: ConfirmationsTable;
  executions: ExecutionsTable;
  inbox: InboxTable;
  jobs: JobsTable;
  outbox: OutboxTable;
  sync_state: SyncStateTable;
}

/** Append-only: an intent before a call, its outcome after. */
export interface AuditLogTable {
  id: Generated<number>;
  kind: 'intent' | 'outcome' | 'refusal';
  /** Of an outcome: the intent that it ends. */
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
  previous_hash: string;
  hash: string;
}

export interface ConfirmationsTable {
  id: Generated<number>;
  code: string;
  /** The parsed invocation, as JSON: what runs is what was shown. */
  invocation: string;
  command: string;
  requester: string;
  event_id: string;
  danger: string;
  created_at: number;
  expires_at: number;
  state: 'pending' | 'confirmed' | 'cancelled' | 'expired';
  settled_by: string | null;
  /** The event that settled it: when it is handled again after a crash, it is no second one. */
  settled_event_id: string | null;
  settled_at: number | null;
}

/** Work that was begun: what a restart must end. */
export interface ExecutionsTable {
  event_id: string;
  invocation: string;
  confirmer: string | null;
  started_at: number;
  finished_at: number | null;
}

/** Events that led, or may lead, to something: each at most once. */
export interface InboxTable {
  event_id: string;
  type: string;
  sender: string;
  /** The event as it came, until it is handled. */
  event: string | null;
  received_at: number;
  handled_at: number | null;
}

/** Command lines that are run at their time. */
export interface JobsTable {
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

/** What is to be sent to the room, in order. */
export interface OutboxTable {
  id: Generated<number>;
  /** The command that this answers. */
  event_id: string;
  transaction_id: string;
  message: string;
  created_at: number;
  sent_event_id: string | null;
  settled_at: number | null;
}

export interface SyncStateTable {
  name: string;
  value: string;
}
