import type { Origin } from '../chat/command/invocation.ts';
import type { EventId, RoomId, UserId } from '../core/ids.ts';

/** A text message of the management room, as the transport read it. */
export interface Message {
  readonly kind: 'message';
  readonly event: EventId;
  readonly room: RoomId;
  readonly sender: UserId;
  /** By the sender's server's clock. */
  readonly sentAt: number;
  /** Without the quoted part of a reply; pills are the IDs that they point to. */
  readonly text: string;
  /** Why its sender may have seen something else than `text`, as a sentence: it is no command then. */
  readonly doubt?: string;
  /** Whom the client says it mentions, by `m.mentions`. */
  readonly mentions?: readonly string[];
  /** Set by the pipeline where the text held a secret, and was dropped. */
  readonly heldSecret?: true;
  readonly thread: EventId | undefined;
  /** The event that its sender chose to reply to. */
  readonly replyTo: EventId | undefined;
  /** The event before it in its thread, to which a client let it reply without its sender's doing. */
  readonly fallsBackTo?: EventId;
  /** Set where it stands for a reaction, whose answer replies to what was reacted to. */
  readonly reactedTo?: EventId;
}

/** A reaction in the management room. */
export interface Reaction {
  readonly kind: 'reaction';
  readonly event: EventId;
  readonly room: RoomId;
  readonly sender: UserId;
  readonly sentAt: number;
  readonly target: EventId;
  readonly key: string;
}

/**
 * An edit, a file's caption or an emote. It may look like a command and never is one: a kind of its own, so
 * that nothing which carries commands out can be handed it.
 */
export interface Lookalike {
  readonly kind: 'lookalike';
  readonly form: 'edit' | 'caption' | 'emote';
  readonly event: EventId;
  readonly room: RoomId;
  readonly sender: UserId;
  readonly sentAt: number;
  readonly text: string;
  readonly heldSecret?: true;
  readonly thread?: EventId;
  /** The message that an edit changes. */
  readonly edits?: EventId;
}

export type Incoming = Message | Reaction | Lookalike;

/** What the answer to a message replies to. */
export function originOf(message: Message): Origin {
  return {
    event: message.event,
    room: message.room,
    ...(message.thread === undefined ? {} : { thread: message.thread }),
    ...(message.reactedTo === undefined ? {} : { inReplyTo: message.reactedTo }),
  };
}

/**
 * An ID for a message that no event of the room has asked for. Event IDs of rooms hold no blanks, so
 * nothing from a room can be mistaken for one.
 *
 * @param name a message is sent once under its name, also after a restart
 */
export function syntheticEvent(name: string): EventId {
  return `$ ${name}` as EventId;
}

export function isSynthetic(event: EventId): boolean {
  return event.includes(' ');
}
