import PQueue from 'p-queue';

import { alternate, openBareRoom } from './answer.ts';
import { spread } from './measurement.ts';
import type { Benchmark } from './measurement.ts';
import { openBenchRoom } from './room.ts';

/**
 * Measures how long an answer takes if the bot's account is in many rooms, compared with one. A script whose
 * account is in as many rooms answers alternately, so that Synapse's own slowdown doesn't count against the
 * bot.
 */
export const rooms: Benchmark = async ({ short, rooms: many }) => {
  await using room = await openBenchRoom();
  await using bare = await openBareRoom(room);
  const rounds = short ? 5 : 30;
  const answers = async () => {
    const { botMs, bareMs } = await alternate(
      { bot: room.moderator, bare: bare.moderator },
      { rounds, warmUp: 10 },
      () => `!user ${room.moderator.user.userId}`,
    );
    return { bot: spread(botMs), script: spread(bareMs) };
  };
  const bot = await room.startBot();
  const inOne = await answers();
  await bot.stop();
  const creating = new PQueue({ concurrency: 4 });
  const count = short ? 3 : many;
  // Both are in the same rooms: to join one costs Synapse a quarter of what it costs to create one.
  await creating.addAll(
    Array.from({ length: count }, () => async () => {
      const invite = [bare.script.userId];
      await bare.script.join(await room.bot.createRoom({ preset: 'private_chat', invite }));
    }),
  );
  await room.startBot();
  const inMany = await answers();
  return [
    { what: 'answer, in one room', unit: 'ms', ...inOne.bot },
    { what: 'the bare script, in one room', unit: 'ms', ...inOne.script },
    { what: `answer, in ${count} rooms`, unit: 'ms', ...inMany.bot },
    { what: `the bare script, in ${count} rooms`, unit: 'ms', ...inMany.script },
    {
      what: `bot ÷ script, in ${count} rooms ÷ in one`,
      unit: '×',
      median: inMany.bot.median / inMany.script.median / (inOne.bot.median / inOne.script.median),
      goal: { median: 1.1 },
    },
  ];
};
