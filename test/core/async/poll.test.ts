import { expect, test, vi } from 'vitest';

import { poll } from '../../../src/core/async/poll.ts';

const times = { firstIntervalMs: 10, maxIntervalMs: 40, limitMs: 150 };

test('looks at once, then after growing pauses, and at the limit', async () => {
  const startedAt = performance.now();
  const looks: number[] = [];
  const found = await poll(async () => {
    looks.push(performance.now() - startedAt);
    return undefined;
  }, times);
  expect(found).toBe(undefined);
  expect(looks[0]).toBeLessThan(10);
  expect(looks.at(-1)).toBeGreaterThanOrEqual(150);
  // Timers of Node may be a millisecond early, also the one for the limit: then it looks once more.
  const before = looks.filter((at) => at < 150 - 2);
  const pauses = before.slice(1).map((at, index) => at - (before[index] ?? 0));
  expect(pauses.every((pause, index) => pause >= ([10, 20][index] ?? 40) - 2)).toBe(true);
});

test('ends with what it finds', async () => {
  const look = vi.fn<() => Promise<string | undefined>>(async () => undefined);
  look.mockResolvedValueOnce(undefined).mockResolvedValueOnce('found');
  await expect(poll(look, times)).resolves.toBe('found');
  expect(look).toHaveBeenCalledTimes(2);
});

test('an error ends it', async () => {
  await expect(poll(async () => Promise.reject(new Error('failed')), times)).rejects.toThrow(
    'failed',
  );
});
