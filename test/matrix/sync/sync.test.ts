import { afterEach, beforeEach, expect, test } from 'vitest';

import { createClientApi } from '../../../src/homeserver/client/client-api.ts';
import { clearText } from '../../../src/matrix/crypto/room-crypto.ts';
import { RoomState } from '../../../src/matrix/room/room-state.ts';
import { createSync } from '../../../src/matrix/sync/sync.ts';
import type { SyncHealth } from '../../../src/matrix/sync/sync.ts';
import { createLog } from '../../../src/observability/log.ts';
import { answer, startFaultyServer } from '../../support/faulty-server.ts';
import type { FaultyServer } from '../../support/faulty-server.ts';
import { asRoomId, asUserId } from '../../support/homeserver.ts';

const room = asRoomId('!management:localhost');
const bot = asUserId('@lawspeaker:localhost');
const ben = asUserId('@ben:localhost');

const powerLevels = (level: number) => ({
  type: 'm.room.power_levels',
  state_key: '',
  event_id: `$level${level}`,
  sender: '@ana:localhost',
  origin_server_ts: level,
  content: { users: { [ben]: level } },
});

/** Answers by path; what has no answer gets an empty sync that takes its time. */
type Answers = (
  path: string,
  query: URLSearchParams,
) => [status: number, body: object | string] | undefined;

let server: FaultyServer;
let stop = new AbortController();
let stored: Map<string, string>;
let taken: { how: string; events: unknown[] }[];
/** What was known of the sync when its events were taken in. */
let healthWhenTaken: SyncHealth[];
let refused: string[];
/** The token that was stored when it was told that not all was read. */
let cutAt: (string | undefined)[];
beforeEach(() => {
  stop = new AbortController();
  stored = new Map();
  taken = [];
  healthWhenTaken = [];
  refused = [];
  cutAt = [];
});
afterEach(async () => {
  stop.abort();
  await server[Symbol.asyncDispose]();
});

async function sync(answers: Answers, beforeNext?: () => Promise<void>): Promise<void> {
  server = await startFaultyServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://localhost');
    const found = answers(pathname, searchParams);
    if (found !== undefined) {
      answer(...found)(request, response);
    }
    // Nothing new: the sync is held.
  });
  const log = await createLog({ level: 'silent', format: 'json' });
  const running = createSync({
    client: createClientApi({ url: server.url, accessToken: 'token', stop: stop.signal }),
    room,
    botUser: bot,
    crypto: clearText(async () => false),
    store: {
      get: async (name) => stored.get(name),
      set: async (name, value) => {
        if (value === undefined) {
          stored.delete(name);
        } else {
          stored.set(name, value);
        }
      },
    },
    log,
    longPollMs: 1000,
    ...(beforeNext === undefined ? {} : { beforeNext }),
    take: async (events, how) => {
      taken.push({ how, events: [...events] });
      healthWhenTaken.push(running.health);
    },
    giveUp: async () => undefined,
    placeRefused: async (token) => {
      refused.push(token);
    },
    onCut: async () => {
      cutAt.push(stored.get('token'));
    },
    onOnline: () => undefined,
    onFatal: (error) => {
      throw error;
    },
  });
  stop.signal.addEventListener('abort', () => running.stop());
  await running.start();
}

const joined = (part: object) => ({
  next_batch: 's2',
  rooms: { join: { [room]: part } },
});

function levelAfterwards(): number {
  const state = new RoomState();
  taken.flatMap(({ events }) => events).forEach((event) => state.apply(event));
  return state.powerLevel(ben);
}

test('what a gap left out is taken in oldest first, over several pages: the newest power level holds', async () => {
  stored.set('token', 's1');
  const upTo: unknown[] = [];
  await sync((path, query) => {
    if (path.endsWith('/sync')) {
      return query.get('since') === 's1'
        ? [200, joined({ timeline: { limited: true, prev_batch: 'p0', events: [powerLevels(5)] } })]
        : undefined;
    }
    if (path.endsWith('/messages')) {
      upTo.push(query.get('to'));
      return query.get('from') === 'p0'
        ? [200, { chunk: [powerLevels(4), powerLevels(3)], end: 'p1' }]
        : [200, { chunk: [powerLevels(2), powerLevels(1)] }];
    }
    return undefined;
  });
  expect(taken).toEqual([{ how: 'new', events: [1, 2, 3, 4, 5].map(powerLevels) }]);
  expect(levelAfterwards()).toBe(5);
  expect(upTo).toEqual(['s1', 's1']);
});

test('of a gap without an end the newest is taken in, and that there was more is told before the token moves on', async () => {
  stored.set('token', 's1');
  await sync((path, query) => {
    if (path.endsWith('/sync') && query.get('since') === 's1') {
      return [200, joined({ timeline: { limited: true, prev_batch: 'p0', events: [] } })];
    }
    if (path.endsWith('/state')) {
      return [200, []];
    }
    const page = Number(query.get('from')?.slice('p'.length));
    const chunk = Array.from({ length: 100 }, (_, at) => ({ event_id: `$${page * 100 + at}` }));
    return path.endsWith('/messages') ? [200, { chunk, end: `p${page + 1}` }] : undefined;
  });
  expect(taken.flatMap(({ events }) => events)).toHaveLength(5000);
  expect(cutAt).toEqual(['s1']);
  expect(stored.get('token')).toBe('s2');
});

test('a power level that only the gap holds is not undone by an older one of it', async () => {
  stored.set('token', 's1');
  await sync((path, query) => {
    if (path.endsWith('/sync')) {
      return query.get('since') === 's1'
        ? [200, joined({ timeline: { limited: true, prev_batch: 'p0', events: [] } })]
        : undefined;
    }
    return path.endsWith('/messages')
      ? [200, { chunk: [powerLevels(0), powerLevels(100)] }]
      : undefined;
  });
  expect(levelAfterwards()).toBe(0);
});

test('state that a sync tells apart from the timeline counts, as the room itself has it', async () => {
  stored.set('token', 's1');
  await sync((path, query) => {
    if (path.endsWith('/sync')) {
      return query.get('since') === 's1'
        ? [200, joined({ timeline: { events: [] }, state: { events: [powerLevels(50)] } })]
        : undefined;
    }
    return path.endsWith('/state') ? [200, [powerLevels(0)]] : undefined;
  });
  expect(taken).toEqual([{ how: 'new', events: [powerLevels(0)] }]);
});

test('at the very first sync the state comes before the timeline, and all of it is old', async () => {
  await sync((path, query) =>
    path.endsWith('/sync') && query.get('since') === null
      ? [
          200,
          joined({
            timeline: { limited: true, prev_batch: 'p0', events: [powerLevels(2)] },
            state: { events: [powerLevels(1)] },
          }),
        ]
      : undefined,
  );
  expect(taken).toEqual([{ how: 'first', events: [powerLevels(1), powerLevels(2)] }]);
  expect(stored.get('token')).toBe('s2');
});

test('a token that the homeserver refuses is given up for the newest; a proxy can’t refuse it', async () => {
  stored.set('token', 'nonsense');
  let asked = 0;
  await sync((path, query) => {
    if (!path.endsWith('/sync')) {
      return undefined;
    }
    asked += 1;
    if (query.get('since') === 'nonsense') {
      return asked === 1
        ? [400, '<html>Bad Request</html>']
        : [400, { errcode: 'M_UNKNOWN', error: 'Invalid stream token' }];
    }
    return query.get('since') === null
      ? [200, joined({ timeline: { events: [powerLevels(1)] } })]
      : undefined;
  });
  expect(refused).toEqual(['nonsense']);
  // Again after the proxy's word, and once more for the newest.
  expect(asked).toBeGreaterThanOrEqual(3);
  expect(taken).toEqual([{ how: 'first', events: [powerLevels(1)] }]);
  expect(stored.get('token')).toBe('s2');
});

test('asks again only when it may', async () => {
  stored.set('token', 's1');
  const seen: string[] = [];
  const askedAgain = Promise.withResolvers<void>();
  await sync(
    (path, query) => {
      if (!path.endsWith('/sync')) {
        return undefined;
      }
      const isFirst = query.get('since') === 's1';
      seen.push(isFirst ? 'asked' : 'asked again');
      if (!isFirst) {
        askedAgain.resolve();
        return undefined;
      }
      return [200, joined({ timeline: { events: [powerLevels(5)] } })];
    },
    async () => {
      seen.push(`${taken.length} taken`);
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      seen.push('may ask');
    },
  );
  await askedAgain.promise;
  expect(seen).toEqual(['asked', '1 taken', 'may ask', 'asked again']);
});

test('a command in the first answer, or in the first one after a failure, finds that the sync works', async () => {
  stored.set('token', 's1');
  let asked = 0;
  await sync((path, query) => {
    if (!path.endsWith('/sync')) {
      return undefined;
    }
    if (query.get('since') === 's1') {
      asked += 1;
      return asked === 1 ? [502, {}] : [200, joined({ timeline: { events: [powerLevels(1)] } })];
    }
    return undefined;
  });
  expect(healthWhenTaken).toMatchObject([
    { online: true, lastSyncAt: expect.any(Number), failures: 1 },
  ]);
});
