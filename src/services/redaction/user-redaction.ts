import PQueue from 'p-queue';

import type { PollTimes } from '../../core/async/poll.ts';
import { HomeserverError, TargetError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { redactableTypes } from '../../homeserver/admin/redactions.ts';
import type { DirectRooms } from '../rooms/direct-rooms.ts';
import { serverMessage } from '../server-message.ts';
import { isIncluded } from './event-redaction-plan.ts';
import {
  isAboutSuspension,
  isRedacting,
  startRedactionTask,
  usualTimes,
  waitForRedaction,
} from './redaction-task.ts';

/** What to redact: everything that a user has sent since a time, in all rooms or in one. */
export interface UserRedactionRequest {
  readonly user: UserId;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly room: RoomId | undefined;
}

/** A room, and how much of it is to be redacted. */
export interface RoomShare {
  readonly room: RoomId;
  readonly messages: number;
  /** Joins show a name and an avatar. */
  readonly joins: number;
  /** There may be more than were counted. */
  readonly isMore: boolean;
}

export interface UserRedactionOutcome {
  /** Synapse's ID of the task. */
  readonly redactId: string;
  readonly shares: readonly RoomShare[];
  /** `running` if Synapse needs longer than we wait. */
  readonly state: 'complete' | 'running';
  /** Events that could not be redacted, and why, in Synapse's own words. */
  readonly failed: readonly { readonly event: string; readonly why: string }[];
}

/** What finding messages uses. */
interface Finding {
  readonly api: Pick<AdminApi, 'events' | 'users'>;
  readonly directRooms: Pick<DirectRooms, 'reservedAmong'>;
}

/** What redacting them uses. */
export interface Redacting extends Finding {
  readonly api: Pick<AdminApi, 'events' | 'redactions' | 'server' | 'users'>;
}

/** The memberships with which a user may have sent something. */
const memberships: ReadonlySet<string> = new Set(['join', 'leave', 'ban']);
/** Synapse's largest page. */
const maxCounted = 1000;
/** The most that Synapse redacts in one room: the messages it received last. */
const maxRedacted = 10_000;
const roomsAtOnce = 4;

/** What `findShares` finds. */
interface Found {
  /** The room with the most messages first; empty if there is nothing to redact. */
  readonly shares: readonly RoomShare[];
  /** Rooms of the user that were not looked into. */
  readonly reserved: number;
}

/**
 * Finds the rooms where a user has sent something since a time. Leaves out the management room and the bot's
 * direct rooms, where everything must stay readable.
 *
 * @throws TargetError the user was never in that room
 */
export async function findShares(
  { api, directRooms }: Finding,
  { user, since, room }: UserRedactionRequest,
): Promise<Found> {
  // Includes rooms that the user has left, for example by being kicked or deactivated.
  const known = (await api.users.memberships(user)).filter(({ membership }) =>
    memberships.has(membership),
  );
  const named = known
    .map(({ roomId }) => roomId)
    .filter((roomId) => room === undefined || roomId === room);
  const reserved = await directRooms.reservedAmong(named);
  const rooms = named.filter((roomId) => !reserved.has(roomId));
  if (room !== undefined && rooms.length === 0) {
    throw new TargetError('state', `${user} was never in \`${room}\``, 'Nothing was changed.');
  }
  const queue = new PQueue({ concurrency: roomsAtOnce });
  const shares = await queue.addAll(
    rooms.map((roomId) => async () => shareOf(api, roomId, { user, since })),
  );
  return {
    shares: shares
      .filter(({ messages, joins, isMore }) => messages + joins > 0 || isMore)
      .sort((one, other) => other.messages - one.messages),
    reserved: reserved.size,
  };
}

/**
 * The same, for callers that need at least one room.
 *
 * @throws TargetError there is nothing to redact, or the user was never in that room
 */
export async function findSent(
  clients: Finding,
  request: UserRedactionRequest,
): Promise<[RoomShare, ...RoomShare[]]> {
  const { user, room } = request;
  const {
    shares: [first, ...others],
    reserved,
  } = await findShares(clients, request);
  if (first === undefined) {
    throw new TargetError(
      'state',
      `${user} has sent nothing ${room === undefined ? '' : `to \`${room}\` `}in that time that can be redacted`,
      `Nothing was changed.${reserved === 0 ? '' : ' I didn’t look in this room or in rooms where I send secrets.'} For older messages, use \`--since 7d\`.`,
    );
  }
  return [first, ...others];
}

/** A room that the homeserver can't read counts as one where there is more: it is redacted all the same. */
async function shareOf(
  api: Pick<AdminApi, 'events'>,
  room: RoomId,
  { user, since }: Pick<UserRedactionRequest, 'user' | 'since'>,
): Promise<RoomShare> {
  const newest = await api.events
    .page(room, { dir: 'b', limit: maxCounted, types: redactableTypes, senders: [user] })
    .catch((error: unknown) => {
      if (error instanceof HomeserverError && error.status >= 500) {
        return undefined;
      }
      throw error;
    });
  if (newest === undefined) {
    return { room, messages: 0, joins: 0, isMore: true };
  }
  const recent = newest.filter(({ originServerTs }) => originServerTs >= since);
  const taken = recent.filter((event) => event.redactedBecause === null && isIncluded(event));
  const joins = taken.filter(({ type }) => type === 'm.room.member').length;
  return { room, messages: taken.length - joins, joins, isMore: recent.length === maxCounted };
}

/** How a redaction is carried out. */
export interface RedactionOptions {
  /** Shown in the rooms. */
  readonly reason: string | undefined;
  /** Receives Synapse's ID of the task before anything waits for its end. */
  readonly keepId?: ((redactId: string) => Promise<void>) | undefined;
  readonly times?: PollTimes;
}

/**
 * Lets Synapse redact what a user has sent since a time, in these rooms.
 *
 * @returns Synapse's ID of the task
 * @throws TargetError Synapse is redacting other messages of the same user all the time
 */
export async function startUserRedaction(
  clients: Redacting,
  request: UserRedactionRequest,
  [first, ...others]: readonly [RoomShare, ...RoomShare[]],
  { reason, keepId, times = usualTimes }: RedactionOptions,
): Promise<string> {
  const redactId = await startRedactionTask(
    clients.api,
    request.user,
    {
      rooms: [first.room, ...others.map(({ room }) => room)],
      reason,
      // Synapse takes 0 as no limit.
      afterTs: Math.max(1, request.since),
      limit: maxRedacted,
    },
    times,
  );
  await keepId?.(redactId);
  return redactId;
}

/**
 * Lets Synapse redact everything that a user has sent since a time, and waits until it has finished or
 * the time is up.
 *
 * @throws TargetError as `findSent`, or Synapse gave up, and why
 */
export async function redactUser(
  clients: Redacting,
  request: UserRedactionRequest,
  options: RedactionOptions,
): Promise<UserRedactionOutcome> {
  const shares = await findSent(clients, request);
  const redactId = await startUserRedaction(clients, request, shares, options);
  const ended = await waitForRedaction(clients.api, redactId, options.times ?? usualTimes);
  if (ended?.status === 'failed') {
    const { why, advice } = gaveUp(ended.error);
    throw new TargetError('state', why, advice);
  }
  return {
    redactId,
    shares,
    state: ended === undefined ? 'running' : 'complete',
    failed: failuresOf(ended),
  };
}

type Failure = UserRedactionOutcome['failed'][number];

function failuresOf(
  ended: { readonly failedRedactions: Readonly<Record<string, string>> } | undefined,
): Failure[] {
  return Object.entries(ended?.failedRedactions ?? {}).map(([event, why]) => ({ event, why }));
}

/** How an incomplete redaction has ended. */
export interface RedactionShortfall {
  readonly ended: 'failed' | 'partial';
  readonly why: string;
  readonly advice: string;
}

function gaveUp(why: string): RedactionShortfall {
  return {
    ended: 'failed',
    why: `Synapse gave up (${serverMessage(why)})`,
    advice: 'Some messages may have been redacted. Check before you retry.',
  };
}

function notAll(first: Failure, failures: number): RedactionShortfall {
  return {
    ended: 'partial',
    why: `${failures.toLocaleString('en-US')} of them could not be redacted (${serverMessage(first.why)})`,
    advice: adviceOn(first.why),
  };
}

/** What to do about an event that could not be redacted. */
export function adviceOn(why: string): string {
  return isAboutSuspension(why)
    ? 'Synapse can’t act for a suspended account in old room versions. Lift the suspension, redact, and suspend them again.'
    : `Synapse says “${serverMessage(why)}”. A moderator of those rooms can redact them.`;
}

/**
 * What became of a redaction whose end was not seen. Without its ID, `unknown` while Synapse redacts anything
 * of the user, `done` if nothing is left, and otherwise `unknowable`, because Synapse may have tried and failed.
 *
 * @param redactId Synapse's ID of the task, if it is known
 */
export async function reconcileUserRedaction(
  clients: Redacting,
  request: UserRedactionRequest,
  redactId: string | undefined,
): Promise<'unknown' | 'done' | 'unknowable' | RedactionShortfall> {
  const status = redactId === undefined ? undefined : await clients.api.redactions.status(redactId);
  switch (status?.status) {
    case 'scheduled':
    case 'active':
      return 'unknown';
    case 'failed':
      return gaveUp(status.error);
    case 'complete': {
      const failures = failuresOf(status);
      const [first] = failures;
      return first === undefined ? 'done' : notAll(first, failures.length);
    }
    case undefined: {
      if (await isRedacting(clients.api, request.user)) {
        return 'unknown';
      }
      try {
        await findSent(clients, request);
        return 'unknowable';
      } catch (error) {
        if (error instanceof TargetError) {
          return 'done';
        }
        throw error;
      }
    }
  }
}
