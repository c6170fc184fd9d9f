import { setTimeout as wait } from 'node:timers/promises';

import {
  HomeserverError,
  LawspeakerError,
  TargetError,
  UnreachableError,
} from '../../core/errors.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { BotOperations } from '../bot/bot.ts';
import {
  briefly,
  intervals,
  isAboutSuspension,
  isAtRedacting,
  runRedaction,
  watching,
} from './redaction-job.ts';
import type { Watching } from './redaction-job.ts';
import { plain, planAsSender, planRedaction, redactable } from './redaction-plan.ts';
import type { PlanningApi, RedactionPlan, RedactionTarget } from './redaction-plan.ts';

/** How it is asked whether an event is redacted. */
const request = 'GET /_synapse/admin/v1/rooms/{room_id}/context/{event_id}';

type Api = PlanningApi & Pick<AdminApi, 'redactions' | 'server'>;

export interface RedactionOutcome extends Pick<RedactionPlan, 'event' | 'way'> {
  /** `running` where it went on for longer than we wait. */
  readonly state: 'complete' | 'running';
}

/**
 * Redacts one event and looks that it is.
 *
 * @param request.by the event that asks for it
 * @throws TargetError as `planRedaction`, or the server gave it up, and why
 */
export async function redactEvent(
  api: Api,
  bot: Pick<BotOperations, 'redact'>,
  target: RedactionTarget,
  { reason, by }: { readonly reason: string | undefined; readonly by: EventId },
  times: Watching = watching,
): Promise<RedactionOutcome> {
  let plan = await planRedaction(api, target);
  const { room, event } = target;
  if (plan.way === 'as_bot') {
    try {
      await patiently(async () => bot.redact({ room, event, reason, by }), times);
    } catch (error) {
      if (!(error instanceof HomeserverError) || error.status !== 403) {
        throw error;
      }
      // Its power was taken away meanwhile, or the room has rules that we don't know.
      plan = await planAsSender(api, target, await redactable(api, target));
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
 * Looks whether an event is redacted: `under_way` while the server is at redacting what its sender has
 * sent, for which it is given a moment; `unknowable` where the event is not there any more.
 */
export async function redactionEnd(
  api: Pick<AdminApi, 'events' | 'server'>,
  target: Pick<RedactionTarget, 'room' | 'event'>,
  times: Watching = watching,
): Promise<'under_way' | 'done' | 'not_done' | 'unknowable'> {
  for await (const _ of intervals(briefly(times))) {
    const end = await endNow(api, target);
    if (end !== 'under_way') {
      return end;
    }
  }
  return 'under_way';
}

async function endNow(
  api: Pick<AdminApi, 'events' | 'server'>,
  { room, event }: Pick<RedactionTarget, 'room' | 'event'>,
): Promise<'under_way' | 'done' | 'not_done' | 'unknowable'> {
  const placed = await api.events.find(room, event);
  if (placed === undefined) {
    return 'unknowable';
  }
  if (placed.event.redactedBecause !== null) {
    return 'done';
  }
  if (await isAtRedacting(api, placed.event.sender)) {
    return 'under_way';
  }
  // It may have ended between the two questions.
  return (await api.events.isRedacted(room, event)) === true ? 'done' : 'not_done';
}

/** Waits where the homeserver asks to, as long as we have patience. */
async function patiently(call: () => Promise<void>, { limitMs }: Watching): Promise<void> {
  const endsAt = performance.now() + limitMs;
  for (;;) {
    try {
      await call();
      return;
    } catch (error) {
      const delayMs =
        error instanceof HomeserverError && error.status === 429
          ? (error.retryAfterMs ?? 1000)
          : Number.POSITIVE_INFINITY;
      if (performance.now() + delayMs > endsAt) {
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
  times: Watching,
): Promise<RedactionOutcome['state']> {
  const status = await runRedaction(
    api,
    sender,
    {
      rooms: [room],
      reason,
      afterTs: originServerTs,
      beforeTs: originServerTs,
      limit,
    },
    times,
  );
  if (status === undefined) {
    return 'running';
  }
  const failure = status.status === 'failed' ? status.error : status.failedRedactions[event];
  if (failure !== undefined) {
    throw givenUp(failure);
  }
  return 'complete';
}

/**
 * Looks that it is redacted, more than once: a server of several processes may tell what was before.
 *
 * @throws TargetError the homeserver said that it was done, and it is not
 */
async function expectRedacted(
  api: Api,
  { room, event }: RedactionTarget,
  times: Watching,
): Promise<void> {
  for await (const _ of intervals(briefly(times))) {
    if (await isRedacted(api, room, event)) {
      return;
    }
  }
  throw new TargetError(
    'state',
    'Synapse said that it was redacted, and it is not',
    'Look at the message in its room before you send the command again.',
  );
}

async function isRedacted(api: Api, room: RoomId, event: EventId): Promise<boolean> {
  try {
    return (await api.events.isRedacted(room, event)) !== false;
  } catch (error) {
    if (error instanceof LawspeakerError) {
      // It went out: whoever settles what is not known will ask again.
      throw new UnreachableError(request, 'did not tell whether it was redacted', true);
    }
    throw error;
  }
}

function givenUp(why: string): TargetError {
  return isAboutSuspension(why)
    ? new TargetError(
        'state',
        'Synapse can’t act for a suspended account in a room of this old version',
        'Nothing was changed. Lift the suspension, redact, and suspend the account again.',
      )
    : new TargetError(
        'state',
        `Synapse could not redact it (${plain(why)})`,
        'Nothing was changed. A moderator of that room can redact it.',
      );
}
