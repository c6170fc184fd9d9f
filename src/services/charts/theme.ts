import type { Config } from 'vega-lite';

/** How charts look. They have a background of their own, so they read the same in light and dark clients. */

export const fontFamily = 'Inter';
/** Of the font, on average, for each pixel of its size. */
export const letterWidth = 0.56;

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

/**
 * In pixels. Cinny shows a picture 400 wide and at most 600 high. On a phone it keeps the height and cuts off both
 * sides: 64 each if the phone is 360 wide. So a picture is 400 wide, with nothing in its margins. The lines of a grid
 * end one pixel after the bars, in the margin on the right.
 */
export const margins = { left: 65, right: 64, top: 20, bottom: 20 } as const;
/** The numbers of an axis stand there, and every text begins there. */
export const axisWidth = 34;
/** Of bars over time. */
export const plotWidth = 236;
export const contentWidth = axisWidth + plotWidth;

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
    dx: -axisWidth,
    limit: contentWidth,
    color: colors.text,
    fontSize: 18,
    fontWeight: 600,
    subtitleColor: colors.muted,
    subtitleFontSize: 13,
    subtitlePadding: 5,
    offset: 4,
  },
};
