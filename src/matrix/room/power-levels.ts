import { z } from 'zod';

/** The content of `m.room.power_levels`. */
export type PowerLevelContent = Readonly<Record<string, unknown>>;

/** A power level for each user that a room names, and one for all others. */
interface PowerLevels {
  readonly users: ReadonlyMap<string, number>;
  readonly usersDefault: number;
}

export const noPowerLevels: PowerLevels = { users: new Map(), usersDefault: 0 };

/** The levels that roles go by. A level that is not a number gives no power. */
export function readPowerLevels(content: PowerLevelContent): PowerLevels {
  const given = content['users_default'];
  const usersDefault = given === undefined ? 0 : (numberIn(given) ?? 0);
  const entries = userEntries(content) ?? [];
  return {
    usersDefault,
    users: new Map(
      entries.map(([user, level]) => [user, numberIn(level) ?? Math.min(0, usersDefault)]),
    ),
  };
}

/**
 * The levels that protection goes by. A level that is not a number stays as it was before. If there was
 * none, it counts as the integer that old room versions allow to be written as text, or else as the
 * highest level of all.
 */
export function readProtectedLevels(content: PowerLevelContent, before: PowerLevels): PowerLevels {
  const given = content['users_default'];
  const usersDefault =
    given === undefined
      ? 0
      : (numberIn(given) ?? Math.max(before.usersDefault, integerInText(given) ?? 0));
  const entries = userEntries(content);
  if (entries === undefined) {
    return { usersDefault, users: before.users };
  }
  const users = entries.map(([user, level]): [string, number] => [
    user,
    numberIn(level) ?? highestOf(before.users.get(user), integerInText(level)),
  ]);
  return { usersDefault, users: new Map(users) };
}

/** `content.users` as entries; undefined if it can't be read at all. */
function userEntries(content: PowerLevelContent): [string, unknown][] | undefined {
  const users = z.record(z.string(), z.unknown()).optional().safeParse(content['users']);
  return users.success ? Object.entries(users.data ?? {}) : undefined;
}

function numberIn(value: unknown): number | undefined {
  return typeof value === 'number' && !Number.isNaN(value) ? value : undefined;
}

/** `"100"` as 100. */
function integerInText(value: unknown): number | undefined {
  return typeof value === 'string' && /^\s*[+-]?\d+\s*$/u.test(value) ? Number(value) : undefined;
}

/** The highest known level; infinite if none is known. */
function highestOf(...levels: (number | undefined)[]): number {
  const known = levels.filter((level) => level !== undefined);
  return known.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...known);
}

/** The power level of a user as the homeserver reads it; NaN if it can't be read. */
export function serverPowerOf(content: PowerLevelContent, user: string): number {
  return levelAt(content['users'], user, levelAt(content, 'users_default', 0));
}

/** The power level that sending a message needs; NaN if it can't be read. */
export function powerToSend(content: PowerLevelContent, isEncrypted: boolean): number {
  const type = isEncrypted ? 'm.room.encrypted' : 'm.room.message';
  return levelAt(content['events'], type, levelAt(content, 'events_default', 0));
}

/** The level at a key, `usual` if there is none, NaN if it can't be read. */
function levelAt(levels: unknown, key: string, usual: number): number {
  if (typeof levels !== 'object' || levels === null || !Object.hasOwn(levels, key)) {
    return usual;
  }
  const level = (levels as Record<string, unknown>)[key];
  return numberIn(level) ?? integerInText(level) ?? Number.NaN;
}
