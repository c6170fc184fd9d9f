import assert from 'node:assert/strict';

import { expect, test } from 'vitest';

import type { Role } from '../../../src/chat/command/declaration.ts';
import type { Invocation } from '../../../src/chat/command/invocation.ts';
import type { EventId, RoomId, UserId } from '../../../src/core/ids.ts';
import { assertMayUse, authorize } from '../../../src/operations/authorize/authorize.ts';
import type { AuthorizeContext } from '../../../src/operations/authorize/authorize.ts';
import { dangerOfInvocation } from '../../../src/operations/stages.ts';
import type { Parsed } from '../../../src/operations/stages.ts';
import { registry } from '../../support/fuzz-bot.ts';

/** A context whose configuration gives every command to viewers. */
const context = { roles: { needed: () => 'viewer', of: () => 'admin' } } satisfies AuthorizeContext;

test.for([
  ['admin', { account: '@mallory:localhost', grant: true }, {}],
  ['create-user', { user: '@mallory:localhost', admin: true }, {}],
  ['shadow-ban', { accounts: ['@mallory:localhost'] }, { overrideProtection: true }],
] as const)(
  'no rule runs %s where that is critical, whoever the configuration gives it to',
  ([name, args, flags]) => {
    const command = registry.find(name);
    assert.ok(command);
    const invocation: Invocation = {
      command: name,
      arguments: args,
      dryRun: false,
      ...flags,
      actor: { kind: 'rule', name: 'x' },
      origin: { event: '$ rule x' as EventId, room: '!room:localhost' as RoomId },
    };
    const danger = dangerOfInvocation(command, invocation);
    expect(danger).toBe('critical');
    expect(() => authorize(context, { command, danger, invocation })).toThrow('rules can’t run');
    // Nor is it what keeps people from it.
    const actor = { kind: 'person', user: '@ana:localhost' } as Invocation['actor'];
    expect(() =>
      authorize(context, { command, danger, invocation: { ...invocation, actor } }),
    ).not.toThrow();
  },
);

/** Where every command needs one role, and everybody has another. */
const contextWith = (needed: Role, of: Role | undefined) =>
  ({ roles: { needed: () => needed, of: () => of } }) satisfies AuthorizeContext;

function asking(name: string, actor: Invocation['actor']): Parsed {
  const command = registry.find(name);
  assert.ok(command);
  const invocation: Invocation = {
    command: name,
    arguments: { accounts: ['@mallory:localhost'] },
    dryRun: false,
    actor,
    origin: { event: '$asked' as EventId, room: '!room:localhost' as RoomId },
  };
  return { command, invocation, danger: dangerOfInvocation(command, invocation) };
}

test('a rule has the power of a moderator: nothing that the configuration keeps for admins', () => {
  const parsed = asking('shadow-ban', { kind: 'rule', name: 'x' });
  expect(authorize(contextWith('moderator', undefined), parsed).role).toBe('moderator');
  expect(() => authorize(contextWith('admin', 'admin'), parsed)).toThrow('needs the role admin');
});

test('a timer takes back, and what does lasting harm only if who set it may do that now', () => {
  const actor = { kind: 'timer', timer: 1, user: '@ana:localhost' as UserId } as const;
  const gone = contextWith('moderator', undefined);
  expect(authorize(gone, asking('shadow-ban', actor)).role).toBe('moderator');
  expect(() => authorize(gone, asking('deactivate', actor))).toThrow('only members of this room');
  const viewer = contextWith('moderator', 'viewer');
  expect(() => authorize(viewer, asking('deactivate', actor))).toThrow('you are a viewer');
  const stillThere = contextWith('moderator', 'moderator');
  expect(authorize(stillThere, asking('deactivate', actor)).role).toBe('moderator');
});

test('a person needs the role, also before the arguments are read', () => {
  const user = '@vic:localhost' as UserId;
  const parsed = asking('shadow-ban', { kind: 'person', user });
  expect(authorize(contextWith('moderator', 'admin'), parsed).role).toBe('admin');
  for (const [role, why] of [
    ['viewer', 'you need to be a moderator to use'],
    [undefined, 'only members of this room'],
  ] as const) {
    const context = contextWith('moderator', role);
    expect(() => authorize(context, parsed)).toThrow(why);
    expect(() => assertMayUse(context, parsed.command, user)).toThrow(why);
  }
});
