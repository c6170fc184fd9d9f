import { memberName } from '../chat/answers/untrusted-text.ts';
import type { Actor } from '../chat/command/invocation.ts';
import type { UserId } from '../core/ids.ts';

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
