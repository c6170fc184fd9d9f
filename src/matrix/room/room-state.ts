import { z } from 'zod';

import { parseRoomId, parseUserId } from '../../core/ids.ts';
import type { RoomId, UserId } from '../../core/ids.ts';
import { creatorsAbovePower } from '../../homeserver/room-creators.ts';
import type { Opening } from '../../operations/authorize/open-room.ts';
import type { Members } from '../../operations/management-room.ts';
import {
  noPowerLevels,
  powerToSend,
  readPowerLevels,
  readProtectedLevels,
  serverPowerOf,
} from './power-levels.ts';
import type { PowerLevelContent } from './power-levels.ts';

const stateEvent = z.object({
  type: z.string(),
  state_key: z.string(),
  sender: z.string(),
  content: z.record(z.string(), z.unknown()),
});

const memberContent = z.object({
  membership: z.string(),
  displayname: z.string().nullish(),
});

/** Says that another room has replaced this one. */
export interface Tombstone {
  /** Who says so. */
  readonly sender: string;
  /** Undefined if the content does not name a room ID. */
  readonly replacement: RoomId | undefined;
}

/** Reads `m.room.tombstone`. Without a replacement (for example, once redacted) it does not count. */
function readTombstone(
  sender: string,
  content: Readonly<Record<string, unknown>>,
): Tombstone | undefined {
  const { replacement_room: replacement } = content;
  return typeof replacement === 'string' && replacement !== ''
    ? { sender, replacement: parseRoomId(replacement) }
    : undefined;
}

/** The management room's state, as far as the bot needs it. */
export class RoomState implements Members {
  #members = new Map<string, { membership: string; displayName: string | null }>();
  #levels = noPowerLevels;
  #protectedLevels = noPowerLevels;
  #creators: ReadonlySet<string> = new Set<string>();
  #powerContent: PowerLevelContent = {};
  #tombstone: Tombstone | undefined;
  #joinRule: unknown;
  #historyVisibility: unknown;
  encrypted = false;

  /** Takes in a state event; ignores other events. */
  apply(raw: unknown): void {
    const parsed = stateEvent.safeParse(raw);
    if (!parsed.success) {
      return;
    }
    const { type, state_key: key, sender, content } = parsed.data;
    if (type === 'm.room.member' && parseUserId(key) !== undefined) {
      const member = memberContent.safeParse(content);
      this.#members.set(key, {
        membership: member.success ? member.data.membership : 'leave',
        displayName: member.success ? (member.data.displayname ?? null) : null,
      });
    }
    if (key !== '') {
      return;
    }
    if (type === 'm.room.power_levels') {
      this.#levels = readPowerLevels(content);
      this.#protectedLevels = readProtectedLevels(content, this.#protectedLevels);
      this.#powerContent = content;
    }
    if (type === 'm.room.create') {
      this.#creators = creatorsAbovePower({ sender, content });
    }
    if (type === 'm.room.join_rules') {
      this.#joinRule = content['join_rule'];
    }
    if (type === 'm.room.history_visibility') {
      this.#historyVisibility = content['history_visibility'];
    }
    if (type === 'm.room.tombstone') {
      this.#tombstone = readTombstone(sender, content);
    }
    if (type === 'm.room.encryption') {
      this.encrypted = true;
    }
  }

  isJoined(user: UserId): boolean {
    return this.#members.get(user)?.membership === 'join';
  }

  powerLevel(user: UserId): number {
    return this.#creators.has(user)
      ? Number.POSITIVE_INFINITY
      : (this.#levels.users.get(user) ?? this.#levels.usersDefault);
  }

  /** The power level of members that the room gives none by name. */
  get defaultPowerLevel(): number {
    return this.#levels.usersDefault;
  }

  protectedLevel(user: UserId): number | undefined {
    if (this.#creators.has(user)) {
      return Number.POSITIVE_INFINITY;
    }
    const { users, usersDefault } = this.#protectedLevels;
    const membership = this.#members.get(user)?.membership;
    // Invited users can join by themselves. Others have only what the room gives them by name.
    return (
      users.get(user) ??
      (membership === 'join' || membership === 'invite' ? usersDefault : undefined)
    );
  }

  /** Undefined if no room has replaced this one. */
  get tombstone(): Tombstone | undefined {
    return this.#tombstone;
  }

  /**
   * Why a member can't send messages here: another room has replaced this one, or the member's power level
   * is too low. Undefined if neither is known to be the case; levels that can't be read don't count.
   */
  whyUnableToSend(user: UserId): string | undefined {
    if (this.#tombstone !== undefined) {
      const { replacement } = this.#tombstone;
      return `it was closed and replaced by ${replacement ?? 'a room that can’t be read'}`;
    }
    const power = this.powerLackingToSend(user);
    return power && `my power level there is ${power.has}, and messages need ${power.needs}`;
  }

  /**
   * The power level that a member has, and the one that messages need, if it is too low for them. Undefined if
   * it is enough; levels that can't be read don't count.
   */
  powerLackingToSend(user: UserId): { readonly has: number; readonly needs: number } | undefined {
    if (this.#creators.has(user)) {
      return undefined;
    }
    const has = serverPowerOf(this.#powerContent, user);
    const needs = powerToSend(this.#powerContent, this.encrypted);
    return has < needs ? { has, needs } : undefined;
  }

  /** How strangers can join or read along. */
  openToStrangers(): Opening[] {
    return [
      ...(this.#joinRule === 'public' ? (['public'] as const) : []),
      ...(this.#historyVisibility === 'world_readable' ? (['world_readable'] as const) : []),
    ];
  }

  joined(): UserId[] {
    return this.#with('join');
  }

  invited(): UserId[] {
    return this.#with('invite');
  }

  #with(wanted: 'join' | 'invite'): UserId[] {
    return [...this.#members]
      .filter(([, { membership }]) => membership === wanted)
      .flatMap(([user]) => parseUserId(user) ?? []);
  }

  displayName(user: UserId): string | null {
    return this.#members.get(user)?.displayName ?? null;
  }
}
