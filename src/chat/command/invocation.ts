import type { EventId, RoomId, UserId } from '../../core/ids.ts';

/** Who acts: a person in the room, a rule, or a timer that a person has set. */
export type Actor =
  | { readonly kind: 'person'; readonly user: UserId }
  | { readonly kind: 'rule'; readonly name: string }
  | { readonly kind: 'timer'; readonly timer: number; readonly user: UserId };

/** The actor as the audit log keeps it: a user ID, `rule:NAME`, or `timer:NUMBER`. */
export function actorName(actor: Actor): string {
  switch (actor.kind) {
    case 'person':
      return actor.user;
    case 'rule':
      return `rule:${actor.name}`;
    case 'timer':
      return `timer:${actor.timer}`;
  }
}

/** The event that asked, which the answer replies to. */
export interface Origin {
  readonly event: EventId;
  readonly room: RoomId;
  /** Set if the command was sent in a thread. */
  readonly thread?: EventId;
  /** What the answer replies to, if that is not `event`. */
  readonly inReplyTo?: EventId;
  /** The item of the report queue in whose card's thread the answer stands. */
  readonly card?: number;
}

/** A value that survives being stored. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

/** An account or a room that was named together with others, and the reason why nothing is done to it. */
export interface LeftOut {
  /**
   * The ID of the account or room; or what it is called, if its ID must not be shown. The key is always `user`,
   * as in stored operations.
   */
  readonly user: string;
  /** The rest of a sentence that begins with its ID: `is already deactivated`. */
  readonly why: string;
}

/** A command that takes back one audit entry. */
export interface Reversal {
  /** The audit entry. */
  readonly entry: number;
  readonly command: string;
  readonly arguments: Readonly<Record<string, Json>>;
  /** As in `Invocation`. */
  readonly on?: string;
}

/** What `undo last` stands for. */
export interface LastUndo {
  /** The audit entry that it takes back, and its command. */
  readonly entry: number;
  readonly command: string;
  /** Newer entries of the same person that undid others, the newest first. */
  readonly skipped: readonly { readonly id: number; readonly of: number }[];
}

/** One thing asked for, whoever asked: what is confirmed, carried out and audited. */
export interface Invocation {
  readonly command: string;
  readonly arguments: Readonly<Record<string, Json>>;
  readonly reason?: string;
  /**
   * The server name of the homeserver that it is about, if that is not the first and does not follow from the accounts
   * that it acts on.
   */
  readonly on?: string;
  readonly dryRun: boolean;
  /** Set if protected accounts may be touched, too; critical, whatever the command. */
  readonly overrideProtection?: true;
  /** The filters by which its accounts were found, with absolute times. They were applied once. */
  readonly matching?: string;
  /** The accounts that were left out before it was confirmed: its outcome names them, too. */
  readonly leftOut?: readonly LeftOut[];
  /** The commands that undo an operation, in the order in which they run. Found once. */
  readonly reversals?: readonly Reversal[];
  /** Set for `undo last`. */
  readonly lastUndo?: LastUndo;
  /** When it runs, if not at once. Milliseconds since 1970. */
  readonly notBefore?: number;
  /** Milliseconds after which it is undone. */
  readonly forMs?: number;
  readonly actor: Actor;
  readonly origin: Origin;
  /** The item of the report queue that it was sent about. */
  readonly item?: number;
  /** The arguments that were left out and filled in from that item. */
  readonly filledIn?: readonly string[];
}
