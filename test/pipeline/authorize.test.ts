import assert from 'node:assert/strict';

import { expect, test } from 'vitest';

import type { Invocation } from '../../src/command/invocation.ts';
import type { EventId, RoomId } from '../../src/ids.ts';
import { authorize } from '../../src/pipeline/authorize.ts';
import type { House } from '../../src/pipeline/house.ts';
import { dangerOfInvocation } from '../../src/pipeline/parse.ts';
import { registry } from '../support/fuzz-house.ts';

/** A house whose configuration gives every command to viewers. */
const house = { roles: { needed: () => 'viewer', of: () => 'admin' } } as unknown as House;

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
    expect(() => authorize(house, { command, danger, invocation })).toThrow('no rule may run');
    // Nor is it what keeps people from it.
    const actor = { kind: 'person', user: '@ana:localhost' } as Invocation['actor'];
    expect(() =>
      authorize(house, { command, danger, invocation: { ...invocation, actor } }),
    ).not.toThrow();
  },
);
