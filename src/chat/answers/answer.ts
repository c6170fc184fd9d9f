import type { MxcUri, RoomId } from '../../core/ids.ts';
import type { MatrixToLink } from '../reading/values.ts';

/**
 * What the bot says, before it is rendered as plain text and HTML. Strings are data: the renderer escapes
 * them and makes control characters visible, so nothing that users wrote can break out.
 */
export type Inline =
  | string
  | { readonly kind: 'bold'; readonly children: readonly Inline[] }
  | { readonly kind: 'code'; readonly text: string }
  /** Hidden until the reader taps it; `plain` is its replacement in the plain text. */
  | { readonly kind: 'spoiler'; readonly text: string; readonly plain: string }
  /** A link to a message, a room or a user; the plain text has the address instead. */
  | { readonly kind: 'link'; readonly text: string; readonly address: MatrixToLink };

export type Content = readonly Inline[];

export type Block =
  | { readonly kind: 'line'; readonly content: Content }
  | { readonly kind: 'list'; readonly items: readonly Content[] }
  /**
   * A table in the plain text. In HTML it is a list whose items have the cells of a row, because tables don't
   * fit on a phone. So each cell must make sense without the title of its column.
   */
  | {
      readonly kind: 'table';
      readonly columns: readonly Column[];
      readonly rows: readonly Content[][];
    };

export interface Column {
  readonly title: string;
  /** Numbers read better if they are aligned on the right. */
  readonly align?: 'right';
}

/** The icon in front: ✅ done · ⏳ running or waiting · ❌ failed or refused · ⚠️ needs attention · ℹ️ information */
export type Mark = '✅' | '⏳' | '❌' | '⚠️' | 'ℹ️';

export interface Answer {
  readonly mark: Mark;
  /** The result. It may be all that a tired person reads. */
  readonly title: Content;
  readonly body?: readonly Block[];
  /** Commands that can be copied, without the prefix. */
  readonly next?: readonly string[];
  /** Default: `done`. Set it if the operation continues, or if the answer is about one that failed. */
  readonly status?: Status;
  /** The command line of the next page, which `more` runs; without the prefix. */
  readonly more?: string;
  /** Sent after the answer. */
  readonly file?: AnswerFile;
  /** For programs: what was found, with our names. It is sent with the API's names. Never holds a secret. */
  readonly data?: unknown;
}

/** What a person is shown before they confirm. */
export interface Preview {
  /** Such as `Deactivate Mallory and erase?` */
  readonly title: Content;
  readonly body: readonly Block[];
  /** What can't be undone, in one sentence. */
  readonly warning?: string;
  /** What is special about this account. A preview of several accounts shows nothing else about it. */
  readonly facts?: readonly string[];
  /** How much it affects. For several accounts, the command's `plan` gets the sums. */
  readonly numbers?: Readonly<Record<string, number>>;
  /** Each of several rooms, for a file if there are too many for a message. */
  readonly rooms?: readonly RoomRow[];
  /** Each of several media files, likewise. */
  readonly media?: readonly MediaRow[];
}

/** A room in a file, by column. All rooms of a file have the same columns; `room_id` is the first. */
type RoomRow = { readonly room_id: RoomId } & Readonly<Record<string, string | number>>;

/** A media file in a file, by column, as `RoomRow`. */
type MediaRow = { readonly mxc_uri: MxcUri } & Readonly<Record<string, string | number>>;

/** A file that is sent with an answer. It never holds secrets. */
export type AnswerFile = TextFile | PictureFile;

interface TextFile {
  readonly name: string;
  readonly contentType: 'text/csv' | 'text/markdown' | 'application/json' | 'application/jsonl';
  readonly content: string;
}

export interface PictureFile {
  readonly name: string;
  readonly contentType: 'image/png';
  /** In Base64: messages are stored as JSON until they are sent. */
  readonly content: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** For people who don't see it, and below the picture. */
  readonly description: string;
}

/** The names that people, programs and the audit log see. */
export type Status =
  | 'done'
  | 'pending'
  | 'running'
  | 'failed'
  | 'usage'
  | 'denied'
  | 'protected'
  | 'cancelled'
  | 'expired'
  | 'dry_run'
  | 'unknown'
  | 'stale'
  | 'partial';

export function bold(...children: Inline[]): Inline {
  return { kind: 'bold', children };
}

export function code(text: string): Inline {
  return { kind: 'code', text };
}

export function spoiler(text: string, plain: string): Inline {
  return { kind: 'spoiler', text, plain };
}

export function link(text: string, address: MatrixToLink): Inline {
  return { kind: 'link', text, address };
}

/** A sentence of the bot's own; backticks in it mark commands and IDs. */
export function sentence(text: string): Inline[] {
  return text
    .split('`')
    .map((part, index): Inline => (index % 2 === 0 ? part : code(part)))
    .filter((part) => part !== '');
}

export function line(...content: Inline[]): Block {
  return { kind: 'line', content };
}

/** Joins the given parts with ` · `. */
export function facts(...parts: (Inline | readonly Inline[] | undefined | false)[]): Block {
  const content: Inline[] = [];
  for (const part of parts) {
    if (part !== undefined && part !== false) {
      content.push(
        ...(content.length === 0 ? [] : [' · ']),
        ...(Array.isArray(part) ? part : [part as Inline]),
      );
    }
  }
  return { kind: 'line', content };
}

/**
 * The text of content.
 *
 * @param write the text of each part that is not bold; by default the text as it is
 */
export function textOf(
  content: Content,
  write: (part: Exclude<Inline, { kind: 'bold' }>) => string = plainText,
): string {
  return content
    .map((part) =>
      typeof part === 'object' && part.kind === 'bold' ? textOf(part.children, write) : write(part),
    )
    .join('');
}

function plainText(part: Exclude<Inline, { kind: 'bold' }>): string {
  if (typeof part === 'string') {
    return part;
  }
  return part.kind === 'link' ? part.address : part.text;
}
