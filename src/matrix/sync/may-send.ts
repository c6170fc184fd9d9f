import { z } from 'zod';

/** Old room versions allow integers written as text. NaN for what is no integer. */
const level = z
  .union([
    z.number(),
    z
      .string()
      .trim()
      .regex(/^[+-]?\d+$/u),
  ])
  .transform(Number)
  .catch(Number.NaN);

/** The level at a key, `usual` if there is none, NaN if it can't be read. */
function levelAt(place: unknown, key: string, usual: number): number {
  return typeof place === 'object' && place !== null && Object.hasOwn(place, key)
    ? level.parse((place as Record<string, unknown>)[key])
    : usual;
}

type PowerLevels = Readonly<Record<string, unknown>>;

/** The power level that a room gives a user, as the homeserver reads it; NaN if it can't be read. */
export function writtenPower(content: PowerLevels, user: string): number {
  return levelAt(content['users'], user, levelAt(content, 'users_default', 0));
}

/** The power level that a message needs in a room; NaN if it can't be read. */
export function levelForMessages(content: PowerLevels, isEncrypted: boolean): number {
  const type = isEncrypted ? 'm.room.encrypted' : 'm.room.message';
  return levelAt(content['events'], type, levelAt(content, 'events_default', 0));
}
