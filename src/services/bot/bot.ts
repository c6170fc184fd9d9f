import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { DataLoss } from '../../store/tables/data-loss.ts';

/** How a confirmation ended, for the one line that answers `confirm` and `cancel`. */
export interface Decided {
  readonly command: string;
  readonly code: string;
  readonly outcome: 'cancelled' | 'done' | 'running' | 'failed' | 'partial' | 'unknown';
  /** The first line of the answer that the outcome was written into. */
  readonly headline: string;
  readonly audit: readonly number[];
}

/** How reading one of the homeserver's lists of reports goes. */
export interface ReportReading {
  readonly kind: 'event' | 'user';
  /** Milliseconds since it was read last, or since the bot began to try. */
  readonly ageMs: number;
  /** If it can't be read now, or not all that it should list: for how many milliseconds, and why. */
  readonly failing: { readonly forMs: number; readonly why: string } | undefined;
}

export interface BotStatus {
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  /** When the homeserver last answered a sync; undefined before the first. */
  readonly lastSyncAt: number | undefined;
  /** The homeserver answers syncs. */
  readonly online: boolean;
  /** Failed syncs since the start. */
  readonly failures: number;
  readonly openInbox: number;
  readonly openOutbox: number;
  readonly openExecutions: number;
  /** What rules did within the last hour, and after how much they only propose. */
  readonly ruleActions: number;
  readonly maxRuleActions: number;
  /** What the room shows and the audit log lacks, if the database was restored or lost. */
  readonly dataLoss: DataLoss | undefined;
  /** A list each; none where the queue is switched off. */
  readonly reportReadings: readonly ReportReading[];
}

/** Sends lines to one person alone. They are stored nowhere else. */
export type DirectAnswer = (lines: readonly string[]) => Promise<void>;

/**
 * What commands need of the bot around them. Declared here and handed in by `app.ts`, since the
 * pipeline stands above the services.
 */
export interface BotOperations {
  /** Settles a pending confirmation; without a code, the asker's only one. */
  settle(request: {
    readonly decision: 'confirm' | 'cancel';
    readonly code: string | undefined;
    readonly by: UserId;
    readonly event: EventId;
  }): Promise<Decided>;
  status(): Promise<BotStatus>;
  /**
   * Opens the direct room with a person, for a secret. Call it before the change whose secret is to
   * be sent, so that a room that can't be opened prevents the change.
   *
   * @throws TargetError the person could not read what is said there
   * @throws HomeserverError, UnreachableError it can't be opened
   */
  openDirect(user: UserId): Promise<DirectAnswer>;
  /**
   * Whether a person could read what is said in the direct room: to be asked before a confirmation.
   *
   * @throws TargetError they could not, and what to do
   */
  assertDirectIsReadable(user: UserId): Promise<void>;
  /**
   * Redacts an event as the bot, which must be in the room and have the power to. Of an event that is
   * not there the homeserver says nothing.
   *
   * @param request.by the event that asks for it: the same one asks for the same redaction again
   * @throws HomeserverError 403 it may not, 429 it does too much
   */
  redact(request: {
    readonly room: RoomId;
    readonly event: EventId;
    readonly reason: string | undefined;
    readonly by: EventId;
  }): Promise<void>;
}
