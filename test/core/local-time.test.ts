import { expect, test } from 'vitest';

import { timeInZone } from '../../src/core/local-time.ts';

const inZone = (shown: string, zone: string) => {
  const at = timeInZone(Date.parse(`${shown}Z`), zone);
  return at === undefined ? undefined : new Date(at).toISOString();
};

test.for([
  ['2026-11-01T10:00', 'Europe/Berlin', '2026-11-01T09:00:00.000Z'],
  ['2026-07-01T10:00', 'europe/berlin', '2026-07-01T08:00:00.000Z'],
  ['2026-07-01T10:00:30.250', 'Asia/Kolkata', '2026-07-01T04:30:30.250Z'],
  ['2026-11-01T00:00', 'UTC', '2026-11-01T00:00:00.000Z'],
  ['2026-01-01T00:00', 'Pacific/Auckland', '2025-12-31T11:00:00.000Z'],
  ['2026-01-01T00:00', 'America/St_Johns', '2026-01-01T03:30:00.000Z'],
  // The clocks show half past two twice: the first time.
  ['2026-10-25T02:30', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
  ['2026-10-25T03:30', 'Europe/Berlin', '2026-10-25T02:30:00.000Z'],
  // They skip the hour from two to three.
  ['2026-03-29T02:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['2026-03-29T03:30', 'Europe/Berlin', '2026-03-29T01:30:00.000Z'],
  ['2026-03-29T01:59', 'Europe/Berlin', '2026-03-29T00:59:00.000Z'],
  ['2026-03-08T03:00', 'America/New_York', '2026-03-08T07:00:00.000Z'],
  ['2026-11-01T01:30', 'America/New_York', '2026-11-01T05:30:00.000Z'],
] as const)('%s in %s', ([shown, zone, at]) => {
  expect(inZone(shown, zone)).toBe(at);
});

test.for(['Europe/Nowhere', 'BST', '', '+01:00', 'x'.repeat(200)])('%s is not a zone', (zone) => {
  expect(inZone('2026-11-01T10:00', zone)).toBeUndefined();
});
