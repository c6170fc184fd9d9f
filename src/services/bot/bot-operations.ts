import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { BotProcess } from '../../store/files/lock.ts';
import type { DataLoss } from '../../store/tables/data-loss.ts';
import type { Timer } from '../../store/tables/operations/timers.ts';

/** How a confirmation ended, for the answer to `confirm` and `cancel`, which is one line. */
export interface Decided {
  readonly command: string;
  readonly code: string;
  readonly outcome:
    | 'cancelled'
    | 'scheduled'
    | 'done'
    | 'running'
    | 'failed'
    | 'partial'
    | 'unknown';
  /** The first line of the answer that the outcome was written into. */
  readonly headline: string;
  readonly audit: readonly number[];
  readonly operation: number;
}

/** What was stopped, and what it had done until then. */
export interface Stopped {
  readonly id: number;
  /** A timer undoes an earlier action at its time. */
  readonly kind: 'running' | 'scheduled' | 'timer';
  /** What it runs, or would have run. */
  readonly line: string;
  /** The same for people to read: of many accounts, it names the first. */
  readonly shortLine: string;
  readonly timer: Timer | undefined;
  /** What the numbers count: accounts, each with all its steps; of one account, its steps or rooms. */
  readonly counted: 'account' | 'action' | 'room' | 'step';
  readonly targets: number;
  readonly done: number;
  readonly failed: number;
  readonly inFlight: number;
  /** Targets in flight that have further steps, which will not be started. */
  readonly cutShort: number;
  /** Targets that were not started, and no longer will be. */
  readonly notBegun: number;
  /** The first targets that are done; of one account, the steps. */
  readonly doneTargets: readonly string[];
}

/** How reading one of the homeserver's lists of reports goes, or that of new accounts for rules on sign-ups. */
export interface ReportReading {
  readonly kind: 'event' | 'user' | 'sign-up';
  /** Set if it is not the first homeserver. */
  readonly serverName?: string;
  /** Milliseconds since the last successful reading, or since the first attempt. */
  readonly ageMs: number;
  /** If the list can't be read now, or is incomplete: for how many milliseconds, and why. */
  readonly failing: { readonly forMs: number; readonly why: string } | undefined;
}

/** How it is with one of several homeservers. */
export interface HomeserverState {
  /** What people type after `--on`. */
  readonly name: string;
  readonly serverName: string;
  /** Of Synapse; undefined until it has answered. */
  readonly version: string | undefined;
  /** The version of MAS; undefined if the homeserver keeps its accounts itself. */
  readonly mas: string | undefined;
  /** Why nothing can be done there, and since when: it does not answer, or its set-up is wrong. */
  readonly trouble:
    | { readonly kind: 'away' | 'refused'; readonly since: number; readonly why: string }
    | undefined;
}

interface BotStatus {
  readonly version: string;
  readonly node: string;
  readonly startedAt: number;
  /** When the homeserver last answered a sync; undefined before the first. */
  readonly lastSyncAt: number | undefined;
  /** Whether the homeserver answers syncs. */
  readonly online: boolean;
  /** Failed syncs since the start. */
  readonly failures: number;
  readonly openInbox: number;
  readonly openOutbox: number;
  readonly openOperations: number;
  /** Those in progress that wait for homeservers that don't answer. */
  readonly waitingOperations: readonly {
    readonly id: number;
    readonly waitsFor: readonly string[];
  }[];
  /** Including timers. */
  readonly scheduledOperations: number;
  readonly timers: number;
  /** How many actions rules took within the last hour, and at how many they only propose. */
  readonly ruleActions: number;
  readonly maxRuleActions: number;
  /** Why the bot can't send messages in the management room; undefined if it can. */
  readonly whyUnableToSend: string | undefined;
  /** What the room shows and the audit log lacks, if the database was restored or lost. */
  readonly dataLoss: DataLoss | undefined;
  /** One for each list that is read: reports if the queue is on, new accounts if there is a rule on sign-ups. */
  readonly reportReadings: readonly ReportReading[];
  /** All processes on the same database; empty on SQLite, which one process uses. */
  readonly processes: readonly BotProcess[];
  /** The homeservers beside the first. */
  readonly otherHomeservers: readonly HomeserverState[];
}

/**
 * Sends lines to one person in a direct message. They are stored nowhere else, and removed after a while.
 *
 * @param keepForMs if they are of no use before that time is over
 * @returns what removes them at once
 */
export type DirectAnswer = (lines: readonly string[], keepForMs?: number) => Promise<() => void>;

/** A link to the read-only page, for one person. */
interface PageLink {
  /** It holds a secret. */
  readonly url: string;
  readonly validForMs: number;
  /** Sets what happens when the link is used, or replaced by a newer one. */
  whenOver(act: () => void): void;
}

/**
 * What commands need from the bot itself. Declared here and implemented in `app/`, because services may
 * not import the operations.
 */
export interface BotOperations {
  /** Confirms or cancels a pending confirmation; without a code, the only one of that person. */
  decide(request: {
    readonly decision: 'confirm' | 'cancel';
    readonly code: string | undefined;
    readonly by: UserId;
    readonly event: EventId;
  }): Promise<Decided>;
  /**
   * Stops an operation: a running one starts nothing more, and a scheduled one does not run.
   *
   * @throws TargetError there is no such operation, or there is nothing left to stop
   */
  stop(request: { readonly operation: number; readonly by: UserId }): Promise<Stopped>;
  status(): Promise<BotStatus>;
  /** The homeservers that an operation waits for, because they don't answer; empty if it does not wait. */
  waitsFor(operation: number): readonly string[];
  /**
   * Opens the direct room with a person, to send them a secret. Call it before the change that creates
   * the secret, so that nothing is changed if the room can't be opened.
   *
   * @throws TargetError the person couldn't read messages there
   * @throws HomeserverError, UnreachableError the room can't be opened
   */
  openDirect(user: UserId): Promise<DirectAnswer>;
  /**
   * Makes a link that opens the read-only page as this person, once. It replaces an earlier link that they
   * have not used.
   *
   * @param request.askedBy the message that asks for it, for the audit log
   * @throws TargetError the configuration doesn't turn the page on
   */
  linkToPage(request: { readonly user: UserId; readonly askedBy: EventId }): PageLink;
  /**
   * Ends all sessions of this person on the page, and their link.
   *
   * @returns how many sessions they had
   * @throws TargetError the configuration doesn't turn the page on
   */
  closePage(user: UserId): number;
  /**
   * Checks that a person can read messages in the direct room. Call it before asking for confirmation.
   *
   * @throws TargetError the person couldn't, and what to do
   */
  assertDirectIsReadable(user: UserId): Promise<void>;
}

/** What the bot does in rooms of one homeserver as its user there. */
export interface BotAccount {
  /**
   * Redacts an event as the bot, which must be in the room and have the power to redact. The homeserver
   * also accepts an event that doesn't exist.
   *
   * @param request.by the event that asks for it: with the same one, the redaction is sent only once
   * @throws HomeserverError 403 the bot may not, 429 it has reached its rate limit
   */
  redact(request: {
    readonly room: RoomId;
    readonly event: EventId;
    readonly reason: string | undefined;
    readonly by: EventId;
  }): Promise<void>;
  /**
   * Joins a room as the bot, which must be invited if the room is not public.
   *
   * @throws HomeserverError 403 it may not
   */
  joinRoom(room: RoomId): Promise<void>;
}
