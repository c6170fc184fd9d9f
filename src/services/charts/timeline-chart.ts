import type { TopLevelSpec } from 'vega-lite';

import { hourMs } from '../../core/duration.ts';
import type { SubjectCursor } from '../bot/history-service.ts';
import { stepsOf } from '../bot/statistics-service.ts';
import { bars, chartOf, daysOf, legend } from './parts.ts';
import { colors } from './theme.ts';

/** A shorter time would be a single bar. */
const leastMs = 12 * hourMs;

/** What an entry of a history is, in the picture. What was said stands above, what was done below. */
const kinds = [
  { label: 'reported', color: colors.first, sources: ['item'], isDone: false },
  { label: 'reports by them', color: colors.firstSoft, sources: ['reporting'], isDone: false },
  { label: 'actions and notes', color: colors.second, sources: ['action'], isDone: true },
  {
    label: 'other',
    color: colors.neutral,
    sources: ['confirmation', 'timer', 'operation'],
    isDone: true,
  },
] as const satisfies readonly {
  readonly sources: readonly SubjectCursor['source'][];
  readonly label: string;
  readonly color: string;
  readonly isDone: boolean;
}[];

/**
 * The entries of a history over time. It names nobody: a picture stays where it is when a message with a name is
 * redacted.
 *
 * @param entries at least one, the newest first
 */
export function timelineChart(
  entries: readonly Pick<SubjectCursor, 'at' | 'source'>[],
  now: number,
): TopLevelSpec {
  const oldest = entries.at(-1)?.at ?? now;
  const { stepMs, until, since: usual } = stepsOf(Math.max(leastMs, now - oldest), now);
  // The last step has only begun, so the first entry may be before all of them.
  const since = usual - Math.max(0, Math.ceil((usual - oldest) / stepMs)) * stepMs;
  const steps = { since, until, stepMs };
  const number = Math.ceil((until - since) / stepMs);
  const series = kinds.map(({ label, color, sources, isDone }) => {
    const values = Array.from({ length: number }, () => 0);
    for (const { at, source } of entries) {
      // The time of a timer may be ahead.
      const step = Math.floor((at - since) / stepMs);
      if (sources.some((one) => one === source) && step < number) {
        values[step] = (values[step] ?? 0) + 1;
      }
    }
    const sum = values.reduce((total, value) => total + value, 0);
    return { label: `${sum.toLocaleString('en-US')} ${label}`, color, values, isDone, sum };
  });
  const shown = series.filter(({ sum }) => sum > 0);
  return chartOf('Timeline', `${daysOf(since, until)}, UTC`, [
    legend(undefined, shown),
    bars(
      steps,
      shown.filter(({ isDone }) => !isDone),
      shown.filter(({ isDone }) => isDone),
    ),
  ]);
}
