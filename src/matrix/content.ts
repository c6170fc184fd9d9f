import type { AnswerFile } from '../command/answer.ts';
import type { Origin } from '../command/invocation.ts';
import type { EventId } from '../ids.ts';
import type { Reply } from '../pipeline/reply.ts';
import { render } from './render.ts';

type Json = Record<string, unknown>;

/** The most that `data` may take up, as JSON. */
const longestData = 20_000;
/** Below the 65,536 bytes that an event may have, with room for what the server adds. */
const longestContent = 60_000;
const longestBody = 12_000;

/** `creationTs` as the API writes it: `creation_ts`. Keys that are data themselves stay. */
export function apiNames(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(apiNames);
  }
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [
        /^[a-z][A-Za-z0-9]*$/u.test(name)
          ? name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
          : name,
        apiNames(member),
      ]),
    );
  }
  return value;
}

function machineReadable(reply: Reply, withData: boolean): Json {
  const { command, status, audit, confirmation, error, answer } = reply;
  const data = answer.data === undefined ? undefined : apiNames(answer.data);
  const fits = withData && JSON.stringify(data ?? null).length <= longestData;
  return {
    command,
    status,
    audit,
    ...(confirmation === undefined ? {} : { confirmation: apiNames(confirmation) }),
    ...(error === undefined ? {} : { error }),
    ...(data === undefined ? {} : fits ? { data } : { truncated: true }),
  };
}

function message(reply: Reply, prefix: string, withData: boolean): Json {
  const { body, html } = render(reply.answer, prefix);
  const isLong = body.length > longestBody || html.length > longestBody * 2;
  return {
    msgtype: 'm.notice',
    body: isLong ? `${body.slice(0, longestBody).toWellFormed()}\n… (cut)` : body,
    ...(isLong ? {} : { format: 'org.matrix.custom.html', formatted_body: html }),
    // Answers talk about people without calling them.
    'm.mentions': {},
    'dev.lawspeaker.answer': machineReadable(reply, withData),
  };
}

function fitting(build: (withData: boolean) => Json): Json {
  const content = build(true);
  return Buffer.byteLength(JSON.stringify(content)) <= longestContent ? content : build(false);
}

/** The content of an answer that replies to the command, in its thread if it has one. */
export function replyContent(reply: Reply, origin: Origin, prefix: string): Json {
  return fitting((withData) => ({
    ...message(reply, prefix, withData),
    'm.relates_to': relationTo(origin),
  }));
}

/** The content of an edit that puts a new answer in the place of the event `original`. */
export function editContent(reply: Reply, original: EventId, prefix: string): Json {
  return fitting((withData) => {
    const content = message(reply, prefix, withData);
    return {
      ...content,
      body: `* ${String(content['body'])}`,
      'm.new_content': content,
      'm.relates_to': { rel_type: 'm.replace', event_id: original },
    };
  });
}

/** The content of a file that belongs to an answer. */
export function fileContent(
  { name, contentType, content }: AnswerFile,
  uri: string,
  origin: Origin,
): Json {
  return {
    msgtype: 'm.file',
    body: name,
    filename: name,
    url: uri,
    info: { mimetype: contentType, size: Buffer.byteLength(content) },
    'm.mentions': {},
    'm.relates_to': relationTo(origin),
  };
}

/** A reply to the command, in its thread if it has one. */
function relationTo(origin: Origin): Json {
  const inReplyTo = { 'm.in_reply_to': { event_id: origin.event } };
  return origin.thread === undefined
    ? inReplyTo
    : { rel_type: 'm.thread', event_id: origin.thread, is_falling_back: false, ...inReplyTo };
}
