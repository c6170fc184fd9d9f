import { expect, test } from 'vitest';

import {
  dayMs,
  durationMeant,
  hourMs,
  readDuration,
  writeDuration,
} from '../../src/core/duration.ts';

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

test.each([
  ['1 minute', '1m'],
  ['2 hours', '2h'],
  ['90 Mins', '90m'],
  ['5sec', '5s'],
  ['3days', '3d'],
  ['7 D', '7d'],
  ['1week', '1w'],
])('“%s” means %s', (words, written) => {
  expect(durationMeant(words)).toBe(written);
  expect(readDuration(written)).toBeGreaterThan(0);
});

test.each([
  '',
  '5',
  'minute',
  '0 hours',
  '1.5 hours',
  '2 months',
  '5 constructor',
  '1  h',
  '1 s s',
])('“%s” means no duration', (words) => {
  expect(durationMeant(words)).toBe(undefined);
});
