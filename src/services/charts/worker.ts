/**
 * Draws one chart and ends. Everything that it loads is gone with its thread, so the bot is as small as before.
 * The libraries need no canvas, no system fonts and no native code.
 */
import { readFile } from 'node:fs/promises';
import { parentPort, workerData } from 'node:worker_threads';

import { Resvg, initWasm } from '@resvg/resvg-wasm';
import * as vega from 'vega';
import { compile } from 'vega-lite';
import type { TopLevelSpec } from 'vega-lite';

import { fontFamily, letterWidth } from './theme.ts';

/** What the bot sends to the thread. */
export interface DrawRequest {
  readonly spec: TopLevelSpec;
  /** Pixels of the picture for each pixel of the chart. */
  readonly scale: number;
}

/** What the thread sends back. */
export interface DrawAnswer {
  readonly png: Uint8Array;
  readonly width: number;
  readonly height: number;
}

interface Text {
  readonly fontSize?: number;
  /** A longer one is cut. */
  readonly limit?: number;
}

/** Its types leave it out. */
const { textMetrics } = vega as unknown as {
  readonly textMetrics: { width(item: Text, text: unknown): number };
};

/** They are read from their packages: the build does not contain them. */
const rasterizer = import.meta.resolve('@resvg/resvg-wasm/index_bg.wasm');
const fontFiles = [
  import.meta.resolve('@fontsource/inter/files/inter-latin-400-normal.woff2'),
  import.meta.resolve('@fontsource/inter/files/inter-latin-600-normal.woff2'),
];

async function draw({ spec, scale }: DrawRequest): Promise<DrawAnswer> {
  // Without a canvas, Vega takes letters for much wider.
  textMetrics.width = ({ fontSize = 12, limit = Number.POSITIVE_INFINITY }, text) =>
    Math.min(limit, String(text).length * fontSize * letterWidth);
  const view = new vega.View(vega.parse(compile(spec).spec), { renderer: 'none' });
  const [svg, , ...fonts] = await Promise.all([
    view.toSVG(),
    initWasm(readFile(new URL(rasterizer))),
    ...fontFiles.map(async (file) => readFile(new URL(file))),
  ]);
  const picture = new Resvg(svg, {
    fitTo: { mode: 'zoom', value: scale },
    font: { fontBuffers: fonts, defaultFontFamily: fontFamily },
  }).render();
  return { png: picture.asPng(), width: picture.width, height: picture.height };
}

// The build loads every file once, to compile it.
// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread has no origin
parentPort?.postMessage(await draw(workerData as DrawRequest));
