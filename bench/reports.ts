import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

import Database from 'better-sqlite3';
import PQueue from 'p-queue';

import { startBotProcess } from '../dev/room/bot-process.ts';
import type { BotProcess } from '../dev/room/bot-process.ts';
import { Moderator } from '../dev/room/moderator.ts';
import { startOwnHomeserver } from '../dev/synapse/homeserver.ts';
import type { Homeserver } from '../dev/synapse/homeserver.ts';
import { MatrixUser } from '../dev/synapse/matrix-user.ts';
import { startCountingProxy } from './counting-proxy.ts';
import type { CountingProxy } from './counting-proxy.ts';
import { spread } from './measurement.ts';
import type { Benchmark, Measurement } from './measurement.ts';

const eventReports = 'GET /_synapse/admin/v1/event_reports';
/** The number of reports, each about a different message. */
const burstSize = 1000;
const backlogSize = 5000;

/** A Synapse with a lobby whose messages are reported, and a management room. */
interface ReportScene extends AsyncDisposable {
  readonly homeserver: Homeserver;
  readonly bot: MatrixUser;
  readonly moderator: Moderator;
  readonly sender: MatrixUser;
  readonly reporters: readonly MatrixUser[];
  readonly lobby: string;
  /** All requests of the bots go through this. */
  readonly proxy: CountingProxy;
  /** Writes reports about these events into Synapse's database, all at once. */
  report(events: readonly string[], receivedTs: number): void;
  forgetReports(): void;
  /** Starts a bot with a new database, in its own folder. */
  startBot(): Promise<{ readonly process: BotProcess; readonly databaseFile: string }>;
}

async function openScene(): Promise<ReportScene> {
  const folder = await mkdtemp(path.join(tmpdir(), 'lawspeaker-bench-'));
  const homeserver = await startOwnHomeserver();
  const proxy = await startCountingProxy(homeserver.url);
  const register = async (localpart: string, admin = false) =>
    MatrixUser.register(homeserver, { localpart, admin });
  const [bot, ana, sender] = await Promise.all([
    register('lawspeaker', true),
    register('ana'),
    register('mallory'),
  ]);
  const reporters = await sideBySide(
    Array.from({ length: 20 }, (_, at) => `reporter${at}`),
    async (localpart) => register(localpart),
  );
  const room = await ana.createRoom({ preset: 'private_chat', invite: [bot.userId] });
  await bot.join(room);
  const lobby = await sender.createRoom({ preset: 'public_chat', name: 'Lobby' });
  const moderator = await new Moderator(ana, room).look();
  const synapse = new Database(homeserver.databaseFile);
  synapse.pragma('busy_timeout = 10000');
  const insert = synapse.prepare(
    'INSERT INTO event_reports (id, received_ts, room_id, event_id, user_id, reason, content) VALUES (?, ?, ?, ?, ?, ?, ?)',
  );
  let lastId = 0;
  const bots: BotProcess[] = [];
  return {
    homeserver,
    bot,
    moderator,
    sender,
    reporters,
    lobby,
    proxy,
    report(events, receivedTs) {
      synapse.transaction(() => {
        events.forEach((event, at) => {
          const reporter = reporters[at % reporters.length]?.userId ?? '';
          lastId += 1;
          const content = JSON.stringify({ reason: 'spam', score: -100 });
          insert.run(lastId, receivedTs + at, lobby, event, reporter, 'spam', content);
        });
      })();
    },
    forgetReports() {
      synapse.exec('DELETE FROM event_reports');
    },
    async startBot() {
      const own = await mkdtemp(path.join(folder, 'bot-'));
      const databaseFile = path.join(own, 'lawspeaker.db');
      const process = await startBotProcess(own, {
        homeserver: { url: proxy.url, accessToken: bot.account.accessToken },
        managementRoom: room,
        database: { path: databaseFile },
      });
      bots.push(process);
      return { process, databaseFile };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(bots.map(async (one) => one.stop()));
      await moderator.lookAway();
      await proxy[Symbol.asyncDispose]();
      synapse.close();
      await homeserver.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Measures how long answers take while reports come in, and how long the bot takes to read all reports. */
export const reports: Benchmark = async ({ short }) => {
  await using scene = await openScene();
  const { process, databaseFile } = await scene.startBot();
  const burst = await answersDuringBurst(scene, databaseFile, short);
  await process.stop();
  scene.forgetReports();
  return [...burst, ...(await backlog(scene, short))];
};

/** Measures how long answers take while the bot works on a thousand reports that arrived at once. */
async function answersDuringBurst(
  scene: ReportScene,
  databaseFile: string,
  short: boolean,
): Promise<Measurement[]> {
  const { moderator, sender, lobby, proxy } = scene;
  const size = short ? 40 : burstSize;
  const messages = await sideBySide(
    Array.from({ length: size }, (_, at) => `cheap coins ${at}`),
    async (text) => sender.sendText(lobby, text),
  );
  const answerMs = async () => {
    const begin = performance.now();
    await moderator.ask(`!user ${sender.userId}`);
    return performance.now() - begin;
  };
  const before: number[] = [];
  for (let round = 0; round < (short ? 2 : 20); round += 1) {
    before.push(await answerMs());
  }
  using db = opened(databaseFile);
  const pending = db.db.prepare<[], { stored: number; pending: number }>(
    'SELECT count(*) AS stored, coalesce(sum(needs_look), 0) AS pending FROM report_items',
  );
  const from = proxy.requests.length;
  const begin = performance.now();
  scene.report(messages, Date.now());
  const during: number[] = [];
  let workedMs = 0;
  while (performance.now() - begin < 120_000) {
    during.push(await answerMs());
    const now = pending.get();
    if (now?.stored === size && now.pending === 0) {
      workedMs = performance.now() - begin;
      break;
    }
    await wait(50);
  }
  const reads = proxy.requests
    .slice(from)
    .filter(({ what }) => /\/(?:context|event_reports)\/|\/v2\/users\//u.test(what)).length;
  return [
    { what: 'answers before a burst of reports', unit: 'ms', ...spread(before) },
    { what: 'answers during it', unit: 'ms', ...spread(during), goal: { max: 300 } },
    { what: 'until the burst is worked off', unit: 's', median: workedMs / 1000 },
    { what: 'reads for each of its reports', unit: '×', median: (reads - during.length) / size },
  ];
}

/**
 * Measures how long the bot takes to read thousands of reports from before its first start, compared with a
 * script that only reads the pages.
 */
async function backlog(scene: ReportScene, short: boolean): Promise<Measurement[]> {
  const { proxy, bot } = scene;
  const size = short ? 200 : backlogSize;
  scene.report(
    Array.from({ length: size }, (_, at) => `$made-up-${at % Math.ceil(size * 0.6)}`),
    Date.now() - 86_400_000,
  );
  const bareMs: number[] = [];
  const botMs: number[] = [];
  for (let round = 0; round < (short ? 1 : 5); round += 1) {
    bareMs.push(await readAllPages(proxy.url, bot));
    const from = proxy.requests.length;
    const { process, databaseFile } = await scene.startBot();
    using db = opened(databaseFile);
    const stored = db.db.prepare<[], { value: string }>(
      "SELECT value FROM sync_state WHERE name LIKE 'reports.event %'",
    );
    while (!(stored.get()?.value.includes('"isComplete":true') ?? false)) {
      await wait(2);
    }
    const end = performance.now();
    const start = proxy.requests.slice(from).find(({ what }) => what === eventReports)?.atMs ?? end;
    botMs.push(end - start);
    await process.stop();
  }
  const bare = spread(bareMs);
  return [
    { what: 'a bare script reads the pages of a backlog', unit: 'ms', ...bare },
    { what: 'the bot takes the backlog in', unit: 'ms', ...spread(botMs) },
    {
      what: 'backlog, bot to bare script',
      unit: '×',
      median: spread(botMs).median / bare.median,
      goal: { median: 1.5 },
    },
  ];
}

/** Reads the whole list, page by page. Returns the time in milliseconds. */
async function readAllPages(url: string, admin: MatrixUser): Promise<number> {
  const begin = performance.now();
  const headers = { authorization: `Bearer ${admin.account.accessToken}` };
  for (let from: number | undefined = 0; from !== undefined;) {
    const address = `${url}/_synapse/admin/v1/event_reports?from=${from}&limit=${barePageSize}`;
    const answer = await fetch(address, { headers });
    ({ next_token: from } = (await answer.json()) as { next_token?: number });
  }
  return performance.now() - begin;
}

/**
 * As large as the pages that the bot asked for at first. Smaller ones would slow down the script, and so
 * flatter the bot.
 */
const barePageSize = 500;

async function sideBySide<Value, Result>(
  values: readonly Value[],
  work: (value: Value) => Promise<Result>,
): Promise<Result[]> {
  const queue = new PQueue({ concurrency: 8 });
  return queue.addAll(values.map((value) => async () => work(value)));
}

function opened(file: string): Disposable & { readonly db: Database.Database } {
  const db = new Database(file, { readonly: true, fileMustExist: true });
  return { db, [Symbol.dispose]: () => void db.close() };
}
