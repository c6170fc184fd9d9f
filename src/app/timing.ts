import type { PollTimes } from '../core/async/poll.ts';
import { minuteMs } from '../core/duration.ts';

/** If something can't be read or reached for this long, the room is told. */
export const usualReportTroubleMs = 5 * minuteMs;

/** What tests change: times, in milliseconds, and what would come between what they wait for. */
export interface Timing {
  /** The longest time that a request may take. */
  readonly requestTimeoutMs?: number;
  /** How long the homeserver may hold a sync if there is nothing new; less than a request may take. */
  readonly longPollMs?: number;
  /** A sync may be late by two long polls and this before the bot is not ready. */
  readonly syncMarginMs?: number;
  /** Between two requests for new reports. */
  readonly pollIntervalMs?: number;
  /** Between two requests for new accounts, if there is a rule on sign-ups. */
  readonly signUpPollMs?: number;
  /** The room is told if reports can't be read for this long; by default, `usualReportTroubleMs`. */
  readonly reportTroubleMs?: number;
  /** How long a decision waits for a delivery before it looks for its confirmation again. */
  readonly deliveryPatienceMs?: number;
  /** Before the bot first tries again to send messages, when it could not. */
  readonly sendPermissionRetryMs?: number;
  /** How often to look whether Synapse has deleted a room, and for how long. */
  readonly roomDeletion?: PollTimes;
  /** How often to look whether Synapse shows what MAS has done, and for how long. */
  readonly masArrival?: PollTimes;
  /** Between two requests that ask whether MAS still accepts the bot. */
  readonly masProbeMs?: number;
  /** Between two looks whether one of several homeservers still answers. */
  readonly homeserverLookMs?: number;
  /** Between two checks whether the audit log's head is to be anchored. */
  readonly headLookMs?: number;
  /** Between two checks whether something was kept long enough. */
  readonly retentionLookMs?: number;
  /** Whether the bot greets a room that it has not spoken in; true by default. */
  readonly greets?: boolean;
}
