import ms from 'ms';
import { z } from 'zod';

/** `30s 5m 1h 7d 2w` */
const pattern = /^[1-9][0-9]{0,5}[smhdw]$/u;

export const durationText = z
  .string()
  // What is no duration is not looked at any further.
  .regex(pattern, { error: 'must be a duration such as 30s, 5m, 1h or 7d', abort: true });

/** The milliseconds of a checked duration. */
export function durationMs(text: string): number {
  return ms(text as ms.StringValue);
}
