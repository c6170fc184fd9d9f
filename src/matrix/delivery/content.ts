import { textOf } from '../../chat/answers/answer.ts';
import type {
  Answer,
  AnswerFile,
  Block,
  Column,
  Content,
  Inline,
} from '../../chat/answers/answer.ts';
import { visible, withoutSchemes } from '../../chat/answers/untrusted-text.ts';
import type { Origin } from '../../chat/command/invocation.ts';
import { parseRoomAlias, parseUserId } from '../../core/ids.ts';
import type { EventId, UserId } from '../../core/ids.ts';
import type { Reply } from '../../operations/answer/reply.ts';
import { isSynthetic } from '../../operations/management-room.ts';
import { maxClearContentBytes } from '../crypto/room-crypto.ts';
import { textWidth } from './text-width.ts';

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

/** What is uploaded of a file that belongs to an answer. */
export function fileBytes({ contentType, content }: AnswerFile): Buffer {
  return Buffer.from(content, contentType === 'image/png' ? 'base64' : 'utf8');
}

/** The content of a file that belongs to an answer; `location` says where it was uploaded. */
export function fileContent(file: AnswerFile, location: Json, origin: Origin): Json {
  const { name, contentType } = file;
  const isPicture = contentType === 'image/png';
  return {
    msgtype: isPicture ? 'm.image' : 'm.file',
    // A body that is not the name is a caption, and what screen readers say.
    body: isPicture ? file.description : name,
    filename: name,
    ...location,
    info: {
      mimetype: contentType,
      size: fileBytes(file).length,
      ...(isPicture ? { w: file.width, h: file.height } : {}),
    },
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

/** Like `visible`, but also shows blanks in IDs, which would get lost at the end or beside another blank. */
function visibleCode(text: string): string {
  const isId = (parseUserId(text) ?? parseRoomAlias(text)) !== undefined;
  return visible(
    isId
      ? text.replaceAll(/\p{Zs}/gu, (blank) =>
          blank === ' '
            ? '␠'
            : `⟨U+${blank.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`,
        )
      : text,
  );
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}

/** Removes everything from sentences that a client would turn into a link. Only code stays as it is. */
function contentText(content: Content): string {
  return textOf(content, (part) => {
    if (typeof part === 'string') {
      return withoutSchemes(visible(part));
    }
    switch (part.kind) {
      case 'code':
        return visibleCode(part.text);
      case 'link':
        return visible(part.address);
      case 'spoiler':
        return visible(part.plain);
    }
  });
}

/**
 * Text whose lines never break between a separator, an emoji or a number and the word that it belongs to,
 * and never inside a time. Only for HTML: programs also read the plain text.
 */
function heldTogether(text: string): string {
  return text
    .replaceAll(' · ', '\u00A0· ')
    .replaceAll(/(?<=\p{Extended_Pictographic}[\uFE0F\p{Emoji_Modifier}]?) (?:or )?/gu, (blanks) =>
      blanks.replaceAll(' ', '\u00A0'),
    )
    .replaceAll(/(\d{4})-(\d\d)-(\d\d) (\d\d:\d\d)/gu, '$1\u2011$2\u2011$3\u00A0$4')
    .replaceAll(/(?<=\d) (?=\p{L})|(?<=\p{L}) (?=#\d)/gu, '\u00A0');
}

function inlineHtml(inline: Inline): string {
  if (typeof inline === 'string') {
    return escapeHtml(heldTogether(withoutSchemes(visible(inline))));
  }
  switch (inline.kind) {
    case 'code':
      return `<code>${escapeHtml(visibleCode(inline.text))}</code>`;
    case 'spoiler':
      // https://spec.matrix.org/latest/client-server-api/#spoiler-messages
      return `<span data-mx-spoiler>${escapeHtml(visible(inline.text))}</span>`;
    case 'link':
      return `<a href="${escapeHtml(visible(inline.address))}">${escapeHtml(visible(inline.text))}</a>`;
    case 'bold':
      return `<strong>${inline.children.map(inlineHtml).join('')}</strong>`;
  }
}

const contentHtml = (content: Content): string => content.map(inlineHtml).join('');

function tableText(columns: readonly Column[], rows: readonly Content[][]): string {
  const cells = [
    columns.map(({ title }) => visible(title)),
    ...rows.map((row) => row.map(contentText)),
  ];
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => textWidth(row[at] ?? ''))));
  return cells
    .map((row) =>
      columns
        .map(({ align }, at) => {
          const cell = row[at] ?? '';
          const padding = ' '.repeat(Math.max(0, (widths[at] ?? 0) - textWidth(cell)));
          return align === 'right' ? `${padding}${cell}` : `${cell}${padding}`;
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

const listHtml = (items: readonly Content[]): string =>
  `<ul>${items.map((item) => `<li>${contentHtml(item)}</li>`).join('')}</ul>`;

/** The cells of a row, one after another. */
function joined(cells: readonly Content[]): Content {
  return cells
    .filter((cell) => cell.length > 0)
    .flatMap((cell, at) => (at === 0 ? cell : [' · ', ...cell]));
}

function blockText(block: Block): string {
  switch (block.kind) {
    case 'line':
      return contentText(block.content);
    case 'list':
      return block.items.map((item) => `- ${contentText(item)}`).join('\n');
    case 'table':
      return tableText(block.columns, block.rows);
  }
}

function blockHtml(block: Block): string {
  switch (block.kind) {
    case 'line':
      return contentHtml(block.content);
    case 'list':
      return listHtml(block.items);
    case 'table':
      return listHtml(block.rows.map(joined));
  }
}

/** An answer as plain text and as HTML that says the same. */
export function render(answer: Answer, prefix: string): { body: string; html: string } {
  const next = (answer.next ?? [])
    // Line breaks are shown as a sign: whoever copied such a line would send that instead.
    .filter((command) => !command.includes('\n'))
    .map((command) => `${prefix}${command}`);
  const title: Content = [`${answer.mark} `, ...answer.title];
  const blocks: Block[] = [
    { kind: 'line', content: title },
    ...(answer.body ?? []),
    ...(next.length === 0
      ? []
      : [
          {
            kind: 'line' as const,
            content: [
              'Next: ',
              ...next.flatMap((text, at): Inline[] => [
                ...(at === 0 ? [] : [' · ']),
                { kind: 'code', text },
              ]),
            ],
          },
        ]),
  ];
  const shown = blocks.filter((block) => block.kind !== 'line' || block.content.length > 0);
  let html = '';
  for (const [at, block] of shown.entries()) {
    // Lists already start and end with a line break.
    const follows = at > 0 && block.kind === 'line' && shown[at - 1]?.kind === 'line';
    html += `${follows ? '<br>' : ''}${blockHtml(block)}`;
  }
  return { body: shown.map(blockText).join('\n'), html };
}
