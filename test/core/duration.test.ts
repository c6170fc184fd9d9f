import { expect, test } from 'vitest';

import { dayMs, hourMs, readDuration, writeDuration } from '../../src/core/duration.ts';

test.each([
  ['30s', 30_000],
  ['5m', 300_000],
  ['1h', hourMs],
  ['7d', 7 * dayMs],
  ['2w', 14 * dayMs],
])('reads %s and writes it again', (text, duration) => {
  expect(readDuration(text)).toBe(duration);
  expect(writeDuration(readDuration(text) ?? 0)).toBe(text === '7d' ? '1w' : text);
});

test.each(['', '0s', '5', '5y', '1.5h', ' 5m', '5 m', '-5m', '1234567d', '5M'])(
  '“%s” is not a duration',
  (text) => {
    expect(readDuration(text)).toBe(undefined);
  },
);
