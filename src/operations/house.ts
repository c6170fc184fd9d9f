import type { Danger, Role } from '../chat/command/declaration.ts';
import type { Registry } from '../chat/command/registry.ts';
import type { EventId, RoomAlias, RoomId, UserId } from '../core/ids.ts';
import type { Account, Services } from '../services/services.ts';
import type { Store } from '../store/store.ts';

/** Who has to agree before something dangerous is done. */
export type ConfirmationPolicy = 'none' | 'requester' | 'other';

export interface Settings {
  readonly prefix: string;
  /** Older commands are answered as stale and not carried out. */
  readonly maxAgeMs: number;
  readonly confirmationExpiresAfterMs: number;
  /** For so long the homeserver may still be at work on a call that was cut off. */
  readonly reconcileAfterMs: number;
  readonly confirmation: Readonly<Record<'destructive' | 'critical', ConfirmationPolicy>>;
  /** How long what a rule proposes waits for somebody. */
  readonly proposalExpiresAfterMs: number;
  /** After so many actions of rules in an hour they only propose. */
  readonly maxRuleActionsPerHour: number;
  readonly serverName: string;
  readonly botUser: UserId;
  readonly managementRoom: RoomId;
}

/** The management room's members, as the transport knows them. */
export interface Members {
  isJoined(user: UserId): boolean;
  /** Infinity for a creator of a room of version 12. */
  powerLevel(user: UserId): number;
  /**
   * The power level that a user has, or would have after accepting an invite or coming back; `undefined`
   * for somebody to whom the room gives nothing special. Unlike `powerLevel`, what can't be read of the
   * room's state counts in the user's favor: protection goes by this.
   */
  protectedLevel(user: UserId): number | undefined;
  displayName(user: UserId): string | null;
  joined(): UserId[];
}

export interface Roles {
  /** The role of a joined member of the management room; undefined for anybody else. */
  of(user: UserId): Role | undefined;
  /** What this command needs at this danger, the configuration's overrides included. */
  needed(command: string, byDeclaration: Role): Role;
  /**
   * Why automation and commands must not touch this account; undefined where they may. Goes by what the
   * account could do here, whether it is in the room or not.
   */
  protection(account: Pick<Account, 'name' | 'admin'>): string | undefined;
}

/** Whether the bot can speak in the management room. While it can't, nothing is begun. */
export interface SendPermission {
  /** Why it can't; undefined if it can. */
  silence(): string | undefined;
  /** Resolves when it can: true, or false if the bot stops and nothing is to be begun. */
  mayAct(): Promise<boolean>;
}

export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** All that the stages stand on. Built once, in `app.ts`. */
export interface House {
  readonly settings: Settings;
  readonly registry: Registry;
  readonly services: Services;
  readonly store: Store;
  readonly members: Members;
  readonly roles: Roles;
  readonly log: Log;
  readonly sendPermission: SendPermission;
  /** Work that this process is doing now, by the event that asked: not for recovery to end. */
  readonly inFlight: Set<string>;
  /**
   * When the homeserver was first asked what became of an audit entry's call, and had not done it: by
   * `performance.now()`, which nobody sets back.
   */
  readonly seenNotDone: Map<number, number>;
  /** When each person was denied something lately. */
  readonly denials: Map<UserId, number[]>;
  /** Milliseconds since 1970. */
  now(): number;
  /** The local account, or undefined for an unknown one. */
  findAccount(user: UserId): Promise<Account | undefined>;
  /** Accounts that a wrong ID may have meant. */
  findSimilar(user: UserId): Promise<UserId[]>;
  resolveAlias(alias: RoomAlias): Promise<RoomId>;
  /**
   * The text of a file that was sent to the room.
   *
   * @throws UsageError the event is no text file, or too large
   */
  readFile(event: EventId): Promise<string>;
  /** Who sent an event of the room and whom it mentions; empty if that can't be found out. */
  peopleOf(event: EventId): Promise<readonly string[]>;
  /** Redacts a message of the room. @throws HomeserverError the bot may not */
  redact(event: EventId, reason: string): Promise<void>;
  /** The command line of the next page of each person's last list. */
  readonly nextPages: Map<UserId, string>;
  /** Something for this command stands in the outbox. */
  deliver(eventId: string): void;
  /** Resolves when the next message of the outbox is sent or given up, or nothing was for a while. */
  delivered(): Promise<void>;
  /** A timer was set. */
  wakeTimers(): void;
  /** An item of the report queue has changed. */
  wakeReports(): void;
  /** A confirmation was asked that expires then. */
  expireAt(at: number): void;
  /** Work is open whose end can be known then. */
  recoverAt(at: number): void;
}

export function policyFor(danger: Danger, settings: Settings): ConfirmationPolicy {
  return danger === 'destructive' || danger === 'critical' ? settings.confirmation[danger] : 'none';
}
