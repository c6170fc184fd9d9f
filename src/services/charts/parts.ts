import type { TopLevelSpec } from 'vega-lite';

import { dayMs, hourMs } from '../../core/duration.ts';
import {
  axisWidth,
  colors,
  config,
  contentWidth,
  letterWidth,
  margins,
  plotWidth,
} from './theme.ts';

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
    vconcat: [widest, ...parts],
    spacing: 10,
    // Axes don't move what they belong to: everything begins on the same line.
    bounds: 'flush',
    padding: margins,
    config,
  };
}

/** Nothing to see: it makes every picture as wide as the others, whatever the parts contain. */
const widest: Part = {
  width: plotWidth,
  height: 0,
  data: { values: [{}] },
  mark: { type: 'rect', x: -axisWidth, x2: plotWidth, y: 0, y2: 0, opacity: 0 },
  encoding: {},
};

interface Label {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  /** Of the font. */
  readonly size?: number;
  readonly isStrong?: boolean;
  readonly align?: 'left' | 'right';
  /** A longer text is cut. */
  readonly maxWidth?: number;
}

const textSize = 12;
/** Nothing measures the font here: a text is as wide as its letters usually need. */
const widthOf = (text: string): number => text.length * textSize * letterWidth;

/** Texts at their places; `x` is counted from where all texts begin. */
function texts(labels: readonly Label[], height: number): Part {
  return {
    width: plotWidth,
    height,
    layer: labels.map(
      ({
        text,
        x,
        y,
        size = textSize,
        isStrong = false,
        align = 'left',
        maxWidth = contentWidth,
      }) => ({
        data: { values: [{}] },
        mark: {
          type: 'text',
          text,
          x: x - axisWidth,
          y,
          align,
          limit: maxWidth,
          baseline: 'alphabetic',
          fontSize: size,
          fontWeight: isStrong ? 600 : 400,
          color: isStrong ? colors.text : colors.muted,
        },
      }),
    ),
  };
}

/** The numbers that matter most, a line for each. */
export function figures(
  lines: readonly { readonly label: string; readonly value: string }[],
): Part {
  const lineHeight = 18;
  return texts(
    lines.flatMap(({ label, value }, at): Label[] => {
      const y = at * lineHeight + 12;
      return [
        { text: label, x: 0, y, size: 13, maxWidth: 168 },
        {
          text: value,
          x: contentWidth,
          y,
          size: 13,
          isStrong: true,
          align: 'right',
          maxWidth: 100,
        },
      ];
    }),
    lines.length * lineHeight - 14,
  );
}

/** The name of a part, and what its colors mean, with their sums. */
export function legend(
  name: string | undefined,
  series: readonly Pick<Series, 'label' | 'color'>[],
): Part {
  const nameY = name === undefined ? -6 : 30;
  const keys = placed(series, nameY + 18);
  const height = (keys.at(-1)?.y ?? nameY - 4) + 6;
  const written = texts(
    [
      ...(name === undefined ? [] : [{ text: name, x: 0, y: nameY, size: 15, isStrong: true }]),
      ...keys.map(({ label, x, y }) => ({
        text: label,
        x: x + keyWidth,
        y,
        maxWidth: contentWidth - x - keyWidth,
      })),
    ],
    height,
  );
  return {
    ...written,
    layer: [
      ...('layer' in written ? written.layer : []),
      ...keys.map(
        ({ color, x, y }) =>
          ({
            data: { values: [{}] },
            mark: { type: 'square', x: x - axisWidth + 5, y: y - 4, size: 100, color, opacity: 1 },
          }) as const,
      ),
    ],
  };
}

/** Of the square of a key. */
const keyWidth = 15;
const keyGap = 12;

/** The places of keys, side by side as far as there is room. */
function placed(series: readonly Pick<Series, 'label' | 'color'>[], firstY: number) {
  let x = 0;
  let y = firstY;
  return series.map(({ label, color }) => {
    const width = keyWidth + widthOf(label);
    if (x > 0 && x + width > contentWidth) {
      x = 0;
      y += 18;
    }
    const key = { label, color, x, y };
    x += width + keyGap;
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
    width: plotWidth,
    height: below.length === 0 ? 70 : 100,
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
              // The end of the time would look like the name of the last bar.
              labelExpr: `datum.value < ${until} ? datum.label : ''`,
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

/** A row for each kind, at least one: its name, a bar of what it consists of, and its number. */
export function rankedRows(
  rows: readonly {
    readonly name: string;
    readonly parts: readonly { readonly color: string; readonly value: number }[];
  }[],
): Part {
  const rowHeight = 17;
  const sums = rows.map(({ parts }) => parts.reduce((sum, { value }) => sum + value, 0));
  const numbers = sums.map((sum) => sum.toLocaleString('en-US'));
  const nameWidth = Math.min(140, Math.max(...rows.map(({ name }) => widthOf(name))));
  const numberWidth = Math.max(...numbers.map(widthOf));
  const barX = nameWidth + 8 - axisWidth;
  const barWidth = contentWidth - nameWidth - numberWidth - 16;
  const most = Math.max(1, ...sums);
  const boxes = rows.flatMap(({ parts }, row) => {
    let x = barX;
    return parts
      .filter(({ value }) => value > 0)
      .map(({ value, color }) => {
        const x0 = x;
        // A single one is seen beside thousands.
        x += Math.max(2, (value / most) * barWidth);
        return { x0, x1: Math.min(x, barX + barWidth), y0: row * rowHeight + 3, color };
      });
  });
  const labels = rows.flatMap(({ name }, row): Label[] => {
    const y = row * rowHeight + 12;
    return [
      { text: name, x: 0, y, maxWidth: nameWidth + 1 },
      { text: numbers[row] ?? '', x: contentWidth, y, align: 'right' },
    ];
  });
  const written = texts(labels, rows.length * rowHeight - 6);
  return {
    ...written,
    layer: [
      ...('layer' in written ? written.layer : []),
      {
        data: { values: boxes },
        mark: { type: 'bar', height: 10, baseline: 'top' },
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
