import type { AnswerFile } from '../../chat/answers/answer.ts';
import type { Origin } from '../../chat/command/invocation.ts';
import type { EventId } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Reply } from '../../operations/answer/reply.ts';
import { isSynthetic } from '../../operations/management-room.ts';
import { maxClearContentBytes } from '../crypto/room-crypto.ts';
import { render } from './render.ts';

type Json = Record<string, unknown>;

/** Bytes of JSON. */
const maxDataBytes = 20_000;
/** Characters. An edit holds the body twice, and a character can take three bytes or more. */
const maxBodyLength = 12_000;
const shortBody = 4_000;
/** An error's message can quote what a stranger wrote. */
const maxMessageLength = 500;
const maxTrailLength = 100;

/**
 * A value with the API's names, in a form that events allow: `creationTs` becomes `creation_ts` (keys that
 * are data themselves stay), and numbers that events can't hold become text.
 */
export function apiNames(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(apiNames);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        /^[a-z][A-Za-z0-9]*$/u.test(name)
          ? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
          : name.toWellFormed(),
        apiNames(member),
      ]),
    );
  }
  if (typeof value === 'string') {
    return value.toWellFormed();
  }
  // Canonical JSON has neither fractions nor larger integers: Synapse refuses such events.
  return typeof value === 'number' && !Number.isSafeInteger(value) ? String(value) : value;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** How much of an answer is sent. */
interface Detail {
  readonly data: boolean;
  readonly html: boolean;
  readonly body: number;
  /** How many audit numbers. */
  readonly trail: number;
}

/** From everything to what always fits. */
const detailLevels: readonly Detail[] = [
  { data: true, html: true, body: maxBodyLength, trail: Number.POSITIVE_INFINITY },
  { data: false, html: true, body: maxBodyLength, trail: Number.POSITIVE_INFINITY },
  { data: false, html: false, body: maxBodyLength, trail: maxTrailLength },
  { data: false, html: false, body: shortBody, trail: maxTrailLength },
];

function machineReadable(reply: Reply, detail: Detail): Json {
  const { command, status, audit, confirmation, operation, error, answer } = reply;
  const data = answer.data === undefined ? undefined : apiNames(answer.data);
  const fits = detail.data && bytesOf(data ?? null) <= maxDataBytes;
  const isWhole = (data === undefined || fits) && audit.length <= detail.trail;
  return {
    command: command.toWellFormed(),
    status,
    audit: audit.slice(0, detail.trail),
    ...(confirmation === undefined ? {} : { confirmation: apiNames(confirmation) }),
    ...(operation === undefined ? {} : { operation: apiNames(operation) }),
    ...(error === undefined
      ? {}
      : {
          error: {
            code: error.code,
            message: error.message.slice(0, maxMessageLength).toWellFormed(),
          },
        }),
    ...(data === undefined || !fits ? {} : { data }),
    ...(isWhole ? {} : { truncated: true }),
  };
}

function message(reply: Reply, prefix: string, detail: Detail): Json {
  const { body, html } = render(reply.answer, prefix);
  const isLong = body.length > detail.body;
  return {
    msgtype: 'm.notice',
    body: isLong ? `${body.slice(0, detail.body).toWellFormed()}\n… (cut)` : body,
    ...(isLong || !detail.html || html.length > maxBodyLength * 2
      ? {}
      : { format: 'org.matrix.custom.html', formatted_body: html }),
    // Answers name people without notifying them.
    'm.mentions': {},
    'dev.lawspeaker.answer': machineReadable(reply, detail),
  };
}

/** The most detailed content that fits. */
function fitting(maxBytes: number, build: (detail: Detail) => Json): Json {
  let content: Json = {};
  for (const detail of detailLevels) {
    content = build(detail);
    if (bytesOf(content) <= maxBytes) {
      break;
    }
  }
  return content;
}

/**
 * The content of an answer that replies to the command, in its thread if it has one.
 *
 * @param maxBytes of JSON
 */
export function replyContent(
  reply: Reply,
  origin: Origin,
  prefix: string,
  maxBytes = maxClearContentBytes,
): Json {
  return fitting(maxBytes, (detail) => ({
    ...message(reply, prefix, detail),
    ...relationTo(origin),
  }));
}

/** The content of an edit that replaces the event `original` with a new answer. */
export function editContent(
  reply: Reply,
  original: EventId,
  prefix: string,
  maxBytes = maxClearContentBytes,
): Json {
  return fitting(maxBytes, (detail) => {
    const content = message(reply, prefix, detail);
    return {
      ...content,
      body: `* ${String(content['body'])}`,
      'm.new_content': content,
      'm.relates_to': { rel_type: 'm.replace', event_id: original },
    };
  });
}

/** The content of a file that belongs to an answer; `location` says where it was uploaded. */
export function fileContent(
  { name, contentType, content }: AnswerFile,
  location: Json,
  origin: Origin,
): Json {
  return {
    msgtype: 'm.file',
    body: name,
    filename: name,
    ...location,
    info: { mimetype: contentType, size: Buffer.byteLength(content) },
    'm.mentions': {},
    ...relationTo(origin),
  };
}

/** Relates a message to a thread; clients without threads show it as a reply to the thread's root. */
function inThread(thread: EventId): Json {
  return {
    rel_type: 'm.thread',
    event_id: thread,
    is_falling_back: true,
    'm.in_reply_to': { event_id: thread },
  };
}

/** Relates a message to the command, in its thread if it has one. Empty if no command is in the room. */
function relationTo(origin: Origin): Json {
  const replied = origin.inReplyTo ?? origin.event;
  if (isSynthetic(replied)) {
    return {};
  }
  const inReplyTo = { 'm.in_reply_to': { event_id: replied } };
  const { thread } = origin;
  return {
    'm.relates_to':
      thread === undefined
        ? inReplyTo
        : { rel_type: 'm.thread', event_id: thread, is_falling_back: false, ...inReplyTo },
  };
}

/**
 * The content of a message that is not an answer and mentions people; in a thread if it has one. The
 * default push rules suppress notices before they check mentions, so a message that mentions somebody is
 * an ordinary text.
 */
export function alertContent(
  reply: Reply,
  mentions: readonly UserId[],
  origin: Origin,
  prefix: string,
  maxBytes = maxClearContentBytes,
): Json {
  return fitting(maxBytes, (detail) => ({
    ...message(reply, prefix, detail),
    ...(mentions.length === 0 ? {} : { msgtype: 'm.text' }),
    'm.mentions': { user_ids: mentions },
    ...(origin.thread === undefined ? {} : { 'm.relates_to': inThread(origin.thread) }),
  }));
}
