import { z } from 'zod';

import { formattedText } from './formatted-text.ts';

/** What a message says, to those whose clients show formatting and to the others. */
export interface Wording {
  readonly body?: string | undefined;
  /** The text of its formatted body, where it is not the body's. */
  readonly formatted?: string | undefined;
}

/** What of a reported message is kept: evidence, where the message is redacted or purged later. */
export interface ReportedContent extends Wording {
  /** Such as `m.room.message`. */
  readonly type: string;
  readonly msgtype?: string | undefined;
  /** What its sender made of it later, as far as that was seen; the newest last. */
  readonly edits?: readonly Wording[] | undefined;
  /** Such as `image/png`. */
  readonly mimetype?: string | undefined;
  /** The mxc URI of its file; undefined where it names several. */
  readonly url?: string | undefined;
  /** Where it names several: clients differ in which one they show. */
  readonly urls?: readonly string[] | undefined;
  readonly isEncrypted: boolean;
  /** When it was sent, by its server's clock; milliseconds since 1970. */
  readonly sentAt?: number | undefined;
}

/** No event is larger. */
const maxBodyLength = 65_536;
/** So many edits of a message are kept, the newest. */
const keptEdits = 5;
const maxNameLength = 255;

const text = (longest: number) =>
  z
    .string()
    .transform((value) => value.slice(0, longest).toWellFormed())
    .optional()
    .catch(undefined);

const wording = z
  .object({ body: text(maxBodyLength), formatted_body: text(maxBodyLength) })
  .transform(({ body, formatted_body: html }): Wording => {
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

/** What is kept of an event, whatever its sender has put into it. */
export function contentOf(eventJson: unknown): ReportedContent {
  const read = event.safeParse(eventJson);
  const { type = 'unknown', origin_server_ts: sentAt, content } = read.data ?? {};
  return {
    ...wordingOf((eventJson as { content?: unknown } | null)?.content),
    type,
    msgtype: content?.msgtype,
    mimetype: content?.info?.mimetype,
    ...filesIn([content?.url, content?.file?.url]),
    isEncrypted: type === 'm.room.encrypted',
    sentAt,
  };
}

function wordingOf(content: unknown): Wording {
  return wording.safeParse(content).data ?? {};
}

/** The files that a message has named; none, one or several. */
export function filesOf({ url, urls }: Pick<ReportedContent, 'url' | 'urls'>): readonly string[] {
  return urls ?? (url === undefined ? [] : [url]);
}

function filesIn(urls: readonly (string | undefined)[]): Pick<ReportedContent, 'url' | 'urls'> {
  const files = [...new Set(urls.filter((url) => url !== undefined))];
  return files.length > 1 ? { url: undefined, urls: files.slice(-keptEdits) } : { url: files[0] };
}

/**
 * What was kept, with the edit that people see now.
 *
 * @param newContent the `m.new_content` of the message's last edit
 */
export function withEdit(kept: ReportedContent, newContent: unknown): ReportedContent {
  const edit = wordingOf(newContent);
  const { edits = [] } = kept;
  const before = edits.at(-1) ?? kept;
  const named = addresses.safeParse(newContent).data;
  const files = filesIn([...filesOf(kept), named?.url, named?.file?.url]);
  return before.body === edit.body && before.formatted === edit.formatted
    ? { ...kept, ...files }
    : { ...kept, ...files, edits: [...edits, edit].slice(-keptEdits) };
}

/** All that it says or has said, to whomever. */
export function textsOf({ body, formatted, edits = [] }: ReportedContent): string[] {
  return [{ body, formatted }, ...edits]
    .flatMap((words) => [words.body, words.formatted])
    .filter((words) => words !== undefined);
}

/** What was kept, from its JSON; undefined where nothing was, or it can't be read. */
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
