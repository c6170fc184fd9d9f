import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { Moderator } from '../dev/room/moderator.ts';
import { MatrixUser } from '../dev/synapse/matrix-user.ts';
import { spread } from './measurement.ts';
import type { Benchmark, Measurement } from './measurement.ts';
import { openBenchRoom } from './room.ts';
import type { BenchRoom } from './room.ts';
import type { Moment } from './trace-probe.ts';

const goal = { median: 1.12, p95: 1.25 };

/**
 * Measures the time from a moderator's message to the answer in their client, alternating with a script that
 * only makes one admin API call. The ratio of the two is what the bot adds to Synapse.
 */
export const answer: Benchmark = async ({ short, trace }) => {
  await using room = await openBenchRoom();
  const traceFile = `${room.databaseFile}-trace`;
  const target = await MatrixUser.register(room.homeserver, {
    localpart: `mallory-${Date.now().toString(36)}`,
  });
  await using bare = await openBareRoom(room);
  await room.startBot({}, trace ? tracing(traceFile) : []);
  const rounds = short ? 5 : 100;
  const measurements: Measurement[] = [];
  for (const commands of [['!user'], ['!shadow-ban', '!unshadow-ban']]) {
    const { botMs, bareMs } = await alternate(
      { bot: room.moderator, bare: bare.moderator },
      { rounds, warmUp: Math.min(20, rounds) },
      (round) => `${commands[round % commands.length]} ${target.userId}`,
    );
    if (trace) {
      console.error(`\n${commands[0]}\n${await middleTrace(traceFile)}\n`);
      await rm(traceFile);
    }
    const [byBot, byScript] = [spread(botMs), spread(bareMs)];
    const name = commands[0] ?? '';
    measurements.push(
      { what: `${name}: the bot`, unit: 'ms', ...byBot },
      { what: `${name}: the bare script`, unit: 'ms', ...byScript },
      {
        what: `${name}: bot ÷ script`,
        unit: '×',
        median: byBot.median / byScript.median,
        p95: byBot.p95 / byScript.p95,
        goal,
      },
    );
  }
  return measurements;
};

/** The launcher that makes Node trace answers. */
function tracing(file: string): string[] {
  const probe = new URL('trace-probe.ts', import.meta.url).href;
  return ['env', `LAWSPEAKER_TRACE=${file}`, `NODE_OPTIONS=--import=${probe}`];
}

/** The trace of the answer that took the median time, with one line for each moment. */
async function middleTrace(file: string): Promise<string> {
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  const answers = lines
    .map((line) => JSON.parse(line) as Moment[])
    .sort((one, other) => (one.at(-1)?.atMs ?? 0) - (other.at(-1)?.atMs ?? 0));
  const middle = answers[Math.floor(answers.length / 2)] ?? [];
  return middle.map(({ atMs, what }) => `${atMs.toFixed(1).padStart(8)} ms  ${what}`).join('\n');
}

/**
 * Times the replies of the bot and of the bare script, in turn. The first rounds compile code and fill
 * caches, on both sides, and don't count.
 *
 * @param lineOf the line to send in a round, which is counted from 0
 */
export async function alternate(
  moderators: { readonly bot: Moderator; readonly bare: Moderator },
  { rounds, warmUp }: { readonly rounds: number; readonly warmUp: number },
  lineOf: (round: number) => string,
): Promise<{ readonly botMs: readonly number[]; readonly bareMs: readonly number[] }> {
  const botMs: number[] = [];
  const bareMs: number[] = [];
  for (let round = 0; round < warmUp + rounds; round += 1) {
    const line = lineOf(round);
    botMs.push(await timeOf(moderators.bot, line));
    bareMs.push(await timeOf(moderators.bare, line));
  }
  return { botMs: botMs.slice(warmUp), bareMs: bareMs.slice(warmUp) };
}

/** Sends a line and waits for the reply. Returns the time in milliseconds. */
async function timeOf(moderator: Moderator, line: string): Promise<number> {
  moderator.events.length = 0;
  const begin = performance.now();
  const event = await moderator.say(line);
  await moderator.until(`a reply to ${line}`, () =>
    moderator.events.find(({ content }) => repliesTo(content) === event),
  );
  return performance.now() - begin;
}

function repliesTo(content: Readonly<Record<string, unknown>>): string | undefined {
  const relation = content['m.relates_to'] as
    | { readonly 'm.in_reply_to'?: { readonly event_id?: string } }
    | undefined;
  return relation?.['m.in_reply_to']?.event_id;
}

/** Opens a room like the bot's, with the bare script in it. */
export async function openBareRoom({ homeserver }: BenchRoom) {
  const run = Date.now().toString(36);
  const [account, owner] = await Promise.all([
    MatrixUser.register(homeserver, { localpart: `script-${run}`, admin: true }),
    MatrixUser.register(homeserver, { localpart: `ben-${run}` }),
  ]);
  const id = await owner.createRoom({ preset: 'private_chat', invite: [account.userId] });
  await account.join(id);
  const moderator = await new Moderator(owner, id).look();
  const running = spawn(
    process.execPath,
    [
      fileURLToPath(new URL('bare.ts', import.meta.url)),
      homeserver.url,
      account.account.accessToken,
      id,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(running.stdout, 'data');
  return {
    moderator,
    script: account,
    async [Symbol.asyncDispose]() {
      running.kill();
      await moderator.lookAway();
    },
  };
}
