import type { EventId } from '../../core/ids.ts';

/** A message of the bot, as the room shows it. */
export interface OwnMessage {
  readonly event: EventId;
  /** Milliseconds since 1970. */
  readonly sentAt: number;
  /** What it answers. */
  readonly replyTo: EventId | undefined;
  /** The message that it replaces. */
  readonly edits: EventId | undefined;
  /** Undefined if it can't be decrypted. */
  readonly answer:
    | {
        readonly command: string;
        readonly status: string;
        readonly audit: readonly number[];
        readonly error?: { readonly code: string } | undefined;
        readonly data?: unknown;
      }
    | undefined;
  /** Of its body. */
  readonly firstLine: string;
}

/** A message of the bot with its newest edit. */
export interface Said extends OwnMessage {
  readonly isEdited: boolean;
}
