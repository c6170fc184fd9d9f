import { minuteMs } from '../../core/duration.ts';
import type { ReportSource } from './intake.ts';

/** After a command or another event in the room, somebody is at work for this long. */
export const atWorkMs = 2 * minuteMs;
/** The pause after a report is this share of the time since then. */
const shareOfSilence = 1 / 12;
/** While reports come in, the pause is at least this share of the configured one. */
const shortestShare = 1 / 5;

/**
 * Pauses while nothing happens, as multiples of the configured one. There are two lists, and most reports
 * are about messages, so that one is read more often.
 */
const quietFactors: Readonly<Record<ReportSource['kind'], number>> = { event: 1.4, user: 5 };
/** Nobody who configures a long pause wants one that is several times as long. */
const maxQuietMs = 30_000;

/**
 * How long to pause before the next request for reports, in milliseconds.
 *
 * Reports come in bunches. While nothing happens, the bot asks less often than configured. While somebody
 * is at work, it asks as often as configured. After a report it asks more often, and then less and less often.
 *
 * @param since how long ago that was, in milliseconds; infinite if never
 */
export function pollPause(
  kind: ReportSource['kind'],
  intervalMs: number,
  since: { readonly eventMs: number; readonly reportMs: number },
): number {
  const isAtWork = since.eventMs < atWorkMs;
  const usualMs = isAtWork
    ? intervalMs
    : Math.max(intervalMs, Math.min(intervalMs * quietFactors[kind], maxQuietMs));
  return Math.max(intervalMs * shortestShare, Math.min(usualMs, since.reportMs * shareOfSilence));
}
