import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import Database from 'better-sqlite3';
import PQueue from 'p-queue';

import { postgresFolder, startPostgres } from '../dev/postgres/postgres.ts';
import type { Postgres } from '../dev/postgres/postgres.ts';
import { Moderator } from '../dev/room/moderator.ts';
import { startSeveralProcesses } from '../dev/room/several-processes.ts';
import type { Member, SeveralProcesses } from '../dev/room/several-processes.ts';
import { startOwnHomeserver } from '../dev/synapse/homeserver.ts';
import type { OwnHomeserver } from '../dev/synapse/homeserver.ts';
import { MatrixUser } from '../dev/synapse/matrix-user.ts';
import { spread } from './measurement.ts';
import type { Benchmark, BenchmarkOptions, Measurement } from './measurement.ts';
import { computedMs } from './process-use.ts';

/** One Synapse, one PostgreSQL, and a room in which several processes of one bot work. */
interface Scene extends AsyncDisposable {
  readonly homeserver: OwnHomeserver;
  readonly postgres: Postgres;
  readonly ana: Moderator;
  readonly mallory: MatrixUser;
  readonly processes: SeveralProcesses;
}

async function openScene(count: number): Promise<Scene> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-bench-'));
  const [homeserver, postgres] = await Promise.all([startOwnHomeserver(), startPostgres()]);
  const [bot, owner, mallory] = await Promise.all([
    MatrixUser.register(homeserver, { localpart: 'lawspeaker', admin: true }),
    MatrixUser.register(homeserver, { localpart: 'ana' }),
    MatrixUser.register(homeserver, { localpart: 'mallory' }),
  ]);
  const room = await owner.createRoom({ preset: 'private_chat', invite: [bot.userId] });
  const ana = await new Moderator(owner, room).look();
  const processes = await startSeveralProcesses(count, folder, postgres, {
    homeserver: { url: homeserver.url, accessToken: bot.account.accessToken },
    managementRoom: room,
  });
  return {
    homeserver,
    postgres,
    ana,
    mallory,
    processes,
    async [Symbol.asyncDispose]() {
      await processes[Symbol.asyncDispose]();
      await ana.lookAway();
      await Promise.all([homeserver.stop(), postgres.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Measures what one process and three do, and how long it takes until another one leads. */
export const severalProcesses: Benchmark = async ({ short }) => {
  const measured: Measurement[] = [];
  if (postgresFolder() === undefined) {
    console.error('several-processes needs PostgreSQL');
    return measured;
  }
  for (const count of short ? [1] : [1, 3]) {
    await using scene = await openScene(count);
    const name = count === 1 ? '1 process' : `${count} processes`;
    const commands = await commandsPerSecond(scene, short);
    measured.push(
      { what: `commands, ${name}`, unit: 'per second', ...spread(commands.rates) },
      { what: 'the leader computes, for each command', unit: 'ms', ...spread(commands.computed) },
    );
    const reports = await reportsPerSecond(scene, short);
    measured.push(
      { what: `reports, ${name}`, unit: 'per second', ...spread(reports.rates) },
      { what: 'the leader computes, for each report', unit: 'ms', ...spread(reports.computed) },
    );
  }
  return [...measured, ...(await handOvers({ short }))];
};

/** How many were done per second in each round, and how long the leader has computed for each, in milliseconds. */
interface Rounds {
  readonly rates: number[];
  readonly computed: number[];
}

/** Measures one round of so many. */
async function measure(
  { processes }: Scene,
  { rates, computed }: Rounds,
  size: number,
  work: () => Promise<unknown>,
): Promise<void> {
  const leader = await processes.nextLeader();
  const { pid } = leader.current().process;
  const before = await computedMs(pid);
  const begin = performance.now();
  await work();
  rates.push((size * 1000) / (performance.now() - begin));
  computed.push(((await computedMs(pid)) - before) / size);
}

/** Many at once, so that Synapse or the bot is always busy. */
async function commandsPerSecond(scene: Scene, short: boolean): Promise<Rounds> {
  const { ana, mallory } = scene;
  const size = short ? 10 : 100;
  const counted: Rounds = { rates: [], computed: [] };
  const first: Rounds = { rates: [], computed: [] };
  // Synapse and the bot are slow at first: these rounds don't count.
  for (let round = short ? 0 : -3; round < (short ? 1 : 5); round += 1) {
    const queue = new PQueue({ concurrency: 8 });
    await measure(scene, round < 0 ? first : counted, size, async () =>
      queue.addAll(
        Array.from({ length: size }, () => async () => ana.ask(`!user ${mallory.userId}`)),
      ),
    );
  }
  return counted;
}

/** Reports that arrive all at once, each about another message, until each is stored and has been looked at. */
async function reportsPerSecond(scene: Scene, short: boolean): Promise<Rounds> {
  const { homeserver, mallory, postgres } = scene;
  const size = short ? 10 : 200;
  const lobby = await mallory.createRoom({ preset: 'public_chat', name: 'Lobby' });
  const synapse = new Database(homeserver.databaseFile);
  using _ = { [Symbol.dispose]: () => void synapse.close() };
  synapse.pragma('busy_timeout = 10000');
  const insert = synapse.prepare(
    'INSERT INTO event_reports (id, received_ts, room_id, event_id, user_id, reason, content) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  const counted: Rounds = { rates: [], computed: [] };
  for (let round = 0; round < (short ? 1 : 3); round += 1) {
    const queue = new PQueue({ concurrency: 8 });
    const events = await queue.addAll(
      Array.from(
        { length: size },
        (_, at) => async () => mallory.sendText(lobby, `cheap coins ${round} ${at}`),
      ),
    );
    synapse.transaction(() => {
      for (const [at, event] of events.entries()) {
        const content = JSON.stringify({ reason: 'spam', score: -100 });
        const id = round * size + at + 1;
        insert.run(id, Date.now() + at, lobby, event, mallory.userId, 'spam', content);
      }
    })();
    await measure(scene, counted, size, async () => {
      while ((await lookedAt(postgres)) < (round + 1) * size) {
        await wait(50);
      }
    });
  }
  return counted;
}

async function lookedAt(postgres: Postgres): Promise<number> {
  const rows = await rowsOf<{ count: string }>(
    postgres,
    'SELECT count(*) AS count FROM report_items WHERE needs_look = 0',
  );
  return Number(rows[0]?.count);
}

async function rowsOf<Row>(postgres: Postgres, query: string): Promise<Row[]> {
  const { Client } = (await import('pg')).default;
  const client = new Client(postgres.url('postgres'));
  await client.connect();
  const { rows } = await client.query(query);
  await client.end();
  return rows as Row[];
}

const ways = {
  async 'a clean stop'(leader: Member) {
    await leader.current().stop();
  },
  async 'kill -9'(leader: Member) {
    await leader.current().kill();
  },
  async SIGSTOP(leader: Member) {
    leader.current().process.kill('SIGSTOP');
  },
} as const;

/** From the fault until another process leads, and until it has answered a command that was sent at that moment. */
async function handOvers({ short }: Pick<BenchmarkOptions, 'short'>): Promise<Measurement[]> {
  await using scene = await openScene(3);
  const { ana, processes, mallory } = scene;
  const measured: Measurement[] = [];
  // One that is frozen is replaced after eight seconds.
  for (const [name, happen] of Object.entries(ways).slice(0, short ? 2 : 3)) {
    const leadsMs: number[] = [];
    const answersMs: number[] = [];
    for (let round = 0; round < (short ? 1 : 10); round += 1) {
      await allAreThere(scene);
      const leader = await processes.nextLeader();
      const before = leader.current();
      const begin = performance.now();
      const happened = happen(leader);
      const answered = ana.ask(`!user ${mallory.userId}`).then(() => performance.now() - begin);
      await processes.nextLeader(before.process.pid);
      leadsMs.push(performance.now() - begin);
      answersMs.push(await answered);
      await happened;
      before.process.kill('SIGCONT');
    }
    measured.push(
      { what: `${name}: another process leads`, unit: 'ms', ...spread(leadsMs) },
      { what: `${name}: a command is answered`, unit: 'ms', ...spread(answersMs) },
    );
  }
  return measured;
}

/** Waits until one process leads, and the others stand by. */
async function allAreThere({ postgres, processes }: Scene): Promise<void> {
  const seen = async () =>
    rowsOf(
      postgres,
      `SELECT id FROM lawspeaker_processes WHERE seen_at > clock_timestamp() - interval '2 seconds'`,
    );
  while ((await seen()).length < processes.members.length) {
    await wait(50);
  }
}
