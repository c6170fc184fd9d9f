import type { RoomId, UserId } from '../core/ids.ts';

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
