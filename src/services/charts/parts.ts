import type { TopLevelSpec } from 'vega-lite';

import { dayMs, hourMs } from '../../core/duration.ts';
import { colors, config, contentWidth, leftMargin, padding } from './theme.ts';

/** A part of a chart, below the others. */
type Part = Extract<TopLevelSpec, { vconcat: unknown }>['vconcat'][number];

/** One value of each interval of a time. */
export interface Series {
  readonly label: string;
  readonly color: string;
  readonly values: readonly number[];
}

/** Intervals of equal length. */
export interface Steps {
  readonly since: number;
  readonly until: number;
  readonly stepMs: number;
}

/** A picture of parts one above the other. */
export function chartOf(title: string, subtitle: string, parts: readonly Part[]): TopLevelSpec {
  return {
    title: { text: title, subtitle },
    vconcat: [...parts],
    spacing: 10,
    // Axes don't move what they belong to: everything begins on the same line.
    bounds: 'flush',
    padding,
    config,
  };
}

interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly isStrong?: boolean;
  readonly align?: 'left' | 'right';
  /** A longer text is cut. */
  readonly maxWidth?: number;
}

/** Texts at their places; `x` is counted from where all texts begin. */
function texts(labels: readonly Label[], height: number, size = 13): Part {
  return {
    width: contentWidth,
    height,
    layer: labels.map(({ text, x, y, isStrong = false, align = 'left', maxWidth = 400 }) => ({
      data: { values: [{}] },
      mark: {
        type: 'text',
        text,
        x: x - leftMargin,
        y,
        align,
        limit: maxWidth,
        baseline: 'alphabetic',
        fontSize: isStrong ? size + 3 : size,
        fontWeight: isStrong ? 600 : 400,
        color: isStrong ? colors.text : colors.muted,
      },
    })),
  };
}

/** The numbers that matter most, side by side. */
export function headline(numbers: readonly { value: string; label: string }[]): Part {
  const width = (contentWidth + leftMargin) / numbers.length;
  return texts(
    numbers.flatMap(({ value, label }, at) => [
      { text: value, x: at * width, y: 14, isStrong: true },
      { text: label, x: at * width, y: 32 },
    ]),
    24,
    12,
  );
}

/** The name of a part, and what its colors mean, with their sums. */
export function legend(
  name: string | undefined,
  series: readonly Pick<Series, 'label' | 'color'>[],
): Part {
  const nameY = name === undefined ? -6 : 32;
  const keys = placed(series, nameY + 20);
  const height = (keys.at(-1)?.y ?? nameY) + 4;
  const head = texts(
    name === undefined ? [] : [{ text: name, x: 0, y: nameY, isStrong: true }],
    height,
  );
  return {
    ...head,
    layer: [
      ...('layer' in head ? head.layer : []),
      ...keys.flatMap(({ label, color, x, y }) => [
        {
          data: { values: [{}] },
          mark: { type: 'square', x: x + 5, y: y - 4, size: 100, color, opacity: 1 },
        } as const,
        {
          data: { values: [{}] },
          mark: {
            type: 'text',
            text: label,
            x: x + 15,
            y,
            align: 'left',
            baseline: 'alphabetic',
            fontSize: 12,
            color: colors.muted,
          },
        } as const,
      ]),
    ],
  };
}

/** The places of keys, side by side as far as there is room. */
function placed(series: readonly Pick<Series, 'label' | 'color'>[], firstY: number) {
  let x = -leftMargin;
  let y = firstY;
  return series.map(({ label, color }) => {
    // Nothing measures the font here: each key is as wide as its letters need.
    const width = 30 + label.length * 6.4;
    if (x > -leftMargin && x + width > contentWidth) {
      x = -leftMargin;
      y += 18;
    }
    const key = { label, color, x, y };
    x += width;
    return key;
  });
}

/** A value that is this many times larger than nearly all others is cut off, or it would flatten them. */
const outlierFactor = 8;

/** Where the bars end: at the highest, unless a few are so high that the rest could not be seen. */
export function topOf(sums: readonly number[]): number {
  const sorted = sums.filter((sum) => sum > 0).toSorted((one, other) => other - one);
  const usual = sorted[Math.floor(sorted.length / 10) + 1];
  const [highest = 0] = sorted;
  if (usual === undefined || highest <= outlierFactor * usual) {
    return highest;
  }
  return 1.5 * (sorted.find((sum) => sum <= outlierFactor * usual) ?? usual);
}

/**
 * Bars over time, the series one upon the other. `below` hangs down from the same line, so that what came in
 * stands opposite of what went out.
 */
export function bars(
  { since, until, stepMs }: Steps,
  series: readonly Series[],
  below: readonly Series[] = [],
): Part {
  const steps = Array.from({ length: Math.ceil((until - since) / stepMs) }, (_, step) => step);
  const up = stacked(steps, series);
  const down = stacked(steps, below);
  const top = Math.max(1, topOf([...up.sums, ...down.sums]));
  const at = (step: number) => since + step * stepMs;
  const boxes = [
    ...up.boxes,
    ...down.boxes.map((box) => ({ ...box, from: -box.from, to: -box.to })),
  ].map(({ step, from, to, color }) => ({
    at: at(step),
    end: at(step + 1),
    from: within(from, top),
    to: within(to, top),
    color,
  }));
  const cutOff = [
    ...steps.map((step) => ({ step, sum: up.sums[step] ?? 0, edge: top })),
    ...steps.map((step) => ({ step, sum: down.sums[step] ?? 0, edge: -top })),
  ].filter(({ sum }) => sum > top);
  const period: number[] = [since, until];
  const range: number[] = [below.length === 0 ? 0 : -top, top];
  const x = { field: 'at', type: 'temporal', scale: { type: 'utc' } } as const;
  return {
    width: contentWidth,
    height: below.length === 0 ? 84 : 120,
    layer: [
      {
        data: { values: boxes.filter(({ from, to }) => to !== from) },
        mark: { type: 'rect', x2Offset: steps.length > 60 ? 0 : -1 },
        encoding: {
          // What the layers share is said by the first.
          x: {
            ...x,
            scale: { type: 'utc', domain: period, nice: false },
            axis: {
              format: formatOf(stepMs),
              tickCount: 4,
              labelFlush: true,
              labelOverlap: true,
              labelSeparation: 12,
            },
          },
          x2: { field: 'end' },
          y: {
            field: 'from',
            type: 'quantitative',
            scale: { domain: range, nice: false },
            axis: {
              tickCount: below.length === 0 ? 3 : 5,
              tickMinStep: 1,
              labelExpr: `format(abs(datum.value), '~s')`,
            },
          },
          y2: { field: 'to' },
          color: { field: 'color', type: 'nominal', scale: null },
        },
      },
      {
        data: { values: [{ zero: 0 }] },
        mark: { type: 'rule', color: colors.neutral },
        encoding: { y: { field: 'zero', type: 'quantitative' } },
      },
      ...(['left', 'right'] as const).map(
        (align) =>
          ({
            data: {
              values: cutOff
                .filter(({ step }) => step < steps.length / 2 === (align === 'left'))
                .map(({ step, sum, edge }) => ({
                  at: at(align === 'left' ? step + 1 : step),
                  label: `${edge > 0 ? '↑' : '↓'} ${sum.toLocaleString('en-US')}`,
                  // Inside of the chart.
                  y: 0.88 * edge,
                })),
            },
            mark: {
              type: 'text',
              align,
              dx: align === 'left' ? 4 : -4,
              fontSize: 12,
              fontWeight: 600,
              color: colors.text,
            },
            encoding: {
              x,
              y: { field: 'y', type: 'quantitative' },
              text: { field: 'label', type: 'nominal' },
            },
          }) as const,
      ),
    ],
  };
}

/** The boxes of bars, from below, and how high each bar is. */
function stacked(steps: readonly number[], series: readonly Series[]) {
  const sums = steps.map(() => 0);
  const boxes = series.flatMap(({ values, color }) =>
    steps.map((step) => {
      const from = sums[step] ?? 0;
      const to = from + (values[step] ?? 0);
      sums[step] = to;
      return { step, from, to, color };
    }),
  );
  return { boxes, sums };
}

const within = (value: number, top: number): number => Math.max(-top, Math.min(top, value));

function formatOf(stepMs: number): string {
  if (stepMs <= hourMs) {
    return '%H:%M';
  }
  return stepMs <= 7 * dayMs ? '%b %-d' : '%b %Y';
}

/** A row for each kind: its name, its number, and below them a bar of what they consist of. */
export function rankedRows(
  rows: readonly {
    readonly name: string;
    readonly parts: readonly { readonly color: string; readonly value: number }[];
  }[],
): Part {
  const rowHeight = 32;
  const width = contentWidth + leftMargin;
  const sums = rows.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const most = Math.max(1, ...sums);
  const boxes = rows.flatMap(({ parts }, row) => {
    let x = -leftMargin;
    return parts
      .filter(({ value }) => value > 0)
      .map(({ value, color }) => {
        const x0 = x;
        // A single one is seen beside thousands.
        x += Math.max(2, (value / most) * width);
        return { x0, x1: Math.min(x, contentWidth), y0: row * rowHeight + 18, color };
      });
  });
  const labels = rows.flatMap(({ name }, row): Label[] => [
    { text: name, x: 0, y: row * rowHeight + 13, maxWidth: width - 60 },
    {
      text: (sums[row] ?? 0).toLocaleString('en-US'),
      x: width,
      y: row * rowHeight + 13,
      align: 'right',
    },
  ]);
  const written = texts(labels, rows.length * rowHeight);
  return {
    ...written,
    layer: [
      ...('layer' in written ? written.layer : []),
      {
        data: { values: boxes },
        mark: { type: 'bar', height: 7, baseline: 'top' },
        encoding: {
          x: { field: 'x0', type: 'quantitative', scale: null, axis: null },
          x2: { field: 'x1' },
          y: { field: 'y0', type: 'quantitative', scale: null, axis: null },
          color: { field: 'color', type: 'nominal', scale: null },
        },
      },
    ],
  };
}

/** `2026-07-01 to 2026-07-31` */
export function daysOf(since: number, until: number): string {
  const [first, last] = [day(since), day(until - 1)];
  return first === last ? first : `${first} to ${last}`;
}

/** `2026-07-01` */
function day(at: number): string {
  return new Date(Math.floor(at / dayMs) * dayMs).toISOString().slice(0, '2026-07-01'.length);
}
