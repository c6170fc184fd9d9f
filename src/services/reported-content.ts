import { z } from 'zod';

/** What of a reported message is kept: evidence, where the message is redacted or purged later. */
export interface ReportedContent {
  /** Such as `m.room.message`. */
  readonly type: string;
  readonly msgtype?: string | undefined;
  /** Cut to what people and rules need. */
  readonly body?: string | undefined;
  /** Such as `image/png`. */
  readonly mimetype?: string | undefined;
  /** The mxc URI of its file. */
  readonly url?: string | undefined;
  readonly isEncrypted: boolean;
  /** When it was sent, by its server's clock; milliseconds since 1970. */
  readonly sentAt?: number | undefined;
}

const longestBody = 4000;
const longestName = 255;

const text = (longest: number) =>
  z
    .string()
    .transform((value) => value.slice(0, longest).toWellFormed())
    .optional()
    .catch(undefined);

const event = z.object({
  type: text(longestName),
  origin_server_ts: z.number().optional().catch(undefined),
  content: z
    .object({
      msgtype: text(longestName),
      body: text(longestBody),
      url: text(longestName),
      file: z
        .object({ url: text(longestName) })
        .optional()
        .catch(undefined),
      info: z
        .object({ mimetype: text(longestName) })
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
    type,
    msgtype: content?.msgtype,
    body: content?.body,
    mimetype: content?.info?.mimetype,
    url: content?.url ?? content?.file?.url,
    isEncrypted: type === 'm.room.encrypted',
    sentAt,
  };
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
