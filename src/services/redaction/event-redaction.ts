import { setTimeout as wait } from 'node:timers/promises';

import { poll } from '../../core/async/poll.ts';
import type { PollTimes } from '../../core/async/poll.ts';
import {
  HomeserverError,
  LawspeakerError,
  TargetError,
  UnreachableError,
} from '../../core/errors.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { BotAccount } from '../bot/bot-operations.ts';
import { serverMessage } from '../server-message.ts';
import { findRedactable, planAsSender, planRedaction } from './event-redaction-plan.ts';
import type { PlanningApi, RedactionPlan, RedactionTarget } from './event-redaction-plan.ts';
import {
  briefly,
  isAboutSuspension,
  isRedacting,
  runRedactionTask,
  usualTimes,
} from './redaction-task.ts';

/** The request that tells whether an event is redacted. */
const checkingRequest = 'GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}';

type Api = PlanningApi & Pick<AdminApi, 'redactions' | 'server'>;

export interface RedactionOutcome extends Pick<RedactionPlan, 'event' | 'way'> {
  /** `running` if Synapse needs longer than we wait. */
  readonly state: 'complete' | 'running';
}

/**
 * Redacts one event, and checks that it is redacted.
 *
 * @param asked.by the event that asks for it
 * @throws TargetError as `planRedaction`, or Synapse gave up, and why
 */
export async function redactEvent(
  api: Api,
  botAccount: Pick<BotAccount, 'redact'>,
  target: RedactionTarget,
  { reason, by }: { readonly reason: string | undefined; readonly by: EventId },
  times: PollTimes = usualTimes,
): Promise<RedactionOutcome> {
  let plan = await planRedaction(api, target);
  const { room, event } = target;
  if (plan.way === 'as_bot') {
    try {
      await withinRateLimit(async () => botAccount.redact({ room, event, reason, by }), times);
    } catch (error) {
      if (!(error instanceof HomeserverError) || error.status !== 403) {
        throw error;
      }
      // Somebody has just taken the power away, or the room has rules that we don't know.
      plan = await planAsSender(api, target, await findRedactable(api, target));
    }
  }
  const state =
    plan.way === 'as_bot' ? 'complete' : await redactAsSender(api, target, plan, reason, times);
  if (state === 'complete') {
    await expectRedacted(api, target, times);
  }
  return { event: plan.event, way: plan.way, state };
}

/**
 * Whether an event is redacted: `unknown` while Synapse is redacting what its sender has sent, after
 * waiting a moment for that; `unknowable` if the event doesn't exist any more.
 */
export async function reconcileRedaction(
  api: Pick<AdminApi, 'events' | 'server'>,
  { room, event }: Pick<RedactionTarget, 'room' | 'event'>,
  times: PollTimes = usualTimes,
): Promise<'unknown' | 'done' | 'not_done' | 'unknowable'> {
  const end = await poll(async () => {
    const placed = await api.events.find(room, event);
    if (placed === undefined) {
      return 'unknowable';
    }
    if (placed.event.redactedBecause !== null) {
      return 'done';
    }
    if (await isRedacting(api, placed.event.sender)) {
      return undefined;
    }
    // The redaction may have finished between the two requests.
    return (await api.events.isRedacted(room, event)) === true ? 'done' : 'not_done';
  }, briefly(times));
  return end ?? 'unknown';
}

/** Waits as long as the homeserver's rate limit demands, unless that is too long. */
async function withinRateLimit(call: () => Promise<void>, { limitMs }: PollTimes): Promise<void> {
  const endsAtMs = performance.now() + limitMs;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      const delayMs =
        error instanceof HomeserverError && error.status === 429
          ? (error.retryAfterMs ?? 1000)
          : Number.POSITIVE_INFINITY;
      if (performance.now() + delayMs > endsAtMs) {
        throw error;
      }
      await wait(delayMs);
    }
  }
}

async function redactAsSender(
  api: Api,
  { room, event }: RedactionTarget,
  { event: { sender, originServerTs }, limit }: RedactionPlan,
  reason: string | undefined,
  times: PollTimes,
): Promise<RedactionOutcome['state']> {
  const { ended } = await runRedactionTask(
    api,
    sender,
    { rooms: [room], reason, afterTs: originServerTs, beforeTs: originServerTs, limit },
    times,
  );
  if (ended === undefined) {
    return 'running';
  }
  const failure = ended.status === 'failed' ? ended.error : ended.failedRedactions[event];
  if (failure !== undefined) {
    throw failureOf(failure);
  }
  return 'complete';
}

/**
 * Checks more than once: a server with several processes may still answer with the state before.
 *
 * @throws TargetError Synapse reported success, but the event is not redacted
 */
async function expectRedacted(
  api: Api,
  { room, event }: RedactionTarget,
  times: PollTimes,
): Promise<void> {
  const seen = await poll(
    async () => ((await isRedacted(api, room, event)) ? true : undefined),
    briefly(times),
  );
  if (seen === undefined) {
    throw new TargetError(
      'state',
      'Synapse reported that it was redacted, but it is not',
      'Check the message in its room before you retry.',
    );
  }
}

async function isRedacted(api: Api, room: RoomId, event: EventId): Promise<boolean> {
  try {
    return (await api.events.isRedacted(room, event)) !== false;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      // The redaction was sent, so this leaves its outcome to be reconciled.
      throw new UnreachableError(
        checkingRequest,
        'did not answer whether the message is redacted',
        true,
      );
    }
    throw error;
  }
}

function failureOf(why: string): TargetError {
  return isAboutSuspension(why)
    ? new TargetError(
        'state',
        'Synapse can’t act for a suspended account in a room of this old version',
        'Nothing was changed. Lift the suspension, redact the message, and suspend the account again.',
      )
    : new TargetError(
        'state',
        `Synapse could not redact it (${serverMessage(why)})`,
        'Nothing was changed. A moderator of that room can redact it.',
      );
}
