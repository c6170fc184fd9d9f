import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { parseUserId } from '../../../src/core/ids.ts';
import { RoomState } from '../../../src/matrix/room/room-state.ts';

const user = (name: string) => parseUserId(`@${name}:x`) ?? expect.unreachable();
const [ana, ben, vic] = [user('ana'), user('ben'), user('vic')];

const state = (type: string, content: unknown, key = '', sender: string = ana) => ({
  type,
  state_key: key,
  sender,
  content,
});
const levels = (content: unknown) => state('m.room.power_levels', content);
const member = (who: string, content: unknown) => state('m.room.member', content, who);

function roomWith(...events: unknown[]): RoomState {
  const room = new RoomState();
  events.forEach((event) => room.apply(event));
  return room;
}

describe('power levels', () => {
  test('of those named, and of the others', () => {
    const room = roomWith(levels({ users: { [ana]: 100, [ben]: 50 }, users_default: 5 }));
    expect([ana, ben, vic].map((who) => room.powerLevel(who))).toEqual([100, 50, 5]);
  });

  test('a new event takes the place of the old', () => {
    const room = roomWith(levels({ users: { [ana]: 100 } }), levels({ users: { [ben]: 50 } }));
    expect([ana, ben, vic].map((who) => room.powerLevel(who))).toEqual([0, 50, 0]);
  });

  test('below zero, even where the default is above', () => {
    const room = roomWith(levels({ users: { [vic]: -1 }, users_default: 50 }));
    expect(room.powerLevel(vic)).toBe(-1);
  });

  test.each<[string, unknown, number[]]>([
    ['no event', undefined, [0, 0, 0]],
    ['empty', {}, [0, 0, 0]],
    ['a string as a level', { users: { [ana]: '100', [ben]: 50 }, users_default: 5 }, [0, 50, 5]],
    ['a string as the default', { users: { [ana]: 100 }, users_default: '100' }, [100, 0, 0]],
    ['null as a level', { users: { [ana]: null }, users_default: 100 }, [0, 100, 100]],
    ['no number, and others below zero', { users: { [ana]: [] }, users_default: -5 }, [-5, -5, -5]],
    ['no map of users', { users: 'all', users_default: 5 }, [5, 5, 5]],
    ['a list of users', { users: [ana], users_default: 5 }, [5, 5, 5]],
    ['null', { users: null, users_default: 5 }, [5, 5, 5]],
  ])('are read entry by entry, and a broken one gives no power: %s', (_, content, expected) => {
    const room = roomWith(...(content === undefined ? [] : [levels(content)]));
    expect([ana, ben, vic].map((who) => room.powerLevel(who))).toEqual(expected);
  });

  describe('that protection goes by', () => {
    const protectedIn = (...events: unknown[]) => {
      const room = roomWith(...events);
      return [ana, ben, vic].map((who) => room.protectedLevel(who));
    };

    test('are those of the users named, in the room or not, and the default of who can come in', () => {
      const given = levels({ users: { [ana]: 100 }, users_default: 50 });
      expect(protectedIn(given)).toEqual([100, undefined, undefined]);
      expect(
        protectedIn(
          given,
          member(ana, { membership: 'leave' }),
          member(ben, { membership: 'join' }),
          member(vic, { membership: 'invite' }),
        ),
      ).toEqual([100, 50, 50]);
      expect(protectedIn(given, member(vic, { membership: 'ban' }))[2]).toBeUndefined();
    });

    test.each<[string, unknown, (number | undefined)[]]>([
      ['an entry that is no number', { users: { [ana]: null, [ben]: 60 } }, [100, 60, undefined]],
      ['a level written as text', { users: { [ana]: '50', [vic]: ' 75 ' } }, [100, undefined, 75]],
      ['a new entry that says nothing', { users: { [vic]: {} } }, [undefined, undefined, Infinity]],
      ['no map of users', { users: 'all' }, [100, 50, undefined]],
      ['a whole event that can be read', { users: { [vic]: 10 } }, [undefined, undefined, 10]],
    ])('stay as they were where they can’t be read: %s', (_, content, expected) => {
      const before = levels({ users: { [ana]: 100, [ben]: 50 } });
      expect(protectedIn(before, levels(content))).toEqual(expected);
    });

    test('of the creators of version 12 are above all', () => {
      const create = { room_version: '12', additional_creators: [ben] };
      expect(protectedIn(state('m.room.create', create, '', ana))).toEqual([
        Infinity,
        Infinity,
        undefined,
      ]);
    });
  });

  test('those with another state key count for nothing', () => {
    const room = roomWith(state('m.room.power_levels', { users: { [vic]: 100 } }, 'x'));
    expect(room.powerLevel(vic)).toBe(0);
  });
});

describe('creators', () => {
  const create = (content: object) => state('m.room.create', content, '', ana);

  test('of version 12 stand above all', () => {
    const room = roomWith(
      create({ room_version: '12', additional_creators: [ben] }),
      levels({ users: { [vic]: 100 } }),
    );
    expect(room.powerLevel(ana)).toBe(Number.POSITIVE_INFINITY);
    expect(room.powerLevel(ben)).toBe(Number.POSITIVE_INFINITY);
    expect(room.powerLevel(vic)).toBe(100);
  });

  test.each([
    { room_version: '11', additional_creators: [ben] },
    { creator: ana },
    {},
    { room_version: 12 },
  ])('of older ones, and of what is no version, do not: %j', (content) => {
    const room = roomWith(create(content));
    expect([ana, ben].map((who) => room.powerLevel(who))).toEqual([0, 0]);
  });

  test('an entry that is no ID takes nothing from the others', () => {
    const room = roomWith(create({ room_version: '12', additional_creators: [5, ben, null] }));
    expect([ana, ben, vic].map((who) => room.powerLevel(who))).toEqual([Infinity, Infinity, 0]);
  });

  test('a broken list names nobody besides the sender', () => {
    for (const broken of [ben, { [ben]: true }]) {
      const room = roomWith(create({ room_version: '13', additional_creators: broken }));
      expect(room.powerLevel(ana)).toBe(Number.POSITIVE_INFINITY);
      expect(room.powerLevel(ben)).toBe(0);
    }
  });
});

describe('members', () => {
  test('join and leave', () => {
    const room = roomWith(member(ana, { membership: 'join', displayname: 'Ana' }));
    expect(room.isJoined(ana)).toBe(true);
    expect(room.displayName(ana)).toBe('Ana');
    room.apply(member(ana, { membership: 'leave' }));
    expect(room.isJoined(ana)).toBe(false);
    expect(room.displayName(ana)).toBeNull();
  });

  test.each([
    { membership: 'invite' },
    { membership: 'knock' },
    { membership: 'ban' },
    { membership: 'JOIN' },
    { membership: ['join'] },
    { membership: 'join', displayname: 5 },
    {},
  ])('are not joined by %j', (content) => {
    const room = roomWith(member(ana, { membership: 'join' }), member(ana, content));
    expect(room.isJoined(ana)).toBe(false);
  });

  test('a redacted event, which keeps the membership alone, leaves one without a name', () => {
    const room = roomWith(member(ana, { membership: 'join', displayname: null }));
    expect(room.isJoined(ana)).toBe(true);
    expect(room.displayName(ana)).toBeNull();
  });
});

test('encryption is seen', () => {
  expect(roomWith().encrypted).toBe(false);
  expect(roomWith(state('m.room.encryption', {})).encrypted).toBe(true);
});

test('whatever the room holds, nothing is thrown and nobody gets power by it', () => {
  const type = fc.constantFrom('m.room.power_levels', 'm.room.create', 'm.room.member');
  const content = fc.oneof(
    fc.jsonValue(),
    fc.record({ users: fc.jsonValue(), users_default: fc.constantFrom('100', null, [100]) }),
    fc.record({ membership: fc.jsonValue(), room_version: fc.jsonValue() }),
  );
  const raw = fc.oneof(
    fc.anything(),
    fc
      .tuple(type, content, fc.constantFrom('', ana))
      .map(([one, its, key]) => state(one, its, key, '@else:x')),
  );
  fc.assert(
    fc.property(fc.array(raw), (events) => {
      const room = roomWith(...events);
      expect(room.powerLevel(ana)).toBe(0);
      expect(room.isJoined(vic)).toBe(false);
    }),
  );
});
