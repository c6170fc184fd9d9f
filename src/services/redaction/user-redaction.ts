import PQueue from 'p-queue';

import type { PollTimes } from '../../core/async/poll.ts';
import { TargetError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { redactableTypes } from '../../homeserver/admin/redactions.ts';
import type { DirectRooms } from '../rooms/direct-rooms.ts';
import { serverMessage } from '../server-message.ts';
import { isIncluded } from './event-redaction-plan.ts';
import { isRedacting, runRedactionTask, usualTimes } from './redaction-task.ts';

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
interface Redacting extends Finding {
  readonly api: Pick<AdminApi, 'events' | 'redactions' | 'server' | 'users'>;
}

/** The memberships with which a user may have sent something. */
const memberships: ReadonlySet<string> = new Set(['join', 'leave', 'ban']);
/** Synapse's largest page. */
const maxCounted = 1000;
/** The most that Synapse redacts in one room: the messages it received last. */
const maxRedacted = 10_000;
const roomsAtOnce = 4;

/**
 * Finds the rooms where a user has sent something since then, the room with most messages first. Leaves
 * out the management room and the bot's direct rooms, where everything must stay readable.
 *
 * @throws TargetError there is nothing to redact, or the user was never in that room
 */
export async function findSent(
  { api, directRooms }: Finding,
  { user, since, room }: UserRedactionRequest,
): Promise<[RoomShare, ...RoomShare[]]> {
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
  const [first, ...others] = shares
    .filter(({ messages, joins, isMore }) => messages + joins > 0 || isMore)
    .sort((one, other) => other.messages - one.messages);
  if (first === undefined) {
    throw new TargetError(
      'state',
      `${user} has sent nothing ${room === undefined ? '' : `to \`${room}\` `}in that time that can be redacted`,
      `Nothing was changed.${reserved.size === 0 ? '' : ' I didn’t look in this room or in rooms where I send secrets.'} For older messages, use \`--since 7d\`.`,
    );
  }
  return [first, ...others];
}

async function shareOf(
  api: Pick<AdminApi, 'events'>,
  room: RoomId,
  { user, since }: Pick<UserRedactionRequest, 'user' | 'since'>,
): Promise<RoomShare> {
  const newest = await api.events.page(room, {
    dir: 'b',
    limit: maxCounted,
    types: redactableTypes,
    senders: [user],
  });
  const recent = newest.filter(({ originServerTs }) => originServerTs >= since);
  const taken = recent.filter((event) => event.redactedBecause === null && isIncluded(event));
  const joins = taken.filter(({ type }) => type === 'm.room.member').length;
  return { room, messages: taken.length - joins, joins, isMore: recent.length === maxCounted };
}

/**
 * Lets Synapse redact everything that a user has sent since then, and waits until it has finished or
 * the time is up.
 *
 * @throws TargetError as `findSent`, or Synapse gave up, and why
 */
export async function redactUser(
  clients: Redacting,
  request: UserRedactionRequest,
  reason: string | undefined,
  times: PollTimes = usualTimes,
): Promise<UserRedactionOutcome> {
  const [first, ...others] = await findSent(clients, request);
  const { redactId, ended } = await runRedactionTask(
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
  if (ended?.status === 'failed') {
    throw new TargetError(
      'state',
      `Synapse gave up (${serverMessage(ended.error)})`,
      'Some messages may have been redacted. Check before you retry.',
    );
  }
  return {
    redactId,
    shares: [first, ...others],
    state: ended === undefined ? 'running' : 'complete',
    failed: Object.entries(ended?.failedRedactions ?? {}).map(([event, why]) => ({
      event,
      why,
    })),
  };
}

/**
 * What became of a redaction that was cut off: `done` if nothing is left; `unknowable` if something is,
 * because Synapse may have tried and failed.
 */
export async function reconcileUserRedaction(
  clients: Redacting,
  request: UserRedactionRequest,
): Promise<'unknown' | 'done' | 'unknowable'> {
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
