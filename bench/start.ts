import { setTimeout as wait } from 'node:timers/promises';

import { spread } from './measurement.ts';
import type { Benchmark } from './measurement.ts';
import { residentMb } from './process-use.ts';
import { openBenchRoom } from './room.ts';

/** Measures the time from the start of the process until the bot is ready, and its memory at rest. */
export const start: Benchmark = async ({ short }) => {
  await using room = await openBenchRoom();
  const readyMs: number[] = [];
  for (let round = 0; round < (short ? 2 : 15); round++) {
    const begin = performance.now();
    const bot = await room.startBot();
    readyMs.push(performance.now() - begin);
    await bot.stop();
  }
  const [first = Number.NaN, ...later] = readyMs;
  const bot = await room.startBot();
  await wait(short ? 1_000 : 20_000);
  const memory = await residentMb(bot.process.pid);
  return [
    { what: 'the first start', unit: 'ms', median: first },
    { what: 'start until ready', unit: 'ms', ...spread(later), goal: { median: 500 } },
    { what: 'memory at rest', unit: 'MB', median: memory, goal: { median: 115 } },
  ];
};
