import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { isLate } from '../../../src/core/async/patience.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test('what ends in time is not late', async () => {
  await expect(isLate(Promise.resolve('done'), 1000)).resolves.toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

test('what is still pending then is late', async () => {
  const late = isLate(new Promise(() => undefined), 1000);
  await vi.advanceTimersByTimeAsync(1000);
  await expect(late).resolves.toBe(true);
});

test('an error in time is thrown', async () => {
  await expect(isLate(Promise.reject(new Error('failed')), 1000)).rejects.toThrow('failed');
});
