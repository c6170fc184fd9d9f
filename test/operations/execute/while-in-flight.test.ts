import assert from 'node:assert/strict';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { StoreError } from '../../../src/core/errors.ts';
import type { EventId, UserId } from '../../../src/core/ids.ts';
import { decideConfirmation } from '../../../src/operations/confirm/decide.ts';
import type { Attempt } from '../../../src/operations/execute/operation.ts';
import { createInFlight } from '../../../src/operations/execute/reconcile.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { resolveItem } from '../../../src/operations/execute/resolve-item.ts';
import { people, registry, room } from '../../support/fuzz-bot.ts';
import { names, openLockServer, outcomeIn, sayTo } from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';

let server: LockServer;
beforeEach(async () => {
  server = await openLockServer();
});
afterEach(async () => server.bot.store.close());

const say = async (body: string) => sayTo(server, body);

/** Holds the first calls; `change` happens when all of them are in flight. */
function whileInFlight(change: () => Promise<void> | void): void {
  let waiting = 0;
  const changed = Promise.withResolvers<void>();
  server.before = async () => {
    waiting += 1;
    if (waiting === 4) {
      // The lookups of what comes next have ended, too.
      await new Promise((go) => setTimeout(go, 50));
      await change();
      changed.resolve();
    }
    await changed.promise;
  };
}

describe('while calls are in flight', () => {
  test('a stop means that nothing more is begun', async () => {
    await say(`!lock ${names(30).join(' ')}`);
    whileInFlight(async () => {
      const [operation] = await server.bot.store.operations.running();
      await server.bot.store.operations.requestStop(operation?.id ?? 0, people.ben);
    });
    const outcome = outcomeIn(await say('!confirm'));
    expect(server.calls).toHaveLength(4);
    expect(outcome).toMatchObject({ status: 'partial', operation: { done: 4, leftOut: 26 } });
    expect(await server.bot.store.auditLog.search({ limit: 100 })).toHaveLength(4);
  });

  test('the loss of a role means that nothing more is begun', async () => {
    await say(`!lock ${names(30).join(' ')}`);
    whileInFlight(() => {
      const { roles } = server.bot.context;
      Object.assign(server.bot.context, { roles: { ...roles, of: () => undefined } });
    });
    const outcome = outcomeIn(await say('!confirm'));
    expect(server.calls).toHaveLength(4);
    expect(outcome).toMatchObject({ status: 'partial', operation: { done: 4, leftOut: 26 } });
  });

  test.each([10, 11])('of %i accounts, one that becomes a moderator is left out', async (count) => {
    await say(`!lock ${names(count).join(' ')}`);
    whileInFlight(() => {
      server.bot.members.apply({
        type: 'm.room.power_levels',
        state_key: '',
        sender: people.ana,
        event_id: '$levels',
        content: { users: { [people.ana]: 100, [people.ben]: 50, '@u4:localhost': 50 } },
      });
    });
    const sent = await say('!confirm');
    expect(server.calls).toHaveLength(count - 1);
    expect(server.calls).not.toContain('@u4:localhost');
    expect(JSON.stringify(outcomeIn(sent)?.answer)).toContain('@u4:localhost');
  });

  test('the end of the process means that nothing more is begun, until it starts again', async () => {
    const stopping = new AbortController();
    Object.assign(server.bot.context, { stopping: stopping.signal });
    await say(`!lock ${names(30).join(' ')}`);
    whileInFlight(() => stopping.abort());
    await say('!confirm');
    expect(server.calls).toHaveLength(4);
    expect(await server.bot.store.auditLog.search({ limit: 100 })).toHaveLength(4);
    server.before = async () => undefined;
    Object.assign(server.bot.context, { stopping: new AbortController().signal });
    const { sent } = await server.bot.run(async () => recover(server.bot.context));
    expect([...server.calls].sort()).toEqual(names(30).sort());
    expect(outcomeIn(sent.map(({ outgoing }) => outgoing))).toMatchObject({ status: 'done' });
  });

  test('a second confirmation at the same moment does not make recovery begin the rest, too', async () => {
    const { bot } = server;
    await say(`!lock ${names(30).join(' ')}`);
    const [confirmation] = await bot.store.confirmations.pending();
    assert(confirmation);
    whileInFlight(async () => {
      await Promise.race([recover(bot.context), new Promise((go) => setTimeout(go, 50))]);
    });
    await bot.run(async () =>
      Promise.allSettled(
        ['$one', '$two'].map(async (event) =>
          decideConfirmation(bot.context, confirmation, {
            decision: 'confirm',
            by: people.ben as UserId,
            event: event as EventId,
          }),
        ),
      ),
    );
    expect([...server.calls].sort()).toEqual(names(30).sort());
  });
});

test('a start that the database refuses is not in flight, so that the bot can stop', async () => {
  const { bot } = server;
  await say(`!lock ${names(2).join(' ')}`);
  const [confirmation] = await bot.store.confirmations.pending();
  assert(confirmation);
  const failing = {
    ...bot.context,
    store: {
      ...bot.store,
      transaction: async () => {
        throw new StoreError('the disk is full');
      },
    },
  };
  const decision = {
    decision: 'confirm',
    by: people.ben as UserId,
    event: '$yes' as EventId,
  } as const;
  await expect(decideConfirmation(failing, confirmation, decision)).rejects.toThrow(StoreError);
  expect(bot.context.inFlight.has(confirmation.eventId)).toBe(false);
});

test.each([
  ['it was left out', []],
  ['only others were dealt with', ['@other:localhost']],
])('a report about an account stays open if %s', async (_, done) => {
  const command = registry.find('lock');
  assert(command);
  const moved: unknown[] = [];
  await resolveItem(
    {
      reportItems: {
        get: async () => ({ id: 7, state: 'open', sender: '@bad:localhost', subject: '$event' }),
        move: async (...change: unknown[]) => moved.push(change),
      },
    } as unknown as Parameters<typeof resolveItem>[0],
    7,
    {
      command,
      invocation: {
        command: 'lock',
        arguments: { accounts: ['@bad:localhost', '@other:localhost'] },
        dryRun: false,
        actor: { kind: 'person', user: people.ben as UserId },
        origin: { event: '$asked' as EventId, room },
      },
    },
    done.map((target): Attempt => ({ target, audit: 1, status: 'done' })),
    0,
  );
  expect(moved).toEqual([]);
});

test('an outcome whose commit fails keeps the operation from ending without it', async () => {
  const [first = '', ...others] = names(4);
  await say(`!lock ${names(4).join(' ')}`);
  const failed = Promise.withResolvers<void>();
  server.after = async (user) => (user === first ? undefined : failed.promise);
  const { store } = server.bot.context;
  const { transaction } = store;
  Object.assign(store, {
    async transaction(...[work, options]: Parameters<typeof transaction>) {
      try {
        return await transaction(async (tables) => {
          const result = await work(tables);
          if (server.calls.includes(first)) {
            throw new StoreError('the database failed (the connection was lost)');
          }
          return result;
        }, options);
      } catch (error) {
        // It is back at once.
        Object.assign(store, { transaction });
        failed.resolve();
        throw error;
      }
    },
  });
  await say('!confirm').catch(() => undefined);
  await recover({ ...server.bot.context, inFlight: createInFlight() });
  expect([...server.calls].sort()).toEqual([first, ...others]);
  const entries = await server.bot.store.auditLog.search({ limit: 100 });
  expect(entries.map(({ target, status }) => `${target} ${status}`).sort()).toEqual(
    names(4).map((name) => `${name} done`),
  );
  expect(await server.bot.store.operations.running()).toEqual([]);
});
