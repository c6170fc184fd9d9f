import { setTimeout as wait } from 'node:timers/promises';

import type { Benchmark, Measurement } from './measurement.ts';
import { residentMb } from './process-use.ts';
import { openBenchRoom } from './room.ts';

/** Measures the bot's memory after many commands, and a minute later. */
export const memory: Benchmark = async ({ short, commands: many }) => {
  const started = new AsyncDisposableStack();
  const room = started.use(await openBenchRoom());
  const bot = await room.startBot();
  const user = room.moderator.user.userId;
  const commands = short ? 24 : many;
  // Eight at a time, as under attack.
  for (let sent = 0; sent < commands; sent += 8) {
    await Promise.all(Array.from({ length: 8 }, async () => room.moderator.ask(`!user ${user}`)));
    room.moderator.events.length = 0;
  }
  const after = await residentMb(bot.process.pid);
  const measured = async (): Promise<Measurement[]> => {
    await using _ = started;
    await wait(short ? 100 : 60_000);
    const later = await residentMb(bot.process.pid);
    return [
      {
        what: `memory after ${commands} commands`,
        unit: 'MB',
        median: after,
        goal: { median: 160 },
      },
      { what: '… after a quiet minute', unit: 'MB', median: later, goal: { median: 130 } },
    ];
  };
  return { measured: measured() };
};
