import { dayMs } from '../../core/duration.ts';
import { UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';

/** Whole days in UTC, the last one included. */
export interface Days {
  /** `2026-07-01` */
  readonly from: string;
  readonly to: string;
  /** Milliseconds since 1970. */
  readonly since: number;
  /** The end of the last day. */
  readonly until: number;
}

/**
 * Reads the first and the last day of a period.
 *
 * @throws UsageError one of them is missing or not a day, or they are the wrong way round
 */
export function readDays(from: string | undefined, to: string | undefined): Days {
  const since = readDay('from', from);
  const last = readDay('to', to);
  if (since > last) {
    throw new UsageError('`--from` is later than `--to`.', { word: '--from' });
  }
  return { from: writeDay(since), to: writeDay(last), since, until: last + dayMs };
}

function readDay(name: 'from' | 'to', text: string | undefined): number {
  const example = name === 'from' ? '2026-07-01' : '2026-12-31';
  if (text === undefined) {
    throw new UsageError(`\`--${name}\` is missing.`, {
      word: `--${name}`,
      advice: `Give the ${name === 'from' ? 'first' : 'last'} day of the report, such as \`--${name} ${example}\`. Days are in UTC.`,
    });
  }
  const at = /^\d{4}-\d\d-\d\d$/u.test(text) ? Date.parse(`${text}T00:00:00Z`) : Number.NaN;
  // JavaScript takes the 30th of February for the 2nd of March.
  if (Number.isNaN(at) || at < 0 || writeDay(at) !== text) {
    throw new UsageError(`\`--${name}\`: \`${cut(text)}\` is not a day.`, {
      word: text,
      advice: `Write it as year, month and day: \`${example}\`.`,
    });
  }
  return at;
}

/** `2026-07-01` */
function writeDay(at: number): string {
  return new Date(at).toISOString().slice(0, '2026-07-01'.length);
}
