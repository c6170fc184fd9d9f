import type { TopLevelSpec } from 'vega-lite';

import type { Overview } from '../bot/statistics-service.ts';
import { bars, chartOf, daysOf, figures, legend, rankedRows } from './parts.ts';
import { colors } from './theme.ts';

/** Clients that limit the height of a picture would cut off more; the last row has the rest. */
const maxRows = 6;

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
const written = (number: number): string => number.toLocaleString('en-US');

/**
 * The numbers of `stats` as a chart. It has no names of people, rooms or rules, because a picture stays where
 * it is when a message with a name is redacted.
 *
 * @param words.period such as `Last 30 days`
 * @param words.span writes a duration
 */
export function statsChart(
  overview: Overview,
  words: { readonly period: string; readonly span: (ms: number) => string },
): TopLevelSpec {
  const { since, until, reports, closed, medianClaimMs, medianCloseMs, byRules } = overview;
  const span = (ms: number | undefined) => (ms === undefined ? '–' : words.span(ms));
  const opened = {
    label: `${written(sumOf(reports))} reported`,
    color: colors.first,
    values: reports,
  };
  const ended = {
    label: `${written(sumOf(closed))} closed`,
    color: colors.second,
    values: closed,
  };
  const outcomes = [
    { label: 'done', color: colors.first, values: overview.done },
    { label: 'failed', color: colors.bad, values: overview.failed },
    { label: 'refused', color: colors.neutral, values: overview.refused },
  ].map((one) => ({ ...one, label: `${written(sumOf(one.values))} ${one.label}` }));
  const { kinds } = overview;
  const named = kinds.length > maxRows ? maxRows - 1 : kinds.length;
  const first = kinds.slice(0, named);
  const rest = kinds.slice(named);
  const rows = [
    ...first,
    ...(rest.length === 0
      ? []
      : [
          {
            command: `${rest.length} others`,
            done: sumOf(rest.map(({ done }) => done)),
            failed: sumOf(rest.map(({ failed }) => failed)),
            refused: sumOf(rest.map(({ refused }) => refused)),
          },
        ]),
  ];
  return chartOf(words.period, `${daysOf(since, until)}, UTC`, [
    figures([
      { label: 'Median time to claim', value: span(medianClaimMs) },
      { label: 'Median time to close', value: span(medianCloseMs) },
      {
        label: `By rules (${written(byRules.undone)} undone)`,
        value: byRules.sharePercent === undefined ? '–' : `${byRules.sharePercent}%`,
      },
    ]),
    legend('Reports', [opened, ended]),
    bars(overview, [opened], [ended]),
    legend('Actions', outcomes),
    bars(overview, outcomes),
    ...(rows.length === 0
      ? []
      : [
          legend('Actions by command', []),
          rankedRows(
            rows.map(({ command, done, failed, refused }) => ({
              name: command,
              parts: [
                { color: colors.first, value: done },
                { color: colors.bad, value: failed },
                { color: colors.neutral, value: refused },
              ],
            })),
          ),
        ]),
  ]);
}
