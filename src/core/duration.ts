import ms from 'ms';
import { z } from 'zod';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** `30s 5m 1h 7d 2w` */
const pattern = /^[1-9][0-9]{0,5}[smhdw]$/u;

function notADuration({ input }: { readonly input?: unknown }): string {
  const number = /^[1-9][0-9]{0,5}$/u.exec(String(input))?.[0];
  const hint = number === undefined ? '' : ` (${number} has no unit: for days, write ${number}d)`;
  return `must be a duration such as 30s, 5m, 1h or 7d${hint}`;
}

/** For configuration: the text of a valid duration. */
export const durationText = z
  .string({ error: notADuration })
  // Checks that follow rely on the format.
  .regex(pattern, { error: notADuration, abort: true })
  .describe('duration');

/** The milliseconds of a duration that is known to be valid. */
export function durationMs(text: string): number {
  return ms(text as ms.StringValue);
}

/** Reads `30s 5m 1h 7d 2w` into milliseconds; undefined for anything else. */
export function readDuration(text: string): number | undefined {
  return pattern.test(text) ? durationMs(text) : undefined;
}

/** Words for the units, in the singular. */
const units: Readonly<Record<string, string>> = {
  s: 's',
  sec: 's',
  second: 's',
  m: 'm',
  min: 'm',
  minute: 'm',
  h: 'h',
  hr: 'h',
  hour: 'h',
  d: 'd',
  day: 'd',
  w: 'w',
  week: 'w',
};

/** The duration that words such as `1 minute` mean, as `readDuration` reads it; undefined for other words. */
export function durationMeant(text: string): string | undefined {
  const [, number, word = ''] = /^([1-9][0-9]{0,5}) ?([a-z]{1,7})$/iu.exec(text) ?? [];
  const name = word.toLowerCase();
  const unit = [name, name.replace(/s$/u, '')].find((one) => Object.hasOwn(units, one));
  return number === undefined || unit === undefined ? undefined : `${number}${units[unit]}`;
}

/** The shortest exact way to write a duration that `readDuration` reads. */
export function writeDuration(duration: number): string {
  for (const [unit, unitMs] of [
    ['w', 7 * dayMs],
    ['d', dayMs],
    ['h', hourMs],
    ['m', minuteMs],
  ] as const) {
    if (duration >= unitMs && duration % unitMs === 0) {
      return `${duration / unitMs}${unit}`;
    }
  }
  return `${Math.max(1, Math.round(duration / 1000))}s`;
}
