import { z } from 'zod';

import { formattedText } from './formatted-text.ts';

/** What a message says: to clients that show formatting, and to others. */
interface MessageText {
  readonly body?: string | undefined;
  /** The text of the formatted body, if it differs from the body. */
  readonly formatted?: string | undefined;
}

/** What is kept of a reported message: evidence, in case the message is redacted or purged later. */
export interface ReportedContent extends MessageText {
  /** Such as `m.room.message`. */
  readonly type: string;
  readonly msgtype?: string | undefined;
  /** Later edits, as far as the bot has seen them, newest last. */
  readonly edits?: readonly MessageText[] | undefined;
  /** Such as `image/png`. */
  readonly mimetype?: string | undefined;
  /** The mxc URI of its file; undefined if it names several. */
  readonly url?: string | undefined;
  /** All mxc URIs, if it names several: clients differ in which one they show. */
  readonly urls?: readonly string[] | undefined;
  readonly isEncrypted: boolean;
  /** When it was sent, by its server's clock, in milliseconds since 1970. */
  readonly sentAt?: number | undefined;
}

/** The maximum size of an event. */
const maxBodyLength = 65_536;
/** How many edits of a message are kept, the newest ones. */
const keptEdits = 5;
const maxNameLength = 255;

const text = (maxLength: number) =>
  z
    .string()
    .transform((value) => value.slice(0, maxLength).toWellFormed())
    .optional()
    .catch(undefined);

const messageText = z
  .object({ body: text(maxBodyLength), formatted_body: text(maxBodyLength) })
  .transform(({ body, formatted_body: html }): MessageText => {
    const formatted = html === undefined ? '' : formattedText(html);
    return formatted === '' || formatted === body?.trim() ? { body } : { body, formatted };
  });

const addresses = z.object({
  url: text(maxNameLength),
  file: z
    .object({ url: text(maxNameLength) })
    .optional()
    .catch(undefined),
});

const event = z.object({
  type: text(maxNameLength),
  origin_server_ts: z.number().optional().catch(undefined),
  content: z
    .object({
      msgtype: text(maxNameLength),
      ...addresses.shape,
      info: z
        .object({ mimetype: text(maxNameLength) })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
});

/** What to keep of an event, whatever its sender has put into it. */
export function contentOf(eventJson: unknown): ReportedContent {
  const read = event.safeParse(eventJson);
  const { type = 'unknown', origin_server_ts: sentAt, content } = read.data ?? {};
  return {
    ...textOf((eventJson as { content?: unknown } | null)?.content),
    type,
    msgtype: content?.msgtype,
    mimetype: content?.info?.mimetype,
    ...filesIn([content?.url, content?.file?.url]),
    isEncrypted: type === 'm.room.encrypted',
    sentAt,
  };
}

function textOf(content: unknown): MessageText {
  return messageText.safeParse(content).data ?? {};
}

/** The files that a message has named. */
export function filesOf({ url, urls }: Pick<ReportedContent, 'url' | 'urls'>): readonly string[] {
  return urls ?? (url === undefined ? [] : [url]);
}

function filesIn(urls: readonly (string | undefined)[]): Pick<ReportedContent, 'url' | 'urls'> {
  const files = [...new Set(urls.filter((url) => url !== undefined))];
  return files.length > 1 ? { url: undefined, urls: files.slice(-keptEdits) } : { url: files[0] };
}

/**
 * What was kept, with the edit that people see now added.
 *
 * @param newContent the `m.new_content` of the message's last edit
 */
export function withEdit(kept: ReportedContent, newContent: unknown): ReportedContent {
  const edit = textOf(newContent);
  const { edits = [] } = kept;
  const before = edits.at(-1) ?? kept;
  const named = addresses.safeParse(newContent).data;
  const files = filesIn([...filesOf(kept), named?.url, named?.file?.url]);
  return before.body === edit.body && before.formatted === edit.formatted
    ? { ...kept, ...files }
    : { ...kept, ...files, edits: [...edits, edit].slice(-keptEdits) };
}

/** Everything that the message says or has said, in all versions. */
export function textsOf({ body, formatted, edits = [] }: ReportedContent): string[] {
  return [{ body, formatted }, ...edits]
    .flatMap((words) => [words.body, words.formatted])
    .filter((words) => words !== undefined);
}

/** What was kept, from its JSON; undefined if nothing was kept or it can't be read. */
export function readContent(kept: string | null): ReportedContent | undefined {
  if (kept === null) {
    return undefined;
  }
  try {
    return JSON.parse(kept) as ReportedContent;
  } catch {
    return undefined;
  }
}
