import { setTimeout as wait } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Mock } from 'vitest';

import {
  ForeignAnswerError,
  HomeserverError,
  TargetError,
  UnreachableError,
} from '../../../src/core/errors.ts';
import type { RoomId } from '../../../src/core/ids.ts';
import type { ReportSource } from '../../../src/reports/intake/intake.ts';
import { createPoller } from '../../../src/reports/intake/poller.ts';
import type { Poller } from '../../../src/reports/intake/poller.ts';
import { createStatisticsCheck } from '../../../src/services/reports/statistics-check.ts';
import type { Store } from '../../../src/store/store.ts';
import { openTestStore } from '../../support/test-database.ts';

let store: Store;
let poller: Poller;
let isUp: boolean;
/** Undefined: all can be read again. */
let told: unknown[];
let isToldToAnybody: boolean;
beforeEach(async () => {
  store = await openTestStore();
  isUp = true;
  told = [];
  isToldToAnybody = true;
});
afterEach(async () => {
  vi.useRealTimers();
  await poller.stop();
  await store.close();
});

let asked = 0;
let fault: Error;
let assertComplete: ReportSource['assertComplete'];
let isEndless: boolean;
let log: { info: Mock; warn: Mock; error: Mock };
beforeEach(() => {
  isEndless = false;
  asked = 0;
  fault = down;
  assertComplete = undefined;
});

const down = new UnreachableError('GET /reports', 'does not answer', false);

/** An hour between two questions: what comes before is hurried. */
function start(kinds: readonly ReportSource['kind'][] = ['event', 'user']): void {
  log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
  poller = createPoller({
    store,
    sources: kinds.map((kind) => ({
      serverName: 'x',
      kind,
      ...(assertComplete === undefined ? {} : { assertComplete }),
      async page() {
        asked += 1;
        if (!isUp) {
          throw fault;
        }
        await wait(5);
        return { reports: [], total: 0, next: isEndless ? asked : null };
      },
    })),
    intervalMs: 3_600_000,
    few: 10,
    now: Date.now,
    log,
    onNew: () => undefined,
    giveWay: async () => undefined,
    onBacklog: async () => undefined,
    troubleAfterMs: 0,
    async onTrouble(error) {
      told.push(error);
      return isToldToAnybody;
    },
  });
  poller.start();
}

const failing = () => poller.readings().map((reading) => reading.failing?.why);

test('asks at once when it is hurried', async () => {
  isUp = false;
  start(['event']);
  await expect.poll(failing).toEqual(['the homeserver does not answer']);
  isUp = true;
  poller.hurry();
  await expect.poll(failing).toEqual([undefined]);
  expect(poller.readings()[0]?.ageMs).toBeLessThan(60_000);
});

test('stops in the middle of a long list', async () => {
  isEndless = true;
  start(['event']);
  await expect.poll(() => asked).toBeGreaterThan(2);
  const before = asked;
  await poller.stop();
  // One page is in flight, and the next is requested while it is stored.
  expect(asked - before).toBeLessThan(4);
  expect(log.error).not.toHaveBeenCalled();
  expect(log.warn).not.toHaveBeenCalled();
});

test('a refresh waits until a reading that began after it has ended', async () => {
  start(['event', 'user']);
  await expect.poll(() => asked).toBe(2);
  await poller.refresh();
  expect(asked).toBe(4);
});

test('a refresh of a list that fails does not wait for another try', async () => {
  isUp = false;
  start(['event']);
  const begin = performance.now();
  await poller.refresh();
  expect(performance.now() - begin).toBeLessThan(900);
});

test('who comes to work has the lists read a second later, once', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  start(['event']);
  await poller.refresh();
  expect(asked).toBe(2);
  for (let at = 0; at < 5; at += 1) {
    poller.noteActivity();
  }
  await vi.advanceTimersByTimeAsync(999);
  expect(asked).toBe(2);
  await vi.advanceTimersByTimeAsync(1);
  await expect.poll(() => asked).toBe(3);
  await poller.refresh();
  expect(asked).toBe(4);
  poller.noteActivity();
  await vi.advanceTimersByTimeAsync(2000);
  // One more, unless the activity had the list read, too.
  await poller.refresh();
  expect(asked).toBe(5);
});

test('tells that lists can’t be read once for all of them, and when the last can be', async () => {
  isUp = false;
  start();
  await expect.poll(failing).toEqual([down.message, down.message]);
  expect(told).toEqual([down]);
  isUp = true;
  poller.hurry();
  await expect.poll(() => told).toEqual([down, undefined]);
  expect(failing()).toEqual([undefined, undefined]);
});

test('what could not be told is told when it can be', async () => {
  isUp = false;
  isToldToAnybody = false;
  start(['event']);
  await expect.poll(() => told).toEqual([down]);
  isToldToAnybody = true;
  await expect.poll(() => (poller.hurry(), told)).toEqual([down, down]);
  poller.hurry();
  isUp = true;
  poller.hurry();
  await expect.poll(() => (poller.hurry(), told)).toEqual([down, down, undefined]);
});

const unrecognized = new HomeserverError(404, 'M_UNRECOGNIZED', 'GET /reports');

test.each<[string, ReportSource['kind'], Error]>([
  ['a proxy’s 404', 'event', new ForeignAnswerError(404, 'GET /_synapse/admin/v1/event_reports')],
  ['a proxy’s 404', 'user', new ForeignAnswerError(404, 'GET /_synapse/admin/v1/user_reports')],
  ['a 404 of another kind', 'user', new HomeserverError(404, 'M_NOT_FOUND', 'GET /reports')],
  ['a list that every server has and this one denies', 'event', unrecognized],
])(
  '%s ends no reading of %s reports: it is told, measured and tried again',
  async (_, kind, error) => {
    isUp = false;
    fault = error;
    start([kind]);
    await expect.poll(failing).toEqual([error.message]);
    expect(told).toEqual([error]);
    expect(poller.readings()).toMatchObject([{ kind, ageMs: expect.any(Number) as number }]);
    isUp = true;
    poller.hurry();
    await expect.poll(() => told).toEqual([error, undefined]);
  },
);

test('reports of users that a server does not offer are no trouble, keep their figure, and are asked for again', async () => {
  isUp = false;
  fault = unrecognized;
  start(['user']);
  await expect.poll(() => asked).toBe(1);
  expect(poller.readings()).toMatchObject([{ kind: 'user', failing: undefined }]);
  expect(told).toEqual([]);
  await expect.poll(() => (poller.hurry(), asked)).toBeGreaterThan(1);
  expect(poller.readings()).toMatchObject([{ kind: 'user', failing: undefined }]);
});

test('a list that can be read and lists nothing is trouble', async () => {
  const counted = [null, null, 3, 3];
  const rooms = {
    find: async () => ({ joinedMembers: counted.length === 0 ? 4 : counted.shift() }),
    members: async () => ({ total: 4, members: [] }),
  };
  const check = createStatisticsCheck(
    rooms as unknown as Parameters<typeof createStatisticsCheck>[0],
    '!room:localhost' as RoomId,
    {
      patienceMs: 0,
      intervalMs: 0,
    },
  );
  assertComplete = check;
  start(['event']);
  await expect
    .poll(failing)
    .toEqual([expect.stringContaining('stats.enabled: true in its homeserver.yaml')]);
  expect(told).toEqual([expect.any(TargetError)]);
  await expect(check({ isFresh: false })).rejects.toThrow('keeps no room statistics');
  await expect(check({ isFresh: false })).rejects.toThrow('stopped updating its room statistics');
  await expect(check({ isFresh: false })).rejects.toThrow('stopped updating its room statistics');
  poller.hurry();
  await expect.poll(() => told.at(-1)).toBeUndefined();
});
