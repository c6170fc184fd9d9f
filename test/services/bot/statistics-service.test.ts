import { describe, expect, test } from 'vitest';

import { median, stepsOf } from '../../../src/services/bot/statistics-service.ts';

const hour = 3_600_000;
const day = 24 * hour;
/** A Sunday, twenty to seven in the evening. */
const now = Date.parse('2026-11-22T18:40:00Z');

describe('a period is cut so that it fits a phone, and ends with this hour or today', () => {
  test.each([
    [hour, hour, '2026-11-22T18:00:00Z', '2026-11-22T19:00:00Z'],
    [day, hour, '2026-11-21T19:00:00Z', '2026-11-22T19:00:00Z'],
    [7 * day, day, '2026-11-16T00:00:00Z', '2026-11-23T00:00:00Z'],
    [30 * day, day, '2026-10-24T00:00:00Z', '2026-11-23T00:00:00Z'],
    [90 * day, 7 * day, '2026-08-24T00:00:00Z', '2026-11-23T00:00:00Z'],
    [730 * day, 28 * day, '2024-10-28T00:00:00Z', '2026-11-23T00:00:00Z'],
  ])('%d ms', (last, stepMs, since, until) => {
    const steps = stepsOf(last, now);
    expect(steps).toEqual({ stepMs, since: Date.parse(since), until: Date.parse(until) });
    expect((steps.until - steps.since) / stepMs).toBeLessThanOrEqual(31);
  });

  test('also at midnight itself', () => {
    const { since, until } = stepsOf(7 * day, Date.parse('2026-11-22T00:00:00Z'));
    expect(until - since).toBe(7 * day);
    expect(until).toBe(Date.parse('2026-11-23T00:00:00Z'));
  });
});

test('median', () => {
  expect(median([])).toBeUndefined();
  expect(median([7])).toBe(7);
  expect(median([100, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 100])).toBe(3);
});
