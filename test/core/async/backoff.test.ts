import { expect, test } from 'vitest';

import { createBackoff } from '../../../src/core/async/backoff.ts';

test('doubles up to the maximum', () => {
  const backoff = createBackoff({ firstMs: 100, maxMs: 500 });
  expect([1, 2, 3, 4, 5].map(() => backoff.next())).toEqual([100, 200, 400, 500, 500]);
});

test('starts again after a success', () => {
  const backoff = createBackoff({ firstMs: 100, maxMs: 500 });
  backoff.next();
  backoff.next();
  backoff.reset();
  expect(backoff.next()).toBe(100);
  backoff.reset(300);
  expect([backoff.next(), backoff.next()]).toEqual([300, 500]);
});

test('the first delay is not above the maximum either', () => {
  expect(createBackoff({ firstMs: 900, maxMs: 500 }).next()).toBe(500);
});
