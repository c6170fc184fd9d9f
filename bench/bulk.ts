import { Agent, request } from 'node:http';

import { MatrixUser } from '../dev/synapse/matrix-user.ts';
import { spread } from './measurement.ts';
import type { Benchmark } from './measurement.ts';
import { computedMs } from './process-use.ts';
import { openBenchRoom } from './room.ts';
import type { BenchRoom } from './room.ts';

/** The default of `bulk.parallelism`. */
const parallelism = 4;

/**
 * Measures the time from the confirmation of many deactivations until the answer says that all are done,
 * alternating with a client that only makes the same calls, as many at a time.
 */
export const bulk: Benchmark = async ({ short }) => {
  await using room = await openBenchRoom();
  const { process } = await room.startBot({ reports: { enabled: false } });
  // On a slow machine, a few hundred deactivations take minutes.
  room.moderator.waitUpTo(10 * 60_000);
  await room.moderator.ask('!status');
  const accounts = short ? 20 : 500;
  const botMs: number[] = [];
  const bareMs: number[] = [];
  const botComputedMs: number[] = [];
  for (let pair = 0; pair < (short ? 1 : 5); pair += 1) {
    // The two take turns in going first.
    const bot = async () => {
      const names = await register(room, accounts);
      const before = await computedMs(process.pid);
      botMs.push(await byBot(room, names));
      botComputedMs.push(((await computedMs(process.pid)) - before) / accounts);
    };
    const bare = async () => bareMs.push(await byClient(room, await register(room, accounts)));
    await (pair % 2 === 0 ? bot() : bare());
    await (pair % 2 === 0 ? bare() : bot());
  }
  const [ours, theirs] = [spread(botMs), spread(bareMs)];
  const quotients = botMs.map((ms, at) => ms / (bareMs[at] ?? Number.NaN));
  return [
    { what: `${accounts} deactivations: the bot`, unit: 'ms', ...ours },
    { what: `${accounts} deactivations: the bare client`, unit: 'ms', ...theirs },
    {
      what: `${accounts} deactivations: bot ÷ client`,
      unit: '×',
      ...spread(quotients),
      goal: { median: 1.15 },
    },
    { what: 'the bot computes, for each account', unit: 'ms', ...spread(botComputedMs) },
  ];
};

let registered = 0;

/** Registers accounts with short names, so that all of them fit in one message. */
async function register({ homeserver }: BenchRoom, accounts: number): Promise<string[]> {
  const run = Date.now().toString(36).slice(-6);
  const names = Array.from({ length: accounts }, () => `s${run}${(registered += 1)}`);
  const waiting = [...names];
  await atATime(async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      await MatrixUser.register(homeserver, { localpart: name });
    }
  });
  return names;
}

async function atATime(lane: () => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: parallelism }, lane));
}

async function byBot({ moderator }: BenchRoom, names: readonly string[]): Promise<number> {
  const asked = await moderator.ask(`!deactivate ${names.join(' ')} --reason spam`);
  // Nobody confirms before the question is complete. What it still sends then is not part of the bulk.
  await moderator.until('both reactions to the question', () => {
    const reactions = moderator.events.filter(
      ({ type, content }) =>
        type === 'm.reaction' &&
        (content['m.relates_to'] as { event_id?: string }).event_id === asked.event,
    );
    return reactions.length >= 2 ? reactions : undefined;
  });
  const begin = performance.now();
  await moderator.say(`!confirm ${asked.field.confirmation?.code ?? ''}`);
  const { body } = await moderator.outcomeOf(asked, 'done', 'partial', 'failed', 'unknown');
  const took = performance.now() - begin;
  if (!body.includes(`${names.length} of ${names.length} accounts done`)) {
    throw new Error(`not all were deactivated: ${body}`);
  }
  return took;
}

/** The same calls, with the same parallelism. */
async function byClient(
  { homeserver: { url, serverName }, bot: { account } }: BenchRoom,
  names: readonly string[],
): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: parallelism });
  const headers = {
    authorization: `Bearer ${account.accessToken}`,
    'content-type': 'application/json',
  };
  const waiting = [...names];
  const begin = performance.now();
  await atATime(async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const user = encodeURIComponent(`@${name}:${serverName}`);
      await new Promise<void>((resolve, reject) => {
        request(
          `${url}/_synapse/admin/v1/deactivate/${user}`,
          { method: 'POST', agent, headers },
          (answer) => {
            answer.resume();
            answer.on('end', () =>
              answer.statusCode === 200
                ? resolve()
                : reject(new Error(`Synapse answered ${answer.statusCode}`)),
            );
          },
        )
          .on('error', reject)
          .end('{"erase":false}');
      });
    }
  });
  const took = performance.now() - begin;
  agent.destroy();
  return took;
}
