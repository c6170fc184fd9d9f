import { setTimeout as wait } from 'node:timers/promises';

import { startCountingProxy } from './counting-proxy.ts';
import type { CountingProxy, PassedRequest } from './counting-proxy.ts';
import type { Benchmark, Measurement } from './measurement.ts';
import { openBenchRoom } from './room.ts';

const eventReports = 'GET /_synapse/admin/v1/event_reports';
const userReports = 'GET /_synapse/admin/v1/user_reports';
/** How long after its last command or report the bot is at rest. */
const untilRestMs = 150_000;

/**
 * Counts the requests that a bot which nobody uses makes to the homeserver. The count doesn't depend on how
 * fast the machine is.
 */
export const atRest: Benchmark = async ({ short }) => {
  const started = new AsyncDisposableStack();
  const room = started.use(await openBenchRoom());
  const proxy = started.use(await startCountingProxy(room.homeserver.url));
  await room.startBot({
    homeserver: { url: proxy.url, accessToken: room.bot.account.accessToken },
  });
  const measured = async () => {
    await using _ = started;
    return await countRequests(proxy, short);
  };
  return { measured: measured() };
};

async function countRequests(proxy: CountingProxy, short: boolean): Promise<Measurement[]> {
  await wait(short ? 0 : untilRestMs);
  const from = proxy.requests.length;
  const minutes = short ? 0.1 : 2;
  await wait(minutes * 60_000);
  const passed = proxy.requests.slice(from);
  return [
    {
      what: 'requests at rest',
      unit: 'per minute',
      median: passed.length / minutes,
      goal: { median: 14 },
    },
    // A short run is over before the bot asks for anything twice.
    ...(short
      ? []
      : [
          seenAfter('a report of a message is seen, at rest', passed, eventReports),
          seenAfter('a report of a user is seen, at rest', passed, userReports),
        ]),
  ];
}

function seenAfter(what: string, passed: readonly PassedRequest[], request: string): Measurement {
  return { what, unit: 'ms', median: meanWaitMs(passed, request) };
}

/** How long an event at a random moment waits for the next such request, on average. */
function meanWaitMs(passed: readonly PassedRequest[], what: string): number {
  const times = passed.filter((one) => one.what === what).map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? time));
  const sum = (values: readonly number[]) => values.reduce((one, other) => one + other, 0);
  return sum(gaps.map((gap) => gap * gap)) / (2 * sum(gaps));
}
