import { z } from 'zod';

import type { UserId } from '../../core/ids.ts';

/** Who can read messages in a direct room, according to its state. */
interface DirectState {
  /** Joined, invited or knocking. */
  readonly present: ReadonlySet<string>;
  /** Whether the bot and the person are joined, and nobody else is present. */
  readonly isJoined: boolean;
  /** Whether the person is joined or invited, nobody else is present, and only the bot can change that. */
  readonly isPrivate: boolean;
  /** `joined`, `invited`, `shared` or `world_readable`. */
  readonly visibility: string;
}

const stateEvent = z.object({
  type: z.string(),
  state_key: z.string(),
  content: z.record(z.string(), z.unknown()),
});

const levels = z.object({
  users: z.record(z.string(), z.number()).default({}),
  users_default: z.number().default(0),
  invite: z.number().default(0),
  state_default: z.number().default(50),
  events: z.record(z.string(), z.number()).default({}),
});

const presence: ReadonlySet<unknown> = new Set(['join', 'invite', 'knock']);
/** Changing these could let others in, or let them read earlier messages. */
const decisive = ['m.room.power_levels', 'm.room.join_rules', 'm.room.history_visibility'];

/**
 * Reads the state of a direct room. If something can't be read, the room does not count as private.
 *
 * @param state all state events of the room, raw
 */
export function readDirectState(
  state: readonly unknown[],
  { user, botUser }: { readonly user: UserId; readonly botUser: UserId },
): DirectState {
  const events = state.flatMap((event) => {
    const read = stateEvent.safeParse(event);
    return read.success ? [read.data] : [];
  });
  const contentOf = (type: string) =>
    events.find((event) => event.type === type && event.state_key === '')?.content ?? {};
  const memberships = new Map(
    events
      .filter(({ type }) => type === 'm.room.member')
      .map(({ state_key, content }) => [state_key, content['membership']]),
  );
  const present = new Set(
    [...memberships].filter(([, membership]) => presence.has(membership)).map(([member]) => member),
  );
  const areAlone = present.size === 2 && present.has(user) && present.has(botUser);
  return {
    present,
    isJoined: areAlone && memberships.get(user) === 'join',
    isPrivate:
      areAlone &&
      memberships.get(botUser) === 'join' &&
      memberships.get(user) !== 'knock' &&
      contentOf('m.room.join_rules')['join_rule'] === 'invite' &&
      isPowerless(contentOf('m.room.power_levels'), user),
    visibility: z
      .string()
      .catch('shared')
      .parse(contentOf('m.room.history_visibility')['history_visibility']),
  };
}

/** Whether a member can neither invite others nor change who can read. */
function isPowerless(content: Readonly<Record<string, unknown>>, user: UserId): boolean {
  const read = levels.safeParse(content);
  if (!read.success) {
    return false;
  }
  const { users, users_default, invite, state_default, events } = read.data;
  const own = users[user] ?? users_default;
  return own < invite && decisive.every((type) => own < (events[type] ?? state_default));
}
