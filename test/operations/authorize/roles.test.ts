import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { roles } from '../../../src/chat/command/declaration.ts';
import type { Role } from '../../../src/chat/command/declaration.ts';
import { parseUserId } from '../../../src/core/ids.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { createRoles } from '../../../src/operations/authorize/authorize.ts';
import type { RoleSettings } from '../../../src/operations/authorize/authorize.ts';
import type { Account } from '../../../src/services/services.ts';

const idOf = (id: string) => parseUserId(id) ?? expect.unreachable();
const user = (name: string) => idOf(`@${name}:x`);
const [bot, ana, ben, vic, eve] = ['bot', 'ana', 'ben', 'vic', 'eve'].map(user) as [
  UserId,
  UserId,
  UserId,
  UserId,
  UserId,
];

interface Scene {
  readonly levels?: Readonly<Record<string, number>>;
  readonly left?: readonly UserId[];
  readonly settings?: Partial<RoleSettings>;
  readonly protectedUsers?: readonly string[];
}

/** Everybody is in the room, but who has left. */
function rolesIn({ levels = {}, left = [], settings = {}, protectedUsers = [] }: Scene) {
  return createRoles({
    settings: {
      viewer: { powerLevel: 0, users: [] },
      moderator: { powerLevel: 50, users: [] },
      admin: { powerLevel: 100, users: [] },
      commands: {},
      ...settings,
    },
    members: {
      isJoined: (who) => !left.includes(who),
      joined: () => [],
      powerLevel: (who) => levels[who] ?? 0,
      protectedLevel: (who) => levels[who] ?? (left.includes(who) ? undefined : 0),
      displayName: () => null,
    },
    isBot: (user) => user === bot,
    protectedUsers,
  });
}

const account = (name: UserId, more: Partial<Account> = {}) =>
  ({ name, admin: false, displayname: null, ...more }) as Account;

describe('a role', () => {
  test.each<[number, Role | undefined]>([
    [-1, undefined],
    [0, 'viewer'],
    [49, 'viewer'],
    [50, 'moderator'],
    [99, 'moderator'],
    [100, 'admin'],
    [Number.POSITIVE_INFINITY, 'admin'],
    [Number.NaN, undefined],
  ])('comes from the power level: %d gives %s', (level, role) => {
    expect(rolesIn({ levels: { [ana]: level } }).of(ana)).toBe(role);
  });

  test('comes from other levels where they are configured', () => {
    const settings = {
      viewer: { powerLevel: 10, users: [] },
      moderator: { powerLevel: 20, users: [] },
      admin: { powerLevel: 30, users: [] },
    };
    const { of } = rolesIn({ levels: { [ana]: 30, [ben]: 29, [vic]: 10 }, settings });
    expect([ana, ben, vic, eve].map(of)).toEqual(['admin', 'moderator', 'viewer', undefined]);
  });

  test('comes from being named, and the higher one counts', () => {
    const settings = {
      viewer: { powerLevel: 10, users: [vic, ana] },
      admin: { powerLevel: 100, users: [ana] },
    };
    const { of } = rolesIn({ levels: { [vic]: 50 }, settings });
    expect(of(ana)).toBe('admin');
    expect(of(vic)).toBe('moderator');
    expect(of(eve)).toBeUndefined();
  });

  test('ends with leaving the room, whatever the level and whoever is named', () => {
    const settings = { admin: { powerLevel: 100, users: [ana] } };
    const { of } = rolesIn({ levels: { [ben]: 100 }, left: [ana, ben], settings });
    expect([ana, ben].map(of)).toEqual([undefined, undefined]);
  });

  test('never falls as the level rises', () => {
    fc.assert(
      fc.property(fc.integer(), fc.nat(), (level, more) => {
        const { of } = rolesIn({ levels: { [ana]: level, [ben]: level + more } });
        const rank = (who: UserId) => roles.indexOf(of(who) ?? ('' as Role));
        expect(rank(ben)).toBeGreaterThanOrEqual(rank(ana));
      }),
    );
  });
});

test('what a command needs is declared, unless it is configured', () => {
  const { needed } = rolesIn({
    settings: { commands: { whois: 'moderator', deactivate: 'viewer' } },
  });
  expect(needed('whois', 'viewer')).toBe('moderator');
  expect(needed('deactivate', 'moderator')).toBe('viewer');
  expect(needed('users', 'viewer')).toBe('viewer');
});

describe('protection', () => {
  test('of the bot itself, whatever it is otherwise', () => {
    expect(rolesIn({ left: [bot] }).protection(account(bot))).toBe('is this bot itself');
  });

  test('of server admins', () => {
    expect(rolesIn({}).protection(account(eve, { admin: true }))).toBe('is a server admin');
    expect(rolesIn({ left: [eve] }).protection(account(eve, { admin: true }))).toBeDefined();
  });

  test('of moderators and admins of the room', () => {
    const { protection } = rolesIn({ levels: { [ana]: 100, [ben]: 50, [vic]: 49 } });
    expect(protection(account(ana))).toBe('is a moderator here');
    expect(protection(account(ben))).toBe('is a moderator here');
    expect(protection(account(vic))).toBeUndefined();
  });

  test('of those who would be moderators if they came back', () => {
    const levels = { [ana]: 100, [ben]: 50, [vic]: 49 };
    const { of, protection } = rolesIn({ levels, left: [ana, ben, vic, eve] });
    expect([ana, ben].map(of)).toEqual([undefined, undefined]);
    const reason = 'would be a moderator here as soon as they join';
    expect([ana, ben].map((who) => protection(account(who)))).toEqual([reason, reason]);
    expect([vic, eve].map((who) => protection(account(who)))).toEqual([undefined, undefined]);
  });

  test('of those who are named, in the room or not', () => {
    const settings = {
      viewer: { powerLevel: 0, users: [vic] },
      moderator: { powerLevel: 50, users: [ben] },
      admin: { powerLevel: 100, users: [ana] },
    };
    const { protection } = rolesIn({ left: [ana, ben], settings });
    expect(protection(account(ana))).toBeDefined();
    expect(protection(account(ben))).toBeDefined();
    expect(protection(account(vic))).toBeUndefined();
  });

  test.each([
    ['@eve:x', '@eve:x', true],
    ['@eve:x', '@eve:xy', false],
    ['@eve:x', '@steve:x', false],
    ['@*-bot:x', '@weather-bot:x', true],
    ['@*-bot:x', '@weather-bot:y', false],
    ['@*-bot:x', '@robot:x', false],
    ['*:example.com', '@anybody:example.com', true],
    ['*:example.com', '@anybody:exampleXcom', false],
    ['*:example.com', '@anybody:example.com.evil.org', false],
    ['@e?e:x', '@eve:x', true],
    ['@e?e:x', '@ee:x', false],
    ['@e?e:x', '@e😀e:x', true],
    ['@a+b(c)[d]|e:x', '@a+b(c)[d]|e:x', true],
    ['@[ae]ve:x', '@eve:x', false],
    ['@e.e:x', '@eve:x', false],
    ['*', '@eve:x', true],
  ])('by the glob %s: of %s is %s', (glob, id, expected) => {
    const who = idOf(id);
    const { protection } = rolesIn({ protectedUsers: ['@nobody:x', glob] });
    const reason = expected ? 'is protected by the configuration' : undefined;
    expect(protection(account(who))).toBe(reason);
  });

  test('any glob is taken, and an ID without wildcards matches itself alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), (glob) => {
        const { protection } = rolesIn({ protectedUsers: [glob] });
        const isOpen = /[*?]/u.test(glob);
        const found = protection(account(eve));
        expect(isOpen || found === undefined || glob === eve).toBe(true);
      }),
    );
  });
});
