import type { EventId, RoomAlias, RoomId, UserId } from '../../core/ids.ts';
import type { ReportedContent } from '../../services/reports/reported-content.ts';

export type { ReportedContent } from '../../services/reports/reported-content.ts';

/** One report, as rules see it. */
export interface RuleReport {
  readonly reporter: UserId;
  /** Milliseconds since 1970; null where it is not known. */
  readonly reporterCreatedAt: number | null;
  /** Deactivated, locked, suspended or shadow-banned. */
  readonly reporterRestricted: boolean;
  /** What became of what this person has reported so far. */
  readonly reporterRecord: { readonly resolved: number; readonly dismissed: number };
  /** Milliseconds since 1970, by the homeserver's clock. */
  readonly receivedTs: number;
  readonly reason: string | null;
  readonly score: number | null;
}

/** An item of the queue, as rules see it at one moment. */
export interface RuleInput {
  readonly item: number;
  readonly kind: 'event' | 'user';
  /** Who is accused; null where that is not known. */
  readonly sender: UserId | null;
  readonly isSenderLocal: boolean;
  /** Milliseconds since 1970; null for accounts of other servers, or unknown ones. */
  readonly senderCreatedAt: number | null;
  readonly room: RoomId | null;
  readonly roomAlias: RoomAlias | null;
  readonly event: EventId | null;
  /** Null for users, and where the message is gone. */
  readonly content: ReportedContent | null;
  /** How many items there were about this sender before. */
  readonly earlierItems: number;
  /** Oldest first. */
  readonly reports: readonly RuleReport[];
  /** Milliseconds since 1970. */
  readonly now: number;
}
