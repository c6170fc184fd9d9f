import { TargetError } from '../../core/errors.ts';
import type { EventId, RoomId } from '../../core/ids.ts';
import type { AdminApi } from '../../homeserver/admin/admin-api.ts';
import type { RoomEvent } from '../../homeserver/admin/events.ts';

/** What people say in a room. Reactions, redactions and state are not part of it. */
const messageTypes = [
  'm.room.message',
  'm.room.encrypted',
  'm.sticker',
  'm.poll.start',
  'org.matrix.msc3381.poll.start',
] as const;

/** Which part of a conversation to read; by default, the newest messages. */
interface Excerpt {
  /** Messages before and after this event, which is shown whatever its type. */
  readonly around?: EventId | undefined;
  /** Messages around this time, in milliseconds since 1970. */
  readonly at?: number | undefined;
  /** How many messages in all. */
  readonly limit: number;
}

export interface Conversation {
  /** The oldest first. */
  readonly messages: readonly RoomEvent[];
  /** The event that was asked for, by itself or by its time. */
  readonly middle: EventId | undefined;
}

/**
 * Part of a conversation as the members of the room see it: redacted messages have no content. The caller need
 * not be in the room. GET /_synapse/admin/v1/rooms/{room_id}/messages
 *
 * @throws TargetError there is no such message
 */
export async function readConversation(
  api: Pick<AdminApi, 'events'>,
  room: RoomId,
  { around, at, limit }: Excerpt,
): Promise<Conversation> {
  const middle = around ?? (at === undefined ? undefined : await eventAt(api, room, at));
  if (middle === undefined) {
    const newest = await api.events.page(room, { dir: 'b', limit, types: messageTypes });
    return { messages: newest.toReversed(), middle };
  }
  const placed = await api.events.find(room, middle);
  if (placed === undefined) {
    throw noSuchMessage(room);
  }
  const { event, place: from } = placed;
  const earlier = Math.floor((limit - 1) / 2);
  const [before, after] = await Promise.all([
    // It starts with the event itself.
    api.events.page(room, { from, dir: 'b', limit: earlier + 1, types: messageTypes }),
    limit - 1 - earlier === 0
      ? []
      : api.events.page(room, { from, dir: 'f', limit: limit - 1 - earlier, types: messageTypes }),
  ]);
  const others = before.filter(({ eventId }) => eventId !== middle).slice(0, earlier);
  return { messages: [...others.toReversed(), event, ...after], middle };
}

/** The first event at or after a time; if there is none, the last one before it. */
async function eventAt(
  { events }: Pick<AdminApi, 'events'>,
  room: RoomId,
  at: number,
): Promise<EventId> {
  const found = (await events.at(room, at, 'f')) ?? (await events.at(room, at, 'b'));
  if (found === undefined) {
    throw new TargetError('unknown', `there is no event in \`${room}\``);
  }
  return found;
}

export function noSuchMessage(room: RoomId): TargetError {
  return new TargetError(
    'unknown',
    `this server has no such message in \`${room}\``,
    'It may have been purged, or it never reached this server. Copy the link from the message again.',
  );
}
