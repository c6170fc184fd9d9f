import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';

import { startOwnHomeserver } from '../dev/synapse/homeserver.ts';
import { MatrixUser } from '../dev/synapse/matrix-user.ts';
import { spread } from './measurement.ts';
import type { Benchmark, Measurement } from './measurement.ts';
import { residentMb } from './process-use.ts';
import { openBenchRoom } from './room.ts';

/** Two of them are real. */
const homeservers = 50;

/**
 * Measures a bot with 50 homeservers: how soon it is ready, how much memory it needs at rest, and how many requests it
 * makes then. All but two of the homeservers only know the bot's account, and have no reports.
 */
export const manyHomeservers: Benchmark = async ({ short }) => {
  await using started = new AsyncDisposableStack();
  const room = started.use(await openBenchRoom());
  const two = await startOwnHomeserver({ server_name: 'two.example' });
  started.defer(async () => two.stop());
  const botOnTwo = await MatrixUser.register(two, { localpart: 'lawspeaker', admin: true });
  const stubs: Stub[] = [];
  for (let at = 2; at < homeservers; at += 1) {
    stubs.push(started.use(await startStub(`stub${at}.example`)));
  }
  const { accessToken } = room.bot.account;
  const { url, serverName } = room.homeserver;
  const config = {
    homeserver: undefined,
    homeservers: [
      { serverName, url, accessToken },
      { serverName: 'two.example', url: two.url, accessToken: botOnTwo.account.accessToken },
      ...stubs.map((stub) => ({ ...stub.entry, accessToken: 'syt_stub' })),
    ],
  };
  return [
    ...(await startAndRest(room, {}, [], short, 'one homeserver')),
    ...(await startAndRest(room, config, stubs, short, `${homeservers} homeservers`)),
  ];
};

async function startAndRest(
  room: Awaited<ReturnType<typeof openBenchRoom>>,
  config: object,
  stubs: readonly Stub[],
  short: boolean,
  what: string,
): Promise<Measurement[]> {
  const readyMs: number[] = [];
  for (let round = 0; round < (short ? 2 : 6); round++) {
    const begin = performance.now();
    const bot = await room.startBot(config);
    readyMs.push(performance.now() - begin);
    await bot.stop();
  }
  const bot = await room.startBot(config);
  await wait(short ? 500 : 20_000);
  const memory = await residentMb(bot.process.pid);
  const perMinute = stubs.length === 0 ? 0 : await requestsPerMinute(stubs, short);
  await bot.stop();
  return [
    { what: `${what}: start until ready`, unit: 'ms', ...spread(readyMs.slice(1)) },
    { what: `${what}: memory at rest`, unit: 'MB', median: memory },
    ...(stubs.length === 0
      ? []
      : [
          {
            what: '… requests at rest, to each but the first',
            unit: 'per minute' as const,
            median: perMinute,
          },
        ]),
  ];
}

/** To each of them. */
async function requestsPerMinute(stubs: readonly Stub[], short: boolean): Promise<number> {
  const before = sum(stubs);
  const minutes = short ? 0.01 : 1;
  await wait(minutes * 60_000);
  return (sum(stubs) - before) / minutes / stubs.length;
}

const sum = (stubs: readonly Stub[]) => stubs.reduce((total, stub) => total + stub.requests(), 0);

interface Stub extends AsyncDisposable {
  readonly entry: { readonly serverName: string; readonly url: string };
  requests(): number;
}

/** A homeserver that knows only the bot's account. */
async function startStub(serverName: string): Promise<Stub> {
  const botUser = `@lawspeaker:${serverName}`;
  const answers: readonly (readonly [RegExp, object])[] = [
    [/\/account\/whoami$/u, { user_id: botUser }],
    [/\/v2\/users\//u, { name: botUser, admin: true }],
    [/\/server_version$/u, { server_version: '1.163.2' }],
    [/\/event_reports/u, { event_reports: [], total: 0 }],
    [/\/user_reports/u, { user_reports: [], total: 0 }],
  ];
  let requests = 0;
  const server = createServer(({ url = '' }, response) => {
    requests += 1;
    const known = answers.find(([path]) => path.test(url))?.[1];
    const answer = known ?? { errcode: 'M_UNRECOGNIZED', error: 'Unrecognized request' };
    response.writeHead(known === undefined ? 404 : 200).end(JSON.stringify(answer));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    entry: { serverName, url: `http://127.0.0.1:${port}` },
    requests: () => requests,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
