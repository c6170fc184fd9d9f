import { z } from 'zod';

import { parseUserId } from '../ids.ts';
import type { UserId } from '../ids.ts';
import type { Members } from '../pipeline/house.ts';

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

const powerLevelContent = z.object({
  users: z.record(z.string(), z.number()).default({}),
  users_default: z.number().default(0),
});

const createContent = z.object({
  room_version: z.string().catch('1').default('1'),
  additional_creators: z.array(z.string()).catch([]).default([]),
});

/** Room versions whose creators stand above every power level. */
function creatorsRule(roomVersion: string): boolean {
  return /^\d+$/u.test(roomVersion) && Number(roomVersion) >= 12;
}

/** The management room's state, as far as roles need it. */
export class RoomState implements Members {
  #members = new Map<string, { membership: string; displayName: string | null }>();
  #levels: z.output<typeof powerLevelContent> = { users: {}, users_default: 0 };
  #creators = new Set<string>();
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
      // A broken event gives nobody power.
      const levels = powerLevelContent.safeParse(content);
      this.#levels = levels.success ? levels.data : { users: {}, users_default: 0 };
    }
    if (type === 'm.room.create') {
      const create = createContent.safeParse(content);
      this.#creators =
        create.success && creatorsRule(create.data.room_version)
          ? new Set([sender, ...create.data.additional_creators])
          : new Set();
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
      : (this.#levels.users[user] ?? this.#levels.users_default);
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
