import ms from 'ms';
import { z } from 'zod';

export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** `30s 5m 1h 7d 2w` */
const pattern = /^[1-9][0-9]{0,5}[smhdw]$/u;

const notADuration = 'must be a duration such as 30s, 5m, 1h or 7d';

/** For configuration: the text of a valid duration. */
export const durationText = z
  .string(notADuration)
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
