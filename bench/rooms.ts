import PQueue from 'p-queue';

import { timeOf } from './answer.ts';
import { spread } from './measurement.ts';
import type { Benchmark } from './measurement.ts';
import { openBenchRoom } from './room.ts';

/** What an answer takes if the bot's account is in many rooms, compared with one. */
export const rooms: Benchmark = async ({ short, rooms: many }) => {
  await using room = await openBenchRoom();
  const rounds = short ? 5 : 60;
  const answers = async () => {
    const tookMs: number[] = [];
    for (let round = -10; round < rounds; round++) {
      const one = await timeOf(room.moderator, `!user ${room.moderator.user.userId}`);
      if (round >= 0) {
        tookMs.push(one);
      }
    }
    return spread(tookMs);
  };
  const bot = await room.startBot();
  const inOne = await answers();
  await bot.stop();
  const creating = new PQueue({ concurrency: 4 });
  const count = short ? 3 : many;
  await creating.addAll(
    Array.from(
      { length: count },
      () => async () => room.bot.createRoom({ preset: 'private_chat' }),
    ),
  );
  await room.startBot();
  const inMany = await answers();
  return [
    { what: 'answer, in one room', unit: 'ms', ...inOne },
    { what: `answer, in ${count} rooms`, unit: 'ms', ...inMany },
    {
      what: `in ${count} rooms ÷ in one`,
      unit: '×',
      median: inMany.median / inOne.median,
      goal: { median: 1.1 },
    },
  ];
};
