import { memberName } from '../chat/answers/untrusted-text.ts';
import type { Actor, Origin } from '../chat/command/invocation.ts';
import type { StructuredCommand } from '../chat/command/structured.ts';
import type { EventId, RoomId, UserId } from '../core/ids.ts';
import { present } from '../core/present.ts';

/** A text message of the management room. */
export interface Message {
  readonly kind: 'message';
  readonly event: EventId;
  readonly room: RoomId;
  readonly sender: UserId;
  /** By the sender's server's clock. */
  readonly sentAt: number;
  /** Without the quoted part of a reply, and with IDs in place of pills. */
  readonly text: string;
  /** The same as its sender typed it, with the marks of Markdown that `text` lacks because of pills. */
  readonly typed?: string;
  /** The command that a client has sent as a field; `unreadable` if the field is in no known form. */
  readonly structured?: StructuredCommand | 'unreadable';
  /** Why its sender may have seen something other than `text`, as a sentence: then it is not a command. */
  readonly doubt?: string;
  /** The user IDs in `m.mentions`. */
  readonly mentions?: readonly string[];
  /** Set if the text contained a secret. The text is dropped then. */
  readonly heldSecret?: true;
  readonly thread: EventId | undefined;
  /** The event that its sender chose to reply to. */
  readonly replyTo: EventId | undefined;
  /** The event before it in its thread, which a client gives for clients that don't show threads. */
  readonly fallsBackTo?: EventId;
  /** Set if it stands for a reaction: the answer replies to the event that was reacted to. */
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
 * An edit, a file's caption or an emote. It may look like a command and is never one. It has a type of its
 * own, so that it can't be passed to what carries out commands.
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
    ...present({ thread: message.thread, inReplyTo: message.reactedTo }),
  };
}

/** The answer to an edit replies to the message that it changes. */
export function originOfLookalike({ event, room, thread, edits, heldSecret }: Lookalike): Origin {
  return {
    // Not the message's own ID: the message may have an answer of its own.
    event: edits === undefined || heldSecret === true ? event : (`${edits} edited` as EventId),
    room,
    ...present({ thread, inReplyTo: edits }),
  };
}

/**
 * An ID for a message that no event of the room has asked for. Event IDs of rooms hold no blanks, so
 * nothing from a room can be mistaken for one.
 *
 * @param name the message is sent only once under this name, even after a restart
 */
export function syntheticEvent(name: string): EventId {
  return `$ ${name}` as EventId;
}

export function isSynthetic(event: EventId): boolean {
  return event.includes(' ');
}

/** The management room's members, as the room's state shows them. */
export interface Members {
  isJoined(user: UserId): boolean;
  /** Infinity for a creator of a room of version 12. */
  powerLevel(user: UserId): number;
  /**
   * The power level that a user has, or would have after accepting an invite or coming back; `undefined`
   * if the room gives them nothing special. Unlike `powerLevel`, state that can't be read counts in the
   * user's favor, because this decides who is protected.
   */
  protectedLevel(user: UserId): number | undefined;
  displayName(user: UserId): string | null;
  joined(): UserId[];
}

type Names = Pick<Members, 'displayName'>;

/** A member's display name in the room, with their ID. */
export function nameOf(members: Names, user: UserId): string {
  return memberName(user, members.displayName(user));
}

/** Who asked for an operation, for people to read. */
export function askerName(members: Names, actor: Actor): string {
  switch (actor.kind) {
    case 'person':
      return nameOf(members, actor.user);
    case 'rule':
      return `rule ${actor.name}`;
    case 'timer':
      return `the timer of ${nameOf(members, actor.user)}`;
  }
}

/** Whether the bot can send messages to the management room. While it can't, it starts nothing. */
export interface SendPermission {
  /** Why it can't; undefined if it can. */
  whyMissing(): string | undefined;
  /** Resolves when it can: true, or false if the bot is stopping and must start nothing. */
  granted(): Promise<boolean>;
}
