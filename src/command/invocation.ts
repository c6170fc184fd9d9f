import type { EventId, RoomId, UserId } from '../ids.ts';

/** Who acts: a person in the room, or a rule. */
export type Actor =
  | { readonly kind: 'person'; readonly user: UserId }
  | { readonly kind: 'rule'; readonly name: string };

/** The actor as the audit log keeps it: a user ID, or `rule:NAME`. */
export function actorName(actor: Actor): string {
  return actor.kind === 'person' ? actor.user : `rule:${actor.name}`;
}

/** The event that asked, which the answer replies to. */
export interface Origin {
  readonly event: EventId;
  readonly room: RoomId;
  /** Set where the command was sent in a thread. */
  readonly thread?: EventId;
}

/** A value that survives being stored. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json };

/** One thing asked for, whoever asked: what is confirmed, executed and audited. */
export interface Invocation {
  readonly command: string;
  readonly arguments: Readonly<Record<string, Json>>;
  readonly reason?: string;
  readonly dryRun: boolean;
  /** Set where protected accounts may be touched all the same; critical, whatever the command. */
  readonly overrideProtection?: true;
  readonly actor: Actor;
  readonly origin: Origin;
}
