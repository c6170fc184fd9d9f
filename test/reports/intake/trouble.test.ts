import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { createTrouble } from '../../../src/reports/intake/trouble.ts';

const minuteMs = 60_000;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function watched() {
  const told: ('over' | 'trouble')[] = [];
  const trouble = createTrouble({
    afterMs: 5 * minuteMs,
    log: { warn: () => undefined },
    async onTrouble(error) {
      told.push(error === undefined ? 'over' : 'trouble');
      return true;
    },
  });
  return { told, trouble };
}

test('what still fails just after the homeserver answers again is not told', async () => {
  const { told, trouble } = watched();
  trouble.answers();
  await trouble.lasts(5 * minuteMs, new Error('away'));
  await trouble.isOver();
  expect(told).toEqual([]);
});

test('a list that goes on failing is told', async () => {
  const { told, trouble } = watched();
  trouble.answers();
  vi.advanceTimersByTime(minuteMs);
  await trouble.lasts(6 * minuteMs, new Error('refused'));
  await trouble.lasts(7 * minuteMs, new Error('refused'));
  await trouble.isOver();
  expect(told).toEqual(['trouble', 'over']);
});
