import { MatrixUser } from '../dev/synapse/matrix-user.ts';
import { spread } from './measurement.ts';
import type { Benchmark } from './measurement.ts';
import { openBenchRoom } from './room.ts';

/** Measures the time from a command about many accounts until the bot asks for confirmation. */
export const bulkConfirmation: Benchmark = async ({ short }) => {
  await using room = await openBenchRoom();
  const accounts = short ? 15 : 100;
  const names: string[] = [];
  for (let at = 0; at < accounts; at += 1) {
    const localpart = `spam${at}`;
    await MatrixUser.register(room.homeserver, { localpart });
    names.push(localpart);
  }
  await room.startBot({ reports: { enabled: false } });
  await room.moderator.ask('!status');
  const answerMs: number[] = [];
  for (let round = 0; round < (short ? 1 : 7); round += 1) {
    const begin = performance.now();
    const { field } = await room.moderator.ask(`!deactivate ${names.join(' ')} --reason spam`);
    answerMs.push(performance.now() - begin);
    await room.moderator.ask(`!cancel ${field.confirmation?.code ?? ''}`);
  }
  return [
    {
      what: `confirmation for ${accounts} accounts`,
      unit: 'ms',
      ...spread(answerMs),
      goal: { median: 1000 },
    },
  ];
};
