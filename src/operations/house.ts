import type { Registry } from '../chat/command/registry.ts';
import type { EventId, RoomAlias, RoomId, UserId } from '../core/ids.ts';
import type { Log } from '../core/log.ts';
import type { Account, Services } from '../services/services.ts';
import type { Store } from '../store/store.ts';
import type { Denials } from './authorize/denials.ts';
import type { Roles } from './authorize/roles.ts';
import type { InFlight, ReconcileTimes } from './execute/reconcile.ts';
import type { Members } from './members.ts';
import type { NextPages } from './parse/expand.ts';
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
  readonly inFlight: InFlight;
  readonly reconcileTimes: ReconcileTimes;
  readonly denials: Denials;
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
  readonly nextPages: NextPages;
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
