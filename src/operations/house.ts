import type { Registry } from '../chat/command/registry.ts';
import type { EventId, RoomAlias, RoomId, UserId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Account, Services } from '../services/services.ts';
import type { Store } from '../store/store.ts';
import type { Members, Roles } from './authorize/roles.ts';
import type { SendPermission } from './send-permission.ts';
import type { Settings } from './settings.ts';

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
