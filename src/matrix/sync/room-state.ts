import { z } from 'zod';

import { parseUserId } from '../../core/ids.ts';
import type { UserId } from '../../core/ids.ts';
import type { Opening } from '../../operations/authorize/open-room.ts';
import type { Members } from '../../operations/members.ts';
import { levelForMessages, writtenPower } from './may-send.ts';
import { readTombstone } from './tombstone.ts';
import type { Tombstone } from './tombstone.ts';

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

const createContent = z.object({
  room_version: z.string().catch('1').default('1'),
  // Entry by entry: one that is no user ID takes nothing from the others.
  additional_creators: z
    .array(z.unknown())
    .catch([])
    .default([])
    .transform((creators) => creators.filter((one) => typeof one === 'string')),
});

/** Room versions whose creators stand above every power level. */
function creatorsRule(roomVersion: string): boolean {
  return /^\d+$/u.test(roomVersion) && Number(roomVersion) >= 12;
}

/** A power level of each user that a room names, and of all others. */
interface Levels {
  readonly users: ReadonlyMap<string, number>;
  readonly usersDefault: number;
}

const noLevels: Levels = { users: new Map(), usersDefault: 0 };

/** The management room's state, as far as roles need it. */
export class RoomState implements Members {
  #members = new Map<string, { membership: string; displayName: string | null }>();
  /** What roles go by: what can't be read gives no power. */
  #levels = noLevels;
  /** What protection goes by: what can't be read is as it was before, or as high as it could be. */
  #protectedLevels = noLevels;
  #creators = new Set<string>();
  #powerContent: Readonly<Record<string, unknown>> = {};
  #tombstone: Tombstone | undefined;
  #joinRule: unknown;
  #historyVisibility: unknown;
  encrypted = false;

  /** Takes in a state event; others are ignored. */
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
      this.#levels = readableLevels(content);
      this.#protectedLevels = cautiousLevels(content, this.#protectedLevels);
      this.#powerContent = content;
    }
    if (type === 'm.room.create') {
      const create = createContent.safeParse(content);
      this.#creators =
        create.success && creatorsRule(create.data.room_version)
          ? new Set([sender, ...create.data.additional_creators])
          : new Set();
    }
    if (type === 'm.room.join_rules') {
      this.#joinRule = content['join_rule'];
    }
    if (type === 'm.room.history_visibility') {
      this.#historyVisibility = content['history_visibility'];
    }
    if (type === 'm.room.tombstone') {
      this.#tombstone = readTombstone({ sender, content });
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

  protectedLevel(user: UserId): number | undefined {
    if (this.#creators.has(user)) {
      return Number.POSITIVE_INFINITY;
    }
    const { users, usersDefault } = this.#protectedLevels;
    const membership = this.#members.get(user)?.membership;
    // Who is invited needs nobody's help to come in; anybody else has what the room gives by name.
    return (
      users.get(user) ??
      (membership === 'join' || membership === 'invite' ? usersDefault : undefined)
    );
  }

  /** Says that another room has replaced this one; undefined if none has. */
  get tombstone(): Tombstone | undefined {
    return this.#tombstone;
  }

  /**
   * Why nobody here would hear a member: another room has replaced this one, or its power level is too
   * low for messages. Undefined if neither is known to be so; levels that can't be read tell nothing.
   */
  silence(user: UserId): string | undefined {
    if (this.#tombstone !== undefined) {
      const { replacement } = this.#tombstone;
      return `it was closed and replaced by ${replacement ?? 'a room that can’t be read'}`;
    }
    if (this.#creators.has(user)) {
      return undefined;
    }
    const has = writtenPower(this.#powerContent, user);
    const needs = levelForMessages(this.#powerContent, this.encrypted);
    return has < needs ? `my power level there is ${has}, and messages need ${needs}` : undefined;
  }

  /** How strangers can come in or listen. */
  openings(): Opening[] {
    return [
      ...(this.#joinRule === 'public' ? (['public'] as const) : []),
      ...(this.#historyVisibility === 'world_readable' ? (['world_readable'] as const) : []),
    ];
  }

  joined(): UserId[] {
    return [...this.#members]
      .filter(([, { membership }]) => membership === 'join')
      .flatMap(([user]) => parseUserId(user) ?? []);
  }

  displayName(user: UserId): string | null {
    return this.#members.get(user)?.displayName ?? null;
  }
}

/** `content.users` as entries; undefined if it can't be read at all. */
function userEntries(content: Readonly<Record<string, unknown>>): [string, unknown][] | undefined {
  const users = z.record(z.string(), z.unknown()).optional().safeParse(content['users']);
  return users.success ? Object.entries(users.data ?? {}) : undefined;
}

/** A power level; undefined for what is none. */
function levelIn(value: unknown): number | undefined {
  return typeof value === 'number' && !Number.isNaN(value) ? value : undefined;
}

/** The levels as they can be read, entry by entry: one that is no number gives no power. */
function readableLevels(content: Readonly<Record<string, unknown>>): Levels {
  const given = content['users_default'];
  const usersDefault = given === undefined ? 0 : (levelIn(given) ?? 0);
  const entries = userEntries(content) ?? [];
  return {
    usersDefault,
    users: new Map(
      entries.map(([user, level]) => [user, levelIn(level) ?? Math.min(0, usersDefault)]),
    ),
  };
}

/**
 * The levels that protection goes by. An entry that is no number keeps the level that was there before.
 * If there was none, it counts as the integer that old room versions let people write as text, or as the
 * highest level of all.
 */
function cautiousLevels(content: Readonly<Record<string, unknown>>, before: Levels): Levels {
  const given = content['users_default'];
  const usersDefault =
    given === undefined
      ? 0
      : (levelIn(given) ?? Math.max(before.usersDefault, writtenLevel(given) ?? 0));
  const entries = userEntries(content);
  if (entries === undefined) {
    return { usersDefault, users: before.users };
  }
  const users = entries.map(([user, level]): [string, number] => [
    user,
    levelIn(level) ?? levelBefore(before.users.get(user), writtenLevel(level)),
  ]);
  return { usersDefault, users: new Map(users) };
}

/** The highest that is known of an entry which can't be read now. */
function levelBefore(...known: (number | undefined)[]): number {
  const levels = known.filter((level) => level !== undefined);
  return levels.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...levels);
}

/** `"100"` as 100. */
function writtenLevel(value: unknown): number | undefined {
  return typeof value === 'string' && /^\s*[+-]?\d+\s*$/u.test(value) ? Number(value) : undefined;
}
