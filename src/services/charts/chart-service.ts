import { Worker } from 'node:worker_threads';

import type { TopLevelSpec } from 'vega-lite';

import { createSerialQueue } from '../../core/async/serial-queue.ts';
import { LawspeakerError } from '../../core/errors.ts';
import { workerFile } from './worker-file.ts';
import type { DrawAnswer, DrawRequest } from './worker.ts';

/** A picture in the format PNG. */
export interface Picture {
  readonly png: Buffer;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
}

/** A chart could not be drawn. The message is for people. */
export class ChartError extends LawspeakerError {
  readonly code = 'chart';
}

/** A slow machine needs some seconds. */
const maxDrawingMs = 15_000;
/** Sharp on phones, and still small to store and to send. */
const scale = 2;
/** In MB. Drawing needs a quarter of it. */
const limits = { maxOldGenerationSizeMb: 192, maxYoungGenerationSizeMb: 32, stackSizeMb: 4 };

/**
 * Draws charts, one after another, each in a thread of its own: the bot goes on with its work meanwhile, and
 * neither a fault nor an endless loop in a library can stop it.
 */
export function createChartService({
  file = workerFile,
  timeoutMs = maxDrawingMs,
}: {
  readonly file?: URL;
  readonly timeoutMs?: number;
} = {}) {
  const queue = createSerialQueue();
  return {
    /** @throws ChartError it can't be drawn, or not in time */
    draw: async (spec: TopLevelSpec): Promise<Picture> =>
      queue.run(async () => drawInThread(file, { spec, scale }, timeoutMs)),
  };
}

export type ChartService = ReturnType<typeof createChartService>;

async function drawInThread(file: URL, request: DrawRequest, timeoutMs: number): Promise<Picture> {
  const drawn = Promise.withResolvers<Picture>();
  const fail = (why: string) => drawn.reject(new ChartError(why));
  const worker = new Worker(file, {
    workerData: request,
    resourceLimits: limits,
    // What libraries print is no line of the log.
    stdout: true,
    stderr: true,
  });
  const timeout = setTimeout(
    () => fail(`it took longer than ${timeoutMs / 1000} seconds`),
    timeoutMs,
  );
  worker.once('message', ({ png, width, height }: DrawAnswer) =>
    drawn.resolve({ png: Buffer.from(png.buffer, png.byteOffset, png.length), width, height }),
  );
  worker.once('error', (error: Error) => fail(error.message));
  worker.once('exit', () => fail('the drawing ended early'));
  try {
    return await drawn.promise;
  } finally {
    clearTimeout(timeout);
    await worker.terminate();
  }
}
