import { dayMs } from './duration.ts';

/** The parts of a clock's display in a time zone, as if they were UTC; milliseconds since 1970. */
function clockIn(format: Intl.DateTimeFormat, at: number): number {
  const parts = Object.fromEntries(
    format.formatToParts(at).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Abbreviations are left out: to Intl, `BST` is Bangladesh. */
const zoneName = /^(?:UTC|GMT|[a-z][\w+-]*\/[\w+\-/]{1,60})$/iu;

function formatFor(zone: string): Intl.DateTimeFormat | undefined {
  if (!zoneName.test(zone)) {
    return undefined;
  }
  try {
    return new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      calendar: 'gregory',
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  } catch {
    return undefined;
  }
}

/**
 * When the clocks of a time zone show this. If they show it twice, the first time; if a change of the clocks skips it,
 * as much later as they are put forward.
 *
 * @param shown what they show, as if it were UTC; milliseconds since 1970
 * @param zone an IANA name: `Europe/Berlin`
 * @returns milliseconds since 1970; undefined if there is no such zone or time
 */
export function timeInZone(shown: number, zone: string): number | undefined {
  const format = formatFor(zone);
  if (format === undefined || Number.isNaN(shown)) {
    return undefined;
  }
  const second = Math.floor(shown / 1000) * 1000;
  // A change of the clocks, if there is one near, lies between these.
  const candidates = [second - dayMs, second + dayMs].map(
    (near) => second - (clockIn(format, near) - near),
  );
  const found = candidates.find((at) => clockIn(format, at) === second) ?? candidates[0];
  return found === undefined ? undefined : found + (shown - second);
}
