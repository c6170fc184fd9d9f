import { TargetError } from '../../core/errors.ts';
import { serverNameOf } from '../../core/ids.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { PlacedEvent, RoomEvent } from '../../homeserver/admin/events.ts';
import { redactableTypes } from '../../homeserver/admin/redactions.ts';
import { redactionPower } from './room-power.ts';

export type { RoomEvent } from '../../homeserver/admin/events.ts';

/** So many of a sender's events are looked at on each side, for those of the same moment. */
const lookedAround = 50;

/** Of the words of others so much is shown. */
const maxExplanationLength = 200;

/** What looking for a way takes of the admin API. */
export type PlanningApi = Pick<AdminApi, 'events' | 'rooms' | 'users'>;

/** One event of one room, and who and where we are. */
export interface RedactionTarget {
  readonly room: RoomId;
  readonly event: EventId;
  /** The bot's own account. */
  readonly botUser: UserId;
  /** This server's. */
  readonly serverName: string;
  /** Whether a room is one in which the bot tells a secret: no answer names it. */
  readonly isDirectRoom: (room: RoomId) => Promise<boolean>;
}

/** In whose name: the bot's, or the sender's own, which the server can act for. */
export type RedactionWay = 'as_bot' | 'as_sender';

export interface RedactionPlan {
  readonly event: RoomEvent;
  readonly way: RedactionWay;
  /** For the server's redaction of the sender's events: so many has it at that very moment. */
  readonly limit: number;
}

/**
 * Looks at an event, and finds the way in which it can be redacted: as the bot where it is in the room
 * with the power to; else in the name of its sender, which needs neither.
 *
 * @throws TargetError it is not there, redacted already, or there is no way, and why
 */
export async function planRedaction(
  api: PlanningApi,
  target: RedactionTarget,
): Promise<RedactionPlan> {
  const placed = await redactable(api, target);
  return (await mayAsBot(api, target, placed.event))
    ? { event: placed.event, way: 'as_bot', limit: 1 }
    : planAsSender(api, target, placed);
}

/**
 * The event, where it can be redacted at all.
 *
 * @throws TargetError it is not there, redacted already, or nothing that anybody may redact
 */
export async function redactable(api: PlanningApi, target: RedactionTarget): Promise<PlacedEvent> {
  const { room, event } = target;
  const placed = await api.events.find(room, event);
  if (placed === undefined) {
    throw await notThere(api, target);
  }
  const { type, redactedBecause } = placed.event;
  if (redactedBecause !== null) {
    throw new TargetError(
      'state',
      `it was redacted before, by ${redactedBecause.sender}`,
      'Nothing was changed.',
    );
  }
  if (type === 'm.room.create' || type === 'm.room.server_acl') {
    throw new TargetError(
      'state',
      `that is no message but the room’s \`${type}\`, which Synapse lets nobody redact`,
      'Nothing was changed.',
    );
  }
  if (type === 'm.room.redaction') {
    throw new TargetError(
      'state',
      'that is a redaction itself: what it took away does not come back',
      'Nothing was changed.',
    );
  }
  return placed;
}

async function notThere(
  api: PlanningApi,
  { room, event, isDirectRoom }: RedactionTarget,
): Promise<TargetError> {
  const [elsewhere, known] = await Promise.all([api.events.fetch(event), api.rooms.find(room)]);
  const other = elsewhere?.roomId ?? undefined;
  if (other !== undefined && other !== room && !(await isDirectRoom(other))) {
    // An alias leads to the room's successor, say, and the message is in the old one.
    return new TargetError(
      'unknown',
      `that message is not in \`${room}\` but in \`${other}\``,
      `The link to it there: \`https://matrix.to/#/${encodeURIComponent(other)}/${encodeURIComponent(event)}\``,
    );
  }
  return known === undefined
    ? new TargetError('unknown_room', `this server knows no room \`${room}\``)
    : new TargetError(
        'unknown',
        `this server has no such message in \`${room}\``,
        'It may have been purged, or never have come here. Copy the link from the message again.',
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
 * The way in the sender's name, which needs the bot neither in the room nor in power.
 *
 * @throws TargetError this can't be done, why, and what people can do
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
      `${sender} is an account of another server, and this bot may not redact in \`${target.room}\``,
    );
  }
  if (!isTaken(event)) {
    throw await refuse(
      `this bot may not redact in \`${target.room}\`, and in the sender’s name Synapse redacts messages and joins alone, not \`${plain(type)}\``,
    );
  }
  // For the server 0 is no bound, and all that the sender ever sent would go.
  if (!Number.isSafeInteger(originServerTs) || originServerTs < 1) {
    throw await refuse(
      'the message has no time by which Synapse could tell it from others of its sender',
    );
  }
  const others = await ofTheSameMoment(api, target.room, event, place);
  if (others.some((other) => other.redactedBecause === null && isTaken(other))) {
    throw await refuse(
      `${sender} sent more than this in the same millisecond, and Synapse can’t tell one from the other`,
    );
  }
  return { event, way: 'as_sender', limit: 1 + others.length };
}

/** Whether the server's redaction of a sender's events takes this one. */
export function isTaken({ type, content }: Pick<RoomEvent, 'type' | 'content'>): boolean {
  return type === 'm.room.member'
    ? content['membership'] === 'join'
    : redactableTypes.some((one) => one === type);
}

/** Other events of the sender's in this room which the same bounds of time take in. */
async function ofTheSameMoment(
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
        limit: lookedAround,
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
  const those = `Nothing was changed. A moderator of that room can redact it; so can this bot when \`${botUser}\``;
  if (joinedRooms.includes(room)) {
    return `${those} is a moderator there.`;
  }
  return known?.joinRules === 'public'
    ? `${those} is in the room (see join) and a moderator there.`
    : `${those} is in the room and a moderator there, for which somebody has to invite it.`;
}

/** Words of others, for a sentence of ours, in which a backtick begins a command. */
export function plain(text: string): string {
  return text.replaceAll('`', "'").slice(0, maxExplanationLength).toWellFormed();
}
