import { TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { PlacedEvent, RoomEvent } from '../../homeserver/admin/events.ts';
import { redactableTypes } from '../../homeserver/admin/redactions.ts';
import { serverMessage } from '../server-message.ts';
import { redactionPower } from './redaction-power.ts';

export type { RoomEvent } from '../../homeserver/admin/events.ts';

/** How many of the sender's events before and after are checked for the same timestamp. */
const checkedNeighbors = 50;

/** What planning uses of the admin API. */
export type PlanningApi = Pick<AdminApi, 'events' | 'rooms' | 'users'>;

/** One event of one room, and what else planning needs to know. */
export interface RedactionTarget {
  readonly room: RoomId;
  readonly event: EventId;
  /** The bot's own account. */
  readonly botUser: UserId;
  /** The name of this server. */
  readonly serverName: string;
  /** Whether the bot has sent a secret to somebody in this room: no answer names such a room. */
  readonly isDirectRoom: (room: RoomId) => Promise<boolean>;
}

/** In whose name an event is redacted: the bot's or, by Synapse, the sender's own. */
export type RedactionWay = 'as_bot' | 'as_sender';

export interface RedactionPlan {
  readonly event: RoomEvent;
  readonly way: RedactionWay;
  /** How many of the sender's events have the same timestamp, for Synapse's redaction by time. */
  readonly limit: number;
}

/**
 * Finds an event and the way to redact it: as the bot if it is in the room and has the power; otherwise
 * in the sender's name, which needs neither.
 *
 * @throws TargetError the event doesn't exist, is already redacted, or can't be redacted, and why
 */
export async function planRedaction(
  api: PlanningApi,
  target: RedactionTarget,
): Promise<RedactionPlan> {
  const placed = await findRedactable(api, target);
  return (await mayAsBot(api, target, placed.event))
    ? { event: placed.event, way: 'as_bot', limit: 1 }
    : planAsSender(api, target, placed);
}

/** @throws TargetError the event doesn't exist, is already redacted, or nobody may redact it */
export async function findRedactable(
  api: PlanningApi,
  target: RedactionTarget,
): Promise<PlacedEvent> {
  const { room, event } = target;
  const placed = await api.events.find(room, event);
  if (placed === undefined) {
    throw await notFound(api, target);
  }
  const { type, redactedBecause } = placed.event;
  if (redactedBecause !== null) {
    throw new TargetError(
      'state',
      `it has already been redacted, by ${redactedBecause.sender}`,
      'Nothing was changed.',
    );
  }
  if (type === 'm.room.create' || type === 'm.room.server_acl') {
    throw new TargetError(
      'state',
      `this is not a message but the room’s \`${type}\`, which Synapse lets nobody redact`,
      'Nothing was changed.',
    );
  }
  if (type === 'm.room.redaction') {
    throw new TargetError(
      'state',
      'this is itself a redaction, which can’t be undone',
      'Nothing was changed.',
    );
  }
  return placed;
}

async function notFound(
  api: PlanningApi,
  { room, event, isDirectRoom }: RedactionTarget,
): Promise<TargetError> {
  const [elsewhere, known] = await Promise.all([api.events.fetch(event), api.rooms.find(room)]);
  const other = elsewhere?.roomId ?? undefined;
  if (other !== undefined && other !== room && !(await isDirectRoom(other))) {
    // For example, an alias leads to the room's successor, but the message is in the old room.
    return new TargetError(
      'unknown',
      `that message is not in \`${room}\` but in \`${other}\``,
      `The correct link: \`https://matrix.to/#/${encodeURIComponent(other)}/${encodeURIComponent(event)}\``,
    );
  }
  return known === undefined
    ? new TargetError('unknown_room', `this server doesn’t know the room \`${room}\``)
    : new TargetError(
        'unknown',
        `this server has no such message in \`${room}\``,
        'It may have been purged, or it never reached this server. Copy the link from the message again.',
      );
}

async function mayAsBot(
  api: PlanningApi,
  { room, botUser }: RedactionTarget,
  { sender }: RoomEvent,
): Promise<boolean> {
  const { joinedRooms } = await api.users.joinedRooms(botUser);
  if (!joinedRooms.includes(room)) {
    return false;
  }
  const power = await redactionPower(api, room, botUser);
  return power === 'all' || (power === 'own' && sender === botUser);
}

/**
 * Plans a redaction in the sender's name.
 *
 * @throws TargetError this is not possible, why, and what people can do instead
 */
export async function planAsSender(
  api: PlanningApi,
  target: RedactionTarget,
  { event, place }: PlacedEvent,
): Promise<RedactionPlan> {
  const { sender, type, originServerTs } = event;
  const refuse = async (why: string) =>
    new TargetError('state', why, await whatPeopleCanDo(api, target));
  if (serverNameOf(sender) !== target.serverName) {
    throw await refuse(
      `${sender} is on another server, and this bot may not redact in \`${target.room}\``,
    );
  }
  if (!isIncluded(event)) {
    throw await refuse(
      `this bot may not redact in \`${target.room}\`, and in the sender’s name Synapse only redacts messages and joins, not \`${serverMessage(type)}\``,
    );
  }
  // Synapse takes 0 as no limit, and would redact everything that the sender has ever sent.
  if (!Number.isSafeInteger(originServerTs) || originServerTs < 1) {
    throw await refuse(
      'the message has no timestamp by which Synapse could tell it from others by the same sender',
    );
  }
  const others = await sentAtTheSameTime(api, target.room, event, place);
  if (others.some((other) => other.redactedBecause === null && isIncluded(other))) {
    throw await refuse(
      `${sender} sent more than one message in the same millisecond, and Synapse can’t tell them apart`,
    );
  }
  return { event, way: 'as_sender', limit: 1 + others.length };
}

/** Whether Synapse includes an event when it redacts what a sender has sent. */
export function isIncluded({ type, content }: Pick<RoomEvent, 'type' | 'content'>): boolean {
  return type === 'm.room.member'
    ? content['membership'] === 'join'
    : redactableTypes.some((one) => one === type);
}

/** Other events of the same sender in this room with the same timestamp. */
async function sentAtTheSameTime(
  api: PlanningApi,
  room: RoomId,
  { eventId, sender, originServerTs }: RoomEvent,
  from: string,
): Promise<RoomEvent[]> {
  const pages = await Promise.all(
    (['b', 'f'] as const).map(async (dir) =>
      api.events.page(room, {
        from,
        dir,
        limit: checkedNeighbors,
        types: redactableTypes,
        senders: [sender],
      }),
    ),
  );
  return pages
    .flat()
    .filter((other) => other.originServerTs === originServerTs && other.eventId !== eventId);
}

async function whatPeopleCanDo(
  api: PlanningApi,
  { room, botUser }: RedactionTarget,
): Promise<string> {
  const [{ joinedRooms }, known] = await Promise.all([
    api.users.joinedRooms(botUser),
    api.rooms.find(room),
  ]);
  const condition = `Nothing was changed. A moderator of that room can redact it; so can this bot once \`${botUser}\``;
  if (joinedRooms.includes(room)) {
    return `${condition} is a moderator there.`;
  }
  return known?.joinRules === 'public'
    ? `${condition} is in the room and a moderator there.`
    : `${condition} is a moderator there, which takes an invitation to the room.`;
}
