import { assert, constantFrom, integer, property, record, array } from 'fast-check';
import { expect, it } from 'vitest';

import { timelineChart } from '../../../src/services/charts/timeline-chart.ts';

const now = Date.UTC(2026, 10, 28, 15);
const year = 365 * 86_400_000;

/** The numbers in the key of the chart, by what they count. */
function countsIn(chart: unknown): Map<string, number> {
  const texts = JSON.stringify(chart).matchAll(
    /"text":"([\d,]+) (reported|reports by them|actions and notes|other)"/gu,
  );
  return new Map(
    [...texts].map(([, count = '', what = '']) => [what, Number(count.replaceAll(',', ''))]),
  );
}

it('counts every entry, however long ago the first was', () => {
  const entry = record({
    at: integer({ min: now - 12 * year, max: now }),
    source: constantFrom('action', 'item', 'reporting', 'confirmation', 'timer'),
  });
  assert(
    property(array(entry, { minLength: 1, maxLength: 60 }), (given) => {
      const entries = given.toSorted((one, other) => other.at - one.at);
      const counts = countsIn(timelineChart(entries, now));
      const of = (...sources: string[]) =>
        entries.filter(({ source }) => sources.includes(source)).length;
      expect(counts.get('reported') ?? 0).toBe(of('item'));
      expect(counts.get('reports by them') ?? 0).toBe(of('reporting'));
      expect(counts.get('actions and notes') ?? 0).toBe(of('action'));
      expect(counts.get('other') ?? 0).toBe(of('confirmation', 'timer'));
    }),
  );
});
