import { expect, test } from 'vitest';

import type { UserId } from '../../../src/core/ids.ts';
import { powerUnder } from '../../../src/services/redaction/redaction-power.ts';

const bot = '@bot:example.com' as UserId;
const owner = '@owner:example.com' as UserId;
const made = (roomVersion: string, more: object = {}) => ({
  sender: owner,
  content: { room_version: roomVersion, ...more },
});

test.each([
  [{}, 'own'],
  [{ users: { [bot]: 49 } }, 'own'],
  [{ users: { [bot]: 50 } }, 'all'],
  [{ users_default: 50 }, 'all'],
  [{ users: { [bot]: 0 }, users_default: 50 }, 'own'],
  [{ users: { [bot]: 50 }, redact: 75 }, 'own'],
  [{ redact: 0 }, 'all'],
  [{ events_default: 10 }, 'none'],
  [{ users: { [bot]: 50 }, events: { 'm.room.redaction': 60 } }, 'none'],
  [{ users: { [bot]: 50 }, events: { 'm.room.redaction': 50 }, events_default: 100 }, 'all'],
  // As old rooms have them.
  [{ users: { [bot]: '100' }, redact: ' 50 ' }, 'all'],
  // What somebody has broken gives no power.
  [{ users: { [bot]: 'much' } }, 'own'],
  [{ users: { [bot]: null } }, 'own'],
  [{ users: [], events: 5, users_default: {} }, 'own'],
])('under %j: %s', (content, expected) => {
  expect(powerUnder({ content }, made('11'), bot)).toBe(expected);
});

test('who has made the room has all power, whatever it says, since version 12', () => {
  const levels = { content: { users: { [owner]: 0 }, events_default: 100 } };
  expect(powerUnder(levels, made('11'), owner)).toBe('none');
  expect(powerUnder(levels, made('12'), owner)).toBe('all');
  expect(powerUnder(levels, made('12', { additional_creators: [bot] }), bot)).toBe('all');
  expect(powerUnder(levels, made('12', { additional_creators: 'x' }), bot)).toBe('none');
  expect(powerUnder(levels, made('org.example.12'), owner)).toBe('none');
});

test('without levels, who has made the room has the power', () => {
  expect(powerUnder(undefined, made('11'), owner)).toBe('all');
  expect(powerUnder(undefined, made('11'), bot)).toBe('own');
  expect(powerUnder(undefined, undefined, bot)).toBe('own');
});
