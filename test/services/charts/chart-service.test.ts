import { View, parse } from 'vega';
import { compile } from 'vega-lite';
import { expect, it } from 'vitest';

import { createChartService, ChartError } from '../../../src/services/charts/chart-service.ts';
import { topOf } from '../../../src/services/charts/parts.ts';
import { statsChart } from '../../../src/services/charts/stats-chart.ts';
import { overview } from './overview.ts';

/** A program of a worker, as a file. */
const program = (text: string) => new URL(`data:text/javascript,${encodeURIComponent(text)}`);

const chartOf = (values: readonly number[]) =>
  statsChart(overview(values), { period: 'Last 30 days', span: (ms) => `${ms} ms` });

it.each([
  ['a month', Array.from({ length: 30 }, (_, at) => at % 7)],
  ['one step', [3]],
  ['nothing', [0, 0]],
  ['an outlier', [1, 2, 3, 1, 2, 1, 2, 3, 2, 10_000]],
])('draws %s as a picture of one width', async (_, values) => {
  const { png, width, height } = await createChartService().draw(chartOf(values));
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  // The sizes stand in the head of the file: two pixels for each one of a page.
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([width, height]);
  expect(width / 2).toBe(400);
  expect(png.length).toBeLessThan(200_000);
});

it('does not name the end of the time: it would look like the name of the last bar', async () => {
  // From January 1 to 24, and weeks begin on Sunday, January 4.
  const { spec } = compile(chartOf(Array.from({ length: 24 }, () => 1)));
  const svg = await new View(parse(spec), { renderer: 'none' }).toSVG();
  const names = [...svg.matchAll(/>(Jan \d+)</gu)].map(([, name]) => name);
  expect(new Set(names)).toEqual(new Set(['Jan 4', 'Jan 11', 'Jan 18']));
});

it('draws a long name no wider than the picture', async () => {
  const names = await createChartService().draw(chartOf([1, 2]));
  const usual = await createChartService().draw(
    statsChart({ ...overview([1, 2]), kinds: [] }, { period: 'Last 30 days', span: String }),
  );
  expect(names.width).toBe(usual.width);
});

it('gives up a drawing that fails, ends early, takes too long or too much memory', async () => {
  const failing = [
    `throw new Error('no font');`,
    `process.exit(0);`,
    `for (;;) {}`,
    `const all = []; for (;;) { all.push(Array.from({ length: 1000 }, (_, at) => ({ at }))); }`,
  ];
  for (const text of failing) {
    const charts = createChartService({ file: program(text), timeoutMs: 3000 });
    await expect(charts.draw(chartOf([1]))).rejects.toBeInstanceOf(ChartError);
  }
});

it('cuts off a few values that would flatten all others, and no other ones', () => {
  expect(topOf([])).toBe(0);
  expect(topOf([5])).toBe(5);
  expect(topOf([0, 0, 9000])).toBe(9000);
  expect(topOf([1, 2, 3, 4, 5, 6, 7, 8, 9, 40])).toBe(40);
  const usual = Array.from({ length: 29 }, (_, at) => 1 + (at % 10));
  expect(topOf([...usual, 4210])).toBe(15);
});
