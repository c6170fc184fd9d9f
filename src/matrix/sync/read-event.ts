import { z } from 'zod';

import { readStructured, structuredField } from '../../chat/command/structured.ts';
import { parseEventId, parseUserId } from '../../core/ids.ts';
import type { EventId, RoomId, UserId } from '../../core/ids.ts';
import type { Incoming, Lookalike, Message } from '../../operations/management-room.ts';
import { readFormatted, saysWhatIsShown, withPillsIn, withoutReplyFallback } from './html-text.ts';

/** No client mentions more, and the text is searched for each of them. */
const maxMentions = 50;

const eventId = z.string().refine((text): text is EventId => parseEventId(text) !== undefined);
const userId = z.string().refine((text): text is UserId => parseUserId(text) !== undefined);

const envelope = z.object({
  event_id: eventId,
  sender: userId,
  origin_server_ts: z.number(),
  unsigned: z.object({ redacted_because: z.unknown().optional() }).optional(),
});

const message = envelope.extend({
  type: z.literal('m.room.message'),
  state_key: z.undefined().optional(),
  content: z.object({
    msgtype: z.literal('m.text'),
    body: z.string(),
    format: z.unknown().optional(),
    formatted_body: z.unknown().optional(),
    'm.new_content': z.undefined().optional(),
    [structuredField]: z.unknown().optional(),
    'm.mentions': z
      .object({ user_ids: z.array(z.string()).optional().catch(undefined) })
      .optional()
      .catch(undefined),
    'm.relates_to': z
      .object({
        rel_type: z.unknown().optional(),
        event_id: z.unknown().optional(),
        is_falling_back: z.unknown().optional(),
        'm.in_reply_to': z.object({ event_id: z.unknown() }).optional().catch(undefined),
      })
      .optional(),
  }),
});

/** Events whose text may look like a command, but is never carried out. */
const lookalike = envelope.extend({
  type: z.literal('m.room.message'),
  state_key: z.undefined().optional(),
  content: z.object({
    msgtype: z.enum(['m.text', 'm.emote', 'm.image', 'm.file', 'm.video', 'm.audio']),
    body: z.string(),
    filename: z.unknown().optional(),
    'm.new_content': z
      .object({ msgtype: z.literal('m.text'), body: z.string() })
      .optional()
      .catch(undefined),
    'm.relates_to': z
      .object({ rel_type: z.unknown().optional(), event_id: z.unknown().optional() })
      .optional()
      .catch(undefined),
  }),
});

const reaction = envelope.extend({
  type: z.literal('m.reaction'),
  content: z.object({
    'm.relates_to': z.object({
      rel_type: z.literal('m.annotation'),
      event_id: eventId,
      key: z.string().max(64),
    }),
  }),
});

const redaction = z.object({
  type: z.literal('m.room.redaction'),
  redacts: z.unknown().optional(),
  content: z.object({ redacts: z.unknown().optional() }),
});

/**
 * Reads the events of one sync, without those that are redacted in the same sync: Synapse may send an
 * unredacted event together with its redaction.
 */
export function readEvents(room: RoomId, raw: readonly unknown[]): Incoming[] {
  const redacted = redactedBy(raw);
  return raw.flatMap((event) => {
    const read = readEvent(room, event);
    return read === undefined || redacted.has(read.event) ? [] : [read];
  });
}

/** The IDs of the events that these events redact. */
export function redactedBy(raw: readonly unknown[]): ReadonlySet<unknown> {
  return new Set(
    raw.flatMap((event) => {
      const read = redaction.safeParse(event);
      return read.success
        ? [read.data.redacts, read.data.content.redacts].filter((id) => id !== undefined)
        : [];
    }),
  );
}

/** Who sent an event and when, whatever its content. */
export function readEnvelope(
  raw: unknown,
): { event: EventId; sender: UserId; sentAt: number } | undefined {
  const read = envelope.safeParse(raw);
  return read.success
    ? { event: read.data.event_id, sender: read.data.sender, sentAt: read.data.origin_server_ts }
    : undefined;
}

/**
 * What a message replies to. In a thread, every message replies to the one before it, for clients that don't
 * support threads, and is marked as a fallback: nobody chose what it replies to. Without the mark, it is a
 * reply, as the specification says. A mark that is not a boolean counts as set.
 *
 * https://spec.matrix.org/latest/client-server-api/#fallback-for-unthreaded-clients
 */
function repliedIn(
  relation:
    | { 'm.in_reply_to'?: { event_id: unknown } | undefined; is_falling_back?: unknown }
    | undefined,
): Pick<Message, 'replyTo' | 'fallsBackTo'> {
  const event = idOf(relation?.['m.in_reply_to']?.event_id);
  const mark = relation?.is_falling_back;
  return mark === undefined || mark === false || event === undefined
    ? { replyTo: event }
    : { replyTo: undefined, fallsBackTo: event };
}

/** Not by `String()`, which throws for some objects. */
function idOf(value: unknown): EventId | undefined {
  return typeof value === 'string' ? parseEventId(value) : undefined;
}

/**
 * The text of a message. A formatted message with links to Matrix is read by its HTML, any other by its plain
 * body, which still has the characters that Markdown removes. The two must say the same, because clients
 * show the HTML.
 */
function readText(content: z.infer<typeof message>['content']): {
  text: string;
  typed?: string;
  doubt: string | undefined;
} {
  const { format, formatted_body: html } = content;
  const body = withoutReplyFallback(content.body);
  if (format !== 'org.matrix.custom.html' || typeof html !== 'string') {
    return { text: body, doubt: undefined };
  }
  const formatted = readFormatted(html);
  const { text, pills, doubt } = formatted;
  if (pills.length > 0) {
    const typed = withPillsIn(body, pills);
    return typed !== undefined && typed !== text && saysWhatIsShown(typed, formatted, 'words')
      ? { text, typed, doubt }
      : { text, doubt };
  }
  return {
    text: body,
    doubt:
      doubt ??
      (saysWhatIsShown(body, formatted)
        ? undefined
        : 'The message shows one thing in its formatted text and says another in its plain text.'),
  };
}

/**
 * Reads a room event as a message, a reaction, or a lookalike of a message. Undefined for anything else:
 * notices, redacted events, state, and malformed events.
 */
export function readEvent(room: RoomId, raw: unknown): Incoming | undefined {
  const asMessage = message.safeParse(raw);
  if (asMessage.success) {
    const { event_id, sender, origin_server_ts, unsigned, content } = asMessage.data;
    const relation = content['m.relates_to'];
    if (unsigned?.redacted_because !== undefined) {
      return undefined;
    }
    if (relation?.rel_type === 'm.replace') {
      return readLookalike(room, raw);
    }
    const { text, typed, doubt } = readText(content);
    const mentions = content['m.mentions']?.user_ids ?? [];
    const field = content[structuredField];
    return {
      kind: 'message',
      event: event_id,
      room,
      sender,
      sentAt: origin_server_ts,
      // Half surrogate pairs can be neither stored nor sent.
      text: text.toWellFormed(),
      ...(typed === undefined ? {} : { typed: typed.toWellFormed() }),
      ...(doubt === undefined ? {} : { doubt: doubt.toWellFormed() }),
      ...(mentions.length === 0 ? {} : { mentions: mentions.slice(0, maxMentions) }),
      ...(field === undefined ? {} : { structured: readStructured(field) ?? 'unreadable' }),
      thread: relation?.rel_type === 'm.thread' ? idOf(relation.event_id) : undefined,
      ...repliedIn(relation),
    };
  }
  const asReaction = reaction.safeParse(raw);
  if (asReaction.success && asReaction.data.unsigned?.redacted_because === undefined) {
    const { event_id, sender, origin_server_ts, content } = asReaction.data;
    const { event_id: target, key } = content['m.relates_to'];
    return {
      kind: 'reaction',
      event: event_id,
      room,
      sender,
      sentAt: origin_server_ts,
      target,
      // Some clients append U+FE0F, which asks for the colored form.
      key: key.replaceAll('\uFE0F', ''),
    };
  }
  return readLookalike(room, raw);
}

/** Reads an edit, a file's caption or an emote; undefined for anything else. */
function readLookalike(room: RoomId, raw: unknown): Lookalike | undefined {
  const read = lookalike.safeParse(raw);
  if (!read.success || read.data.unsigned?.redacted_because !== undefined) {
    return undefined;
  }
  const { event_id, sender, origin_server_ts, content } = read.data;
  const { msgtype, body, filename, 'm.new_content': edited, 'm.relates_to': relation } = content;
  const shared = {
    kind: 'lookalike',
    event: event_id,
    room,
    sender,
    sentAt: origin_server_ts,
  } as const;
  if (relation?.rel_type === 'm.replace') {
    const edits = idOf(relation.event_id);
    return msgtype === 'm.text' && edited !== undefined && edits !== undefined
      ? { ...shared, form: 'edit', text: withoutReplyFallback(edited.body).toWellFormed(), edits }
      : undefined;
  }
  const thread = relation?.rel_type === 'm.thread' ? idOf(relation.event_id) : undefined;
  const more = thread === undefined ? {} : { thread };
  if (msgtype === 'm.emote') {
    return { ...shared, form: 'emote', text: withoutReplyFallback(body).toWellFormed(), ...more };
  }
  // Without `filename`, or if it is the same, the body is the file's name and not a caption.
  // https://spec.matrix.org/latest/client-server-api/#media-captions
  return msgtype !== 'm.text' && typeof filename === 'string' && filename !== body
    ? { ...shared, form: 'caption', text: body.toWellFormed(), ...more }
    : undefined;
}
