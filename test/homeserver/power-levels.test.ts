import { describe, expect, test } from 'vitest';

import { readPowerLevels } from '../../src/homeserver/power-levels.ts';
import { asUserId } from '../support/homeserver.ts';

const creator = asUserId('@creator:x');
const create = (version: string, content: object = {}) => ({
  sender: creator,
  content: { room_version: version, ...content },
});

describe('readPowerLevels', () => {
  test('gives power by name, and the default to everybody else', () => {
    const levels = readPowerLevels(
      { content: { users: { '@mod:x': 50, '@old:x': ' 25 ' }, users_default: 5, ban: 60 } },
      create('11'),
    );
    expect(['@mod:x', '@old:x', '@other:x', creator].map((user) => levels.of(user))).toEqual([
      50, 25, 5, 5,
    ]);
    expect(levels.named('@other:x')).toBeUndefined();
    expect(levels).toMatchObject({ toBan: 60, toKick: 50, toRedact: 50, toChangePower: 50 });
  });

  test('a level as text that is too large for a number makes nobody a creator', () => {
    const levels = readPowerLevels(
      { content: { users: { '@mod:x': '9'.repeat(400) }, users_default: 5 } },
      create('6'),
    );
    expect(levels.of('@mod:x')).toBe(5);
  });

  test('without power levels, only the creator has power, and anybody can change them', () => {
    const levels = readPowerLevels(undefined, create('9'));
    expect(levels.of(creator)).toBe(100);
    expect(levels.of('@other:x')).toBe(0);
    expect(levels.toChangePower).toBe(0);
  });

  test('creators stand above all since version 12', () => {
    const levels = readPowerLevels(
      { content: { users: { '@mod:x': 100 } } },
      create('12', { additional_creators: ['@second:x'] }),
    );
    expect(levels.of(creator)).toBe(Number.POSITIVE_INFINITY);
    expect(levels.of('@second:x')).toBe(Number.POSITIVE_INFINITY);
    expect(levels.of('@mod:x')).toBe(100);
  });

  test('whoever can send one kind of message is not mute', () => {
    const { toSpeak } = readPowerLevels(
      { content: { events_default: 50, events: { 'm.reaction': 10 } } },
      create('11'),
    );
    expect(toSpeak).toBe(10);
  });

  test('hostile contents count as missing', () => {
    const levels = readPowerLevels(
      { content: { users: { __proto__: { x: 1 }, '@a:x': {} }, ban: 'much', events: [] } },
      create('11'),
    );
    expect(levels.of('@a:x')).toBe(0);
    expect(levels.of('constructor')).toBe(0);
    expect(levels.toBan).toBe(50);
  });
});
