import type { Absent } from '../chat/answers/absent.ts';
import { dangerOf, subjectOf } from '../chat/command/declaration.ts';
import type { Command, Danger, Role } from '../chat/command/declaration.ts';
import type { Invocation } from '../chat/command/invocation.ts';
import type { UserId } from '../core/ids.ts';
import type { Account } from '../services/services.ts';

declare const stage: unique symbol;
interface Stage<Name extends string> {
  readonly [stage]: Name;
}

/** A message that was read as a command. */
export interface Parsed {
  readonly command: Command;
  readonly danger: Danger;
  readonly invocation: Invocation;
  /** Accounts that were typed as plain words, without `@`: each may be a word of prose. */
  readonly plainWords?: ReadonlySet<UserId>;
}

/** Whoever asks for it may do so. Only `authorize` makes one. */
export type Authorized = Parsed & Stage<'authorized'> & { readonly role: Role };

/** Its accounts exist, belong to this server, and may be touched. Only `resolve` makes one. */
export type Resolved = Omit<Authorized, typeof stage> &
  Stage<'resolved'> & {
    /** The accounts that it acts on, in the order given; empty if it acts on none. */
    readonly accounts: readonly Account[];
    /** Accounts that were named and are not acted on. */
    readonly leftOut: readonly LeftOut[];
    /** The users and rooms that a read asks about and that this server does not have. */
    readonly absent: readonly Absent[];
  };

/** An account that was named together with others, and the reason why nothing is done to it. */
export interface LeftOut {
  readonly user: UserId;
  /** The rest of a sentence that begins with its ID: `is already deactivated`. */
  readonly why: string;
}

/** Everybody who must agree has agreed, and its first intent is committed. Only `confirm` makes one. */
export type Confirmed = Omit<Resolved, typeof stage> &
  Stage<'confirmed'> & {
    readonly confirmer: UserId | undefined;
    /** The audit entry of the first account; undefined for what changes nothing. */
    readonly intent: number | undefined;
  };

/** Marks a value as having passed a stage. Only stages call this. */
export function passed<Next>(value: Omit<Next, typeof stage>): Next {
  return value as Next;
}

/** The accounts that a command names. */
export function targetsOf({
  command,
  invocation,
}: Pick<Parsed, 'command' | 'invocation'>): UserId[] {
  const given = invocation.arguments[subjectOf(command) ?? ''];
  return given === undefined ? [] : ([given].flat() as UserId[]);
}

/** Overriding protection is critical, however harmless the command is otherwise. */
export function dangerOfInvocation(command: Command, invocation: Invocation): Danger {
  return invocation.overrideProtection === true
    ? 'critical'
    : dangerOf(command, invocation.arguments);
}
