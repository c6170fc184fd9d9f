import { readFile } from 'node:fs/promises';

import { Resvg, initWasm } from '@resvg/resvg-wasm';
import type { TopLevelSpec } from 'vega-lite';
import { beforeAll, expect, it } from 'vitest';

import { createChartService } from '../../../src/services/charts/chart-service.ts';
import type { Picture } from '../../../src/services/charts/chart-service.ts';
import { statsChart } from '../../../src/services/charts/stats-chart.ts';
import { timelineChart } from '../../../src/services/charts/timeline-chart.ts';
import { overview } from './overview.ts';

const day = 86_400_000;
const now = Date.UTC(2026, 10, 28, 15);
/** Red, green, blue and opacity. */
const white = 0xff_ff_ff_ff;

/** How wide Cinny shows a picture, by the width of the screen: measured in Chromium, with the scroll bar. */
const boxes = [
  { screen: 1280, width: 400 },
  { screen: 390, width: 302 },
  { screen: 360, width: 272 },
];
const maxBoxHeight = 600;

beforeAll(async () =>
  initWasm(readFile(new URL(import.meta.resolve('@resvg/resvg-wasm/index_bg.wasm')))),
);

const many = (number: number, most: number) =>
  Array.from({ length: number }, (_, at) => 1 + ((at * 7919) % most));

const command = (name: string, done: number) => ({ command: name, done, failed: 3, refused: 2 });
const usual = [
  command('redact', 84),
  command('server-deny-list-add', 44),
  command('allow-cross-signing-reset', 7),
];

const stats = (values: readonly number[], kinds = usual) =>
  statsChart(
    { ...overview(values), kinds, failed: values, refused: values },
    { period: 'Last 730 days', span: () => '59 minutes' },
  );

const charts = {
  'usual numbers': stats(many(30, 14)),
  'huge numbers': stats(
    many(31, 250_000),
    Array.from({ length: 20 }, (_, at) => command(`a-command-with-a-long-name-${at}`, 5_000_000)),
  ),
  'a peak at each end': stats([88_000, ...many(29, 14), 99_000]),
  'no actions by command': stats([0, 1, 0], []),
  'a timeline': timelineChart(
    (['item', 'reporting', 'action', 'timer'] as const).flatMap((source) =>
      many(400, 29).map((days) => ({ at: now - days * day, source })),
    ),
    now,
  ),
};

it.each(Object.entries(charts))(
  'clients show all that is drawn, and large enough to read: %s',
  async (_, chart) => {
    const picture = await createChartService().draw(chart);
    const drawn = drawnArea(picture);
    expect(drawn.right - drawn.left).toBeGreaterThan(200);
    for (const { screen, width } of boxes) {
      const shown = shownArea(picture, width);
      const within = (from: number, to: number) =>
        expect.toSatisfy(
          (at: number) => from <= at && at <= to,
          `from ${from} to ${to} at ${screen}`,
        ) as unknown;
      const [x, y] = [within(shown.left, shown.right), within(shown.top, shown.bottom)];
      expect(drawn).toEqual({ left: x, right: x, top: y, bottom: y });
      expect(smallestText(chart) * shown.scale).toBeGreaterThanOrEqual(10);
    }
  },
);

function smallestText(chart: TopLevelSpec): number {
  const sizes = [...JSON.stringify(chart).matchAll(/"\w*fontSize":([\d.]+)/giu)];
  expect(sizes).not.toEqual([]);
  return Math.min(...sizes.map(([, size]) => Number(size)));
}

/** Where the picture is not white. All in pixels of a page: the picture has two for each. */
function drawnArea({ png, width, height }: Picture) {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"><image width="${width}" height="${height}" href="data:image/png;base64,${png.toString('base64')}"/></svg>`;
  const { pixels } = new Resvg(svg).render();
  const area = { left: width, right: 0, top: height, bottom: 0 };
  new Uint32Array(pixels.slice().buffer).forEach((pixel, at) => {
    if (pixel !== white) {
      const [x, y] = [at % width, Math.floor(at / width)];
      area.left = Math.min(area.left, x);
      area.right = Math.max(area.right, x + 1);
      area.top = Math.min(area.top, y);
      area.bottom = Math.max(area.bottom, y + 1);
    }
  });
  const { left, right, top, bottom } = area;
  return { left: left / 2, right: right / 2, top: top / 2, bottom: bottom / 2 };
}

/** What Cinny shows: its box has the height of the picture at 400 pixels, and the picture covers the box. */
function shownArea({ width, height }: Picture, boxWidth: number) {
  const boxHeight = Math.min(maxBoxHeight, (400 * height) / width);
  const scale = Math.max(boxWidth / (width / 2), boxHeight / (height / 2));
  const [shownWidth, shownHeight] = [boxWidth / scale, boxHeight / scale];
  const left = (width / 2 - shownWidth) / 2;
  const top = (height / 2 - shownHeight) / 2;
  return { scale, left, right: left + shownWidth, top, bottom: top + shownHeight };
}
