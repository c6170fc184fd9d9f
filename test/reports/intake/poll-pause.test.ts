import { expect, test } from 'vitest';

import { pollPause } from '../../../src/reports/intake/poll-pause.ts';

const never = Number.POSITIVE_INFINITY;
const quiet = { eventMs: never, reportMs: never };
/** Long polls of 30 s, and the check of the statistics. */
const otherRequestsPerMinute = 2 + 2 / 5;

test('at rest, the bot sends at most 14 requests a minute', () => {
  const lists = [pollPause('event', 5000, quiet), pollPause('user', 5000, quiet)];
  const perMinute = lists.reduce((sum, pauseMs) => sum + 60_000 / pauseMs, 0);
  expect(lists).toEqual([7000, 25_000]);
  expect(perMinute + otherRequestsPerMinute).toBeLessThanOrEqual(14);
});

test('while somebody is at work, both lists are read as often as configured', () => {
  const atWork = { eventMs: 119_000, reportMs: never };
  expect(pollPause('event', 5000, atWork)).toBe(5000);
  expect(pollPause('user', 5000, atWork)).toBe(5000);
  expect(pollPause('user', 5000, { ...atWork, eventMs: 121_000 })).toBe(25_000);
});

test('after a report, the pause grows from a fifth of the configured one', () => {
  const after = (reportMs: number) => pollPause('event', 5000, { eventMs: never, reportMs });
  expect([0, 12_000, 36_000, 72_000, 3_600_000].map(after)).toEqual([1000, 1000, 3000, 6000, 7000]);
  expect(pollPause('user', 5000, { eventMs: never, reportMs: 60_000 })).toBe(5000);
});

test('a long configured pause does not grow', () => {
  expect(pollPause('user', 60_000, quiet)).toBe(60_000);
  expect(pollPause('user', 10_000, quiet)).toBe(30_000);
  expect(pollPause('event', 3_600_000, quiet)).toBe(3_600_000);
});

test('in two hours with a bunch of reports, a report waits no longer than with a fixed pause', () => {
  // One after a silence, and nine more within five minutes: what a raid or a quarrel looks like.
  const arrivals = [0, 8, 15, 31, 55, 90, 120, 170, 230, 290].map((s) => 3_600_000 + s * 1000);
  const waits: number[] = [];
  for (let shiftMs = 0; shiftMs < 7000; shiftMs += 250) {
    const pending = [...arrivals];
    let reportAtMs = Number.NEGATIVE_INFINITY;
    for (let nowMs = shiftMs; pending.length > 0;) {
      const seen = pending.filter((at) => at <= nowMs);
      if (seen.length > 0) {
        waits.push(...seen.map((at) => nowMs - at));
        pending.splice(0, seen.length);
        reportAtMs = nowMs;
      }
      nowMs += pollPause('event', 5000, { eventMs: never, reportMs: nowMs - reportAtMs });
    }
  }
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length;
  expect(mean).toBeLessThan(2500);
});
