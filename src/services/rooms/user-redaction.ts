import PQueue from 'p-queue';

import { TargetError } from '../../core/errors.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import { redactableTypes } from '../../homeserver/admin/redactions.ts';
import type { DirectRooms } from './direct-rooms.ts';
import { isAtRedacting, runRedaction, watching } from './redaction-job.ts';
import type { Watching } from './redaction-job.ts';
import { isTaken, plain } from './redaction-plan.ts';

/** What is to be redacted: all that somebody has sent since then, everywhere or in one room. */
export interface UserRedactionRequest {
  readonly user: UserId;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly room: RoomId | undefined;
}

/** A room, and how much there is in it to redact. */
export interface RoomShare {
  readonly room: RoomId;
  readonly messages: number;
  /** With the name and avatar that they showed. */
  readonly joins: number;
  /** There may be more that were not counted. */
  readonly isMore: boolean;
}

export interface UserRedactionOutcome {
  readonly shares: readonly RoomShare[];
  /** `running` where it went on for longer than we wait. */
  readonly state: 'complete' | 'running';
  /** What could not be redacted, and why, in the server's own words. */
  readonly failed: readonly { readonly event: string; readonly why: string }[];
}

/** What looking for it takes. */
interface Looking {
  readonly api: Pick<AdminApi, 'events' | 'users'>;
  readonly directRooms: Pick<DirectRooms, 'reservedAmong'>;
}

/** What redacting it takes. */
interface Redacting extends Looking {
  readonly api: Pick<AdminApi, 'events' | 'redactions' | 'server' | 'users'>;
}

/** How a user stands where they may have sent something. */
const memberships: ReadonlySet<string> = new Set(['join', 'leave', 'ban']);
/** The server's longest page. */
const maxCounted = 1000;
/** What it takes of a room at most: those received last. */
const maxRedacted = 10_000;
const roomsAtOnce = 4;

/**
 * Looks where somebody has sent something since then; the room with the most comes first. The management
 * room and the bot's direct rooms are left out: what happened there must stay readable.
 *
 * @throws TargetError there is nothing, or the user was never in that room
 */
export async function findSent(
  { api, directRooms }: Looking,
  { user, since, room }: UserRedactionRequest,
): Promise<[RoomShare, ...RoomShare[]]> {
  // Of rooms that it has left, by being deactivated or kicked, say, the server redacts what it is told to.
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
      `${user} has sent nothing ${room === undefined ? '' : `to \`${room}\` `}in that time that could be redacted`,
      `Nothing was changed.${reserved.size === 0 ? '' : ' I did not look in this room and in rooms in which I tell secrets.'} For what is older: \`--since 7d\`.`,
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
  const taken = recent.filter((event) => event.redactedBecause === null && isTaken(event));
  const joins = taken.filter(({ type }) => type === 'm.room.member').length;
  return { room, messages: taken.length - joins, joins, isMore: recent.length === maxCounted };
}

/**
 * Has the server redact all that somebody has sent since then, and watches it to its end.
 *
 * @throws TargetError as `findSent`, or the server gave it up, and why
 */
export async function redactUser(
  services: Redacting,
  request: UserRedactionRequest,
  reason: string | undefined,
  times: Watching = watching,
): Promise<UserRedactionOutcome> {
  const [first, ...others] = await findSent(services, request);
  const status = await runRedaction(
    services.api,
    request.user,
    {
      rooms: [first.room, ...others.map(({ room }) => room)],
      reason,
      // For the server 0 is no bound.
      afterTs: Math.max(1, request.since),
      limit: maxRedacted,
    },
    times,
  );
  if (status?.status === 'failed') {
    throw new TargetError(
      'state',
      `Synapse gave it up (${plain(status.error)})`,
      'Some of it may be redacted: look before you send the command again.',
    );
  }
  return {
    shares: [first, ...others],
    state: status === undefined ? 'running' : 'complete',
    failed: Object.entries(status?.failedRedactions ?? {}).map(([event, why]) => ({
      event,
      why,
    })),
  };
}

/** Whether nothing is left; `unknowable` where something is, which may have been tried in vain. */
export async function userRedactionEnd(
  services: Redacting,
  request: UserRedactionRequest,
): Promise<'under_way' | 'done' | 'unknowable'> {
  if (await isAtRedacting(services.api, request.user)) {
    return 'under_way';
  }
  try {
    await findSent(services, request);
    return 'unknowable';
  } catch (error) {
    if (error instanceof TargetError) {
      return 'done';
    }
    throw error;
  }
}
