import type { HomeserverName } from '../chat/reading/values.ts';
import type { RoomId, UserId } from '../core/ids.ts';

/** Who has to agree before something dangerous is done. */
export type ConfirmationPolicy = 'none' | 'requester' | 'other';

export interface Settings {
  readonly prefix: string;
  /** Commands are described in the room, and messages that carry one as a field are commands. */
  readonly announcesCommands: boolean;
  /** Older commands are stale: they are answered, but not carried out. */
  readonly maxAgeMs: number;
  readonly confirmationExpiresAfterMs: number;
  /** How long the homeserver may still work on a call that was interrupted. */
  readonly reconcileAfterMs: number;
  readonly confirmation: Readonly<Record<'destructive' | 'critical', ConfirmationPolicy>>;
  /** How long a proposal of a rule can be confirmed. */
  readonly proposalExpiresAfterMs: number;
  /** After this many actions in an hour, rules only propose. */
  readonly maxRuleActionsPerHour: number;
  /** How many targets of an operation are dealt with at the same time, at most. */
  readonly parallelism: number;
  /** The homeservers that the bot moderates. The management room is on the first. */
  readonly homeservers: readonly HomeserverName[];
  /**
   * The server name of the homeserver that stored commands are about if they name none: the one that was the first when
   * the database began. The order in the configuration may have changed since. By default the first.
   */
  readonly unnamedServer?: string;
  readonly serverName: string;
  readonly botUser: UserId;
  readonly managementRoom: RoomId;
}
