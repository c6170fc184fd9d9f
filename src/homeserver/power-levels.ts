import { z } from 'zod';

import type { StateEvent } from './admin/events.ts';
import { creatorsAbovePower } from './room-creators.ts';

/** Old rooms contain some levels as text. Anything that isn't a number, or is too large for one, counts as missing. */
const level = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\s*[+-]?\d+\s*$/u)
      .transform(Number)
      .refine(Number.isFinite),
  ])
  .optional()
  .catch(undefined);

const contentForm = z.object({
  users: z.record(z.string(), level).catch({}).default({}),
  users_default: level,
  events: z.record(z.string(), level).catch({}).default({}),
  events_default: level,
  state_default: level,
  ban: level,
  kick: level,
  redact: level,
});

/** What people send in conversations. Whoever may send none of these is mute. */
const spokenTypes = ['m.room.message', 'm.room.encrypted', 'm.reaction', 'm.sticker'] as const;

/** Who may do what in a room. */
export interface PowerLevels {
  /** The power level of a user; infinite for the creators of a room since version 12. */
  of(user: string): number;
  /** The level that the room gives this user by name; undefined if they have the default. */
  named(user: string): number | undefined;
  /** The level of users that the room does not name. */
  readonly usersDefault: number;
  readonly users: Readonly<Record<string, number | undefined>>;
  readonly creators: ReadonlySet<string>;
  /** The level that it takes to do this to somebody of a lower level. */
  readonly toBan: number;
  readonly toKick: number;
  readonly toRedact: number;
  readonly toChangePower: number;
  /** The least level with which a user can send something to a conversation. */
  readonly toSpeak: number;
  /** The level that it takes to send a message event of a type. */
  toSend(type: string): number;
}

/**
 * Reads the power levels of a room.
 * https://spec.matrix.org/latest/client-server-api/#mroompower_levels
 *
 * @param power the room's `m.room.power_levels`; without them, only its creator has power
 * @param create the room's `m.room.create`
 */
export function readPowerLevels(
  power: Pick<StateEvent, 'content'> | undefined,
  create: Pick<StateEvent, 'content' | 'sender'> | undefined,
): PowerLevels {
  const content = contentForm.parse(power?.content ?? {});
  const { users: named, events } = content;
  const users: Record<string, number | undefined> =
    power === undefined && create !== undefined ? { [create.sender]: 100 } : named;
  const creators = creatorsAbovePower(create);
  const usersDefault = content.users_default ?? 0;
  const stateDefault = content.state_default ?? (power === undefined ? 0 : 50);
  const ofUser = (user: string) => (Object.hasOwn(users, user) ? users[user] : undefined);
  const toSend = (type: string) =>
    (Object.hasOwn(events, type) ? events[type] : undefined) ?? content.events_default ?? 0;
  return {
    of: (user) => (creators.has(user) ? Number.POSITIVE_INFINITY : (ofUser(user) ?? usersDefault)),
    named: ofUser,
    usersDefault,
    users,
    creators,
    toBan: content.ban ?? 50,
    toKick: content.kick ?? 50,
    toRedact: content.redact ?? 50,
    toChangePower: events['m.room.power_levels'] ?? stateDefault,
    toSpeak: Math.min(...spokenTypes.map(toSend)),
    toSend,
  };
}
