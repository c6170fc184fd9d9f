import type { Config } from 'vega-lite';

/** How charts look. They have a background of their own, so they read the same in light and dark clients. */

export const fontFamily = 'Inter';

/** Told apart by brightness, too: not everybody sees colors. */
export const colors = {
  background: '#ffffff',
  text: '#1f2937',
  muted: '#5b6472',
  grid: '#e3e7ec',
  first: '#5aa2e8',
  firstSoft: '#bcd8f3',
  second: '#12355b',
  bad: '#c2410c',
  neutral: '#b3bac4',
} as const;

/** Of the parts of a chart, in pixels: a phone is 390 wide. */
export const contentWidth = 322;
/** The numbers of an axis stand there, and every text begins there. */
export const leftMargin = 34;
export const padding = 16;

export const config: Config = {
  font: fontFamily,
  background: colors.background,
  view: { stroke: null },
  axis: {
    domain: false,
    ticks: false,
    gridColor: colors.grid,
    labelColor: colors.muted,
    labelFontSize: 12,
    labelPadding: 6,
    title: null,
  },
  axisX: { grid: false },
  title: {
    anchor: 'start',
    frame: 'group',
    dx: -leftMargin,
    color: colors.text,
    fontSize: 18,
    fontWeight: 600,
    subtitleColor: colors.muted,
    subtitleFontSize: 13,
    subtitlePadding: 5,
    offset: 14,
  },
};
