import type { AnswerFile } from '../../chat/answers/answer.ts';
import type { Origin } from '../../chat/command/invocation.ts';
import type { EventId } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Reply } from '../../operations/answer/reply.ts';
import { isSynthetic } from '../../operations/message.ts';
import { maxClearContentBytes } from '../crypto/room-crypto.ts';
import { render } from './render.ts';

type Json = Record<string, unknown>;

/** The most that `data` may take up, in bytes of JSON. */
const maxDataLength = 20_000;
/** Characters of a body that can be read; an edit carries it twice, three bytes or more each. */
const maxBodyLength = 12_000;
const shortBody = 4_000;
/** An error's message can hold what a stranger wrote. */
const maxMessageLength = 500;
const maxTrailLength = 100;

/**
 * A value as the API writes it, in a form that an event may have: `creationTs` becomes `creation_ts`
 * (keys that are data themselves stay), and numbers that events can't hold become text.
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
  // Canonical JSON knows no fractions, and no integers beyond these: Synapse refuses the event.
  return typeof value === 'number' && !Number.isSafeInteger(value) ? String(value) : value;
}

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** How much of an answer is sent. */
interface Measure {
  readonly data: boolean;
  readonly html: boolean;
  readonly body: number;
  /** How many numbers of audit entries. */
  readonly trail: number;
}

/** From all of it to what always fits. */
const metricsSnapshot: readonly Measure[] = [
  { data: true, html: true, body: maxBodyLength, trail: Number.POSITIVE_INFINITY },
  { data: false, html: true, body: maxBodyLength, trail: Number.POSITIVE_INFINITY },
  { data: false, html: false, body: maxBodyLength, trail: maxTrailLength },
  { data: false, html: false, body: shortBody, trail: maxTrailLength },
];

function machineReadable(reply: Reply, measure: Measure): Json {
  const { command, status, audit, confirmation, error, answer } = reply;
  const data = answer.data === undefined ? undefined : apiNames(answer.data);
  const fits = measure.data && bytesOf(data ?? null) <= maxDataLength;
  const isWhole = (data === undefined || fits) && audit.length <= measure.trail;
  return {
    command: command.toWellFormed(),
    status,
    audit: audit.slice(0, measure.trail),
    ...(confirmation === undefined ? {} : { confirmation: apiNames(confirmation) }),
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

function message(reply: Reply, prefix: string, measure: Measure): Json {
  const { body, html } = render(reply.answer, prefix);
  const isLong = body.length > measure.body;
  return {
    msgtype: 'm.notice',
    body: isLong ? `${body.slice(0, measure.body).toWellFormed()}\n… (cut)` : body,
    ...(isLong || !measure.html || html.length > maxBodyLength * 2
      ? {}
      : { format: 'org.matrix.custom.html', formatted_body: html }),
    // Answers talk about people without calling them.
    'm.mentions': {},
    'dev.lawspeaker.answer': machineReadable(reply, measure),
  };
}

/** The fullest content that the homeserver takes. */
function fitting(largest: number, build: (measure: Measure) => Json): Json {
  let content: Json = {};
  for (const measure of metricsSnapshot) {
    content = build(measure);
    if (bytesOf(content) <= largest) {
      break;
    }
  }
  return content;
}

/**
 * The content of an answer that replies to the command, in its thread if it has one.
 *
 * @param largest how many bytes of JSON it may have
 */
export function replyContent(
  reply: Reply,
  origin: Origin,
  prefix: string,
  largest = maxClearContentBytes,
): Json {
  return fitting(largest, (measure) => ({
    ...message(reply, prefix, measure),
    ...relationTo(origin),
  }));
}

/** The content of an edit that puts a new answer in the place of the event `original`. */
export function editContent(
  reply: Reply,
  original: EventId,
  prefix: string,
  largest = maxClearContentBytes,
): Json {
  return fitting(largest, (measure) => {
    const content = message(reply, prefix, measure);
    return {
      ...content,
      body: `* ${String(content['body'])}`,
      'm.new_content': content,
      'm.relates_to': { rel_type: 'm.replace', event_id: original },
    };
  });
}

/** The content of a file that belongs to an answer; `location` leads to what was uploaded. */
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

/** A thread's own message; clients without threads show it as a reply to its root. */
function inThread(thread: EventId): Json {
  return {
    rel_type: 'm.thread',
    event_id: thread,
    is_falling_back: true,
    'm.in_reply_to': { event_id: thread },
  };
}

/** Relates a message to the command, in its thread if it has one; nothing if there is no command to see. */
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
 * The content of a message that answers nobody and mentions people; in a thread if it has one. The
 * default push rules suppress notices before they look at mentions, so one that mentions somebody is
 * an ordinary text.
 */
export function alertContent(
  reply: Reply,
  mentions: readonly UserId[],
  origin: Origin,
  prefix: string,
  largest = maxClearContentBytes,
): Json {
  return fitting(largest, (withData) => ({
    ...message(reply, prefix, withData),
    ...(mentions.length === 0 ? {} : { msgtype: 'm.text' }),
    'm.mentions': { user_ids: mentions },
    ...(origin.thread === undefined ? {} : { 'm.relates_to': inThread(origin.thread) }),
  }));
}
