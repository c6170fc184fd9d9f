import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { Outgoing, Reply } from '../../../src/operations/answer/reply.ts';
import { createInFlight } from '../../../src/operations/execute/reconcile.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import {
  names,
  openLockServer,
  outcomeIn,
  readingWhile,
  sayTo,
  writesEnded,
} from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';

type Server = LockServer;

let server: Server;
beforeEach(async () => {
  server = await openLockServer();
});
afterEach(async () => server.bot.store.close());

const say = async (body: string) => sayTo(server, body);

const running = async () => server.bot.store.operations.running();

describe('many targets', () => {
  test('are dealt with several at a time, each once, with one summary', async () => {
    const targets = names(60);
    // The first ones wait for the others.
    server.before = async () => {
      await expect.poll(() => server.mostAtOnce).toBe(4);
    };
    await say(`!lock ${targets.join(' ')}`);
    const sent = await say('!confirm');
    expect([...server.calls].sort()).toEqual([...targets].sort());
    expect(server.mostAtOnce).toBe(4);
    const outcome = outcomeIn(sent);
    expect(outcome).toMatchObject({
      status: 'done',
      operation: { state: 'done', targets: 60, done: 60, failed: 0, leftOut: 0 },
    });
    expect(JSON.stringify(outcome?.answer.title)).toContain('60 of 60 accounts done');
    expect(outcome?.answer.file).toBeUndefined();
    expect(await running()).toEqual([]);
  });

  test('that fail are named, and a file has how each ended', async () => {
    server.before = async (user) => {
      if (user === '@u3:localhost') {
        throw new UnreachableError('the homeserver', 'does not answer', false);
      }
    };
    await say(`!lock ${names(20).join(' ')}`);
    const sent = await say('!confirm');
    expect(outcomeIn(sent)).toMatchObject({
      status: 'partial',
      operation: { done: 19, failed: 1 },
    });
    expect(JSON.stringify(outcomeIn(sent)?.answer)).toContain('@u3:localhost');
    const file = sent.find((one) => one.kind === 'file' && one.file.name === 'outcomes.csv');
    expect(JSON.stringify(file)).toContain('@u3:localhost,,failed');
    expect(JSON.stringify(file)).toContain('@u19:localhost,,done');
  });

  test('of which one was not known to be done have a file again once it is known', async () => {
    const { get } = server.bot.api.users;
    let isTold = false;
    Object.assign(server.bot.api.users, {
      async get(user: UserId) {
        if (!isTold) {
          throw new UnreachableError('the homeserver', 'does not answer', true);
        }
        return get(user);
      },
    });
    server.before = async (user) => {
      if (user === '@u2:localhost' || user === '@u5:localhost') {
        throw new UnreachableError('the homeserver', 'does not answer', user === '@u2:localhost');
      }
    };
    const fileIn = (sent: readonly Outgoing[]) =>
      JSON.stringify(sent.find((one) => one.kind === 'file' && one.file.name === 'outcomes.csv'));
    await say(`!lock ${names(14).join(' ')}`);
    expect(fileIn(await say('!confirm'))).toContain('@u2:localhost,,unknown');
    isTold = true;
    const { sent } = await server.bot.run(async () => recover(server.bot.context));
    const outgoing = sent.map((one) => one.outgoing);
    expect(fileIn(outgoing)).toContain('@u2:localhost,,failed');
    expect(outcomeIn(outgoing)).toMatchObject({
      operation: { done: 12, failed: 2 },
      answer: { next: ['undo --operation 1', 'audit --operation 1'] },
    });
  });

  test('that became protected since they were shown are left out and named', async () => {
    await say(`!deactivate ${names(15).join(' ')}`);
    server.admins.add('@u7:localhost');
    const deactivated: string[] = [];
    Object.assign(server.bot.api.users, {
      deactivate: async (name: string) => void deactivated.push(name),
    });
    const outcome = outcomeIn(await say('!confirm'), 'deactivate');
    expect(deactivated).toHaveLength(14);
    expect(deactivated).not.toContain('@u7:localhost');
    expect(outcome).toMatchObject({ status: 'partial', operation: { done: 14, leftOut: 1 } });
    expect(JSON.stringify(outcome?.answer)).toContain('@u7:localhost (is a server admin)');
  });

  test('of which one was left out before the confirmation name it in the outcome, too', async () => {
    server.admins.add('@u1:localhost');
    await say(`!lock ${names(3).join(' ')}`);
    const outcome = outcomeIn(await say('!confirm'));
    expect(server.calls).not.toContain('@u1:localhost');
    expect(outcome).toMatchObject({ status: 'done', operation: { done: 2, leftOut: 1 } });
    expect(JSON.stringify(outcome?.answer)).toContain(
      'Left out: @u1:localhost (is a server admin)',
    );
  });

  test('wait while the homeserver is away, and go on when it is back', async () => {
    await say(`!lock ${names(12).join(' ')}`);
    server.isAway = true;
    await say('!confirm');
    expect(server.calls).toEqual([]);
    expect(await running()).toHaveLength(1);
    server.isAway = false;
    const { sent } = await server.bot.run(async () => recover(server.bot.context));
    expect([...server.calls].sort()).toEqual(names(12).sort());
    expect(outcomeIn(sent.map(({ outgoing }) => outgoing))).toMatchObject({ status: 'done' });
  });

  test('of which one can’t be looked up are dealt with all the same, and that one is left out and named', async () => {
    await say(`!lock ${names(14).join(' ')}`);
    const tries: string[] = [];
    const { findAccount } = server.bot.context;
    Object.assign(server.bot.context, {
      async findAccount(name: UserId) {
        if (name === '@u5:localhost' || name === '@u13:localhost') {
          tries.push(name);
          throw new HomeserverError(500, 'M_UNKNOWN', 'GET /_synapse/admin/v2/users/{user_id}');
        }
        return findAccount(name);
      },
    });
    const outcome = outcomeIn(await say('!confirm'));
    expect(tries.filter((name) => name === '@u5:localhost')).toHaveLength(4);
    expect(server.calls).toHaveLength(12);
    expect(outcome).toMatchObject({
      status: 'partial',
      operation: { state: 'partial', done: 12, leftOut: 2 },
    });
    expect(JSON.stringify(outcome?.answer)).toContain(
      '@u5:localhost (could not be looked up: the homeserver refused (500 M_UNKNOWN))',
    );
    expect(await running()).toEqual([]);
  });

  test('of which the outcome of one is never told end as not known, while the homeserver answers otherwise', async () => {
    await say(`!lock ${names(3).join(' ')}`);
    server.before = async (user) => {
      if (user === '@u1:localhost') {
        throw new UnreachableError('the homeserver', 'does not answer', true);
      }
    };
    const { get } = server.bot.api.users;
    Object.assign(server.bot.api.users, {
      get: async (user: UserId) => {
        if (user === '@u1:localhost') {
          throw new HomeserverError(500, 'M_UNKNOWN', 'GET /_synapse/admin/v2/users/{user_id}');
        }
        return get(user);
      },
    });
    expect(outcomeIn(await say('!confirm'))?.operation).toMatchObject({ state: 'running' });
    const again = async () =>
      outcomeIn(
        (await server.bot.run(async () => recover(server.bot.context))).sent.map(
          ({ outgoing }) => outgoing,
        ),
      );
    // It is asked about for a while.
    await again();
    expect(await running()).toHaveLength(1);
    const sixMinutesAgo = performance.now() - 360_000;
    Object.assign(server.bot.context.reconcileTimes, { first: () => sixMinutesAgo });
    server.isAway = true;
    await again();
    expect(await running()).toHaveLength(1);
    server.isAway = false;
    expect(await again()).toMatchObject({ operation: { done: 2 } });
    expect(await running()).toEqual([]);
  });

  test('are left alone by a stop that is asked for while the homeserver is away', async () => {
    await say(`!lock ${names(12).join(' ')}`);
    server.after = async () => {
      server.isAway = server.calls.length >= 4;
    };
    await say('!confirm');
    const [operation] = await running();
    expect(server.calls.length).toBeLessThan(12);
    await server.bot.store.operations.requestStop(operation?.id ?? 0, people.ben);
    const { sent } = await server.bot.run(async () => recover(server.bot.context));
    const outcome = outcomeIn(sent.map(({ outgoing }) => outgoing));
    expect(JSON.stringify(outcome?.answer.title)).toContain('lock stopped: ');
    expect(await running()).toEqual([]);
  });

  test('are left alone once somebody has stopped the operation', async () => {
    await say(`!lock ${names(30).join(' ')}`);
    const stopped = Promise.withResolvers<void>();
    server.after = async () => {
      if (server.calls.length === 8) {
        const [operation] = await running();
        await server.bot.store.operations.requestStop(operation?.id ?? 0, people.ben);
        stopped.resolve();
      } else if (server.calls.length > 8) {
        // However long the database takes to store the stop.
        await stopped.promise;
      }
    };
    const outcome = outcomeIn(await say('!confirm'));
    expect(server.calls.length).toBeGreaterThanOrEqual(8);
    expect(server.calls.length).toBeLessThan(16);
    expect(outcome).toMatchObject({
      status: 'partial',
      operation: { state: 'partial', done: server.calls.length },
    });
    expect(JSON.stringify(outcome?.answer.title)).toContain('lock stopped: ');
    expect(await running()).toEqual([]);
  });
});

test('many are read from the list of accounts together, again and again, and not one by one', async () => {
  const server = await openLockServer();
  const { bot } = server;
  const looked: string[] = [];
  const { findAccount } = bot.context;
  let lists = 0;
  Object.assign(bot.context, {
    async findAccount(name: UserId) {
      looked.push(name);
      return findAccount(name);
    },
  });
  Object.assign(bot.api.users, {
    async list() {
      lists += 1;
      const found = await Promise.all(names(150).map(async (name) => findAccount(name as UserId)));
      // One is missing, as one that another page shows.
      return { users: found.slice(1), total: 150, nextToken: null };
    },
    find: findAccount,
  });
  const say = async (event: string, body: string) => bot.take([message(bot, event, body)]);
  await say('$many', `!lock ${names(150).join(' ')}`);
  expect(looked).toEqual(['@u0:localhost']);
  expect(lists).toBe(1);
  server.before = async (user) => {
    if (user === '@u9:localhost') {
      server.admins.add('@u99:localhost');
      bot.clock.now += 11_000;
    }
  };
  const { sent } = await say('$yes', '!confirm');
  expect(outcomeIn(sent.map(({ outgoing }) => outgoing))).toMatchObject({
    operation: { targets: 150, done: 149, leftOut: 1 },
  });
  expect(server.calls).not.toContain('@u99:localhost');
  // The first four, the one that is missing, and the last few.
  expect(looked.length).toBeLessThan(40);
  // For the confirmation, at the start, and after ten seconds.
  expect(lists).toBe(3);
  await bot.store.close();
});

type Death = { readonly call: number; readonly when: 'before' | 'after' };

// `dieAndRecover` compares the homeserver, the audit log and the room.
test('whatever dies when: each target is called at most once, and the room learns how each ended', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 2, max: 24 }),
      fc.array(
        fc.record({ call: fc.nat(24), when: fc.constantFrom('before' as const, 'after' as const) }),
        { maxLength: 4 },
      ),
      async (count, deaths) => {
        const own = await openLockServer();
        try {
          await dieAndRecover(own, names(count), deaths);
          expect(await own.bot.store.operations.running()).toEqual([]);
        } finally {
          await own.bot.store.close();
        }
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

/** Confirms an operation on these accounts, and dies that often in it. */
async function dieAndRecover(
  own: Server,
  targets: readonly string[],
  deaths: readonly Death[],
): Promise<void> {
  const { bot } = own;
  const lives = dyingLives(own, deaths);
  await bot.take([message(bot, '$ask', `!lock ${targets.join(' ')}`)]);
  const sent: Outgoing[] = [];
  const look = async (work: Promise<{ sent: readonly { outgoing: Outgoing }[] }>) => {
    sent.push(...(await work).sent.map(({ outgoing }) => outgoing));
  };
  await lives.next(async () => look(bot.take([message(bot, '$yes', '!confirm')])));
  for (let life = 0; life < 20 && (await bot.store.operations.running()).length > 0; life += 1) {
    await lives.next(async (context) => recover(context));
  }
  expect(new Set(own.calls).size).toBe(own.calls.length);
  const entries = await bot.store.auditLog.search({ eventId: '$ask', limit: 1000 });
  const done = entries.filter(({ status }) => status === 'done').map(({ target }) => target);
  expect(new Set(done)).toEqual(own.locked);
  // What was not begun is begun later: only a call that was cut off may not have arrived.
  expect(entries).toHaveLength(targets.length);
  const outbox = await bot.store.outbox.open();
  sent.push(...outbox.map((one) => JSON.parse(one.message) as Outgoing));
  const told = outcomeIn(sent);
  const failed = targets.length - done.length;
  // What had not arrived was done after all.
  expect(failed).toBe(0);
  expect(told).toMatchObject({
    status: failed === 0 ? 'done' : done.length === 0 ? 'failed' : 'partial',
    operation: { targets: targets.length, done: done.length, failed },
  });
  expect((await bot.store.auditLog.verify()).fault).toBeUndefined();
}

const message = (bot: FuzzBot, event: string, body: string) => ({
  type: 'm.room.message',
  event_id: event,
  sender: people.ben,
  origin_server_ts: bot.clock.now,
  content: { msgtype: 'm.text', body },
});

/** Lives of the bot that end at these calls: the dead make no call, commit nothing, and learn no answer. */
function dyingLives(own: Server, deaths: readonly Death[]) {
  const { bot } = own;
  const never = new Promise<never>(() => undefined);
  const pending = deaths.toSorted((one, other) => one.call - other.call);
  const { store } = bot;
  let made = 0;
  let death = Promise.withResolvers<void>();
  let life = 0;
  return {
    async next(work: (context: FuzzBot['context']) => Promise<unknown>): Promise<void> {
      const bornIn = life;
      death = Promise.withResolvers();
      const alive = async () => (bornIn === life ? undefined : never);
      const pass = async (when: Death['when']) => {
        const [next] = pending;
        if (bornIn === life && next?.when === when && made >= next.call) {
          pending.shift();
          life += 1;
          death.resolve();
        }
        await alive();
      };
      own.before = async () => {
        await pass('before');
        made += 1;
      };
      own.after = async () => pass('after');
      const context = {
        inFlight: createInFlight(),
        store: {
          ...readingWhile(alive, store),
          transaction: (async (changes, options) => {
            await alive();
            const result = await store.transaction(changes, options);
            await alive();
            return result;
          }) satisfies typeof store.transaction,
        },
      };
      // The pipeline has the first one; each further life has a context of its own.
      const living =
        bornIn === 0 ? Object.assign(bot.context, context) : { ...bot.context, ...context };
      await Promise.race([work(living), death.promise]);
      await writesEnded(own);
    },
  };
}

describe('many targets for a time', () => {
  const textOf = (reply: Reply | undefined) => JSON.stringify(reply?.answer);

  test.for([6, 14])(
    'name the one of %i that no timer ends, because its reply was lost',
    async (count) => {
      server.after = async (user) => {
        if (user === '@u2:localhost') {
          throw new UnreachableError('the homeserver', 'does not answer', true);
        }
      };
      await say(`!lock ${names(count).join(' ')} --for 1h`);
      const outcome = outcomeIn(await say('!confirm'));
      expect(outcome).toMatchObject({ status: 'done', answer: { mark: '⚠️' } });
      expect(textOf(outcome)).toContain(
        'No timer ends this for @u2:localhost: there it stays in force.',
      );
      expect(await server.bot.store.timers.scheduled()).toHaveLength(count - 1);
    },
  );

  test('that go on after a restart know the timers that were set before', async () => {
    await say(`!lock ${names(14).join(' ')} --for 1h`);
    server.after = async () => {
      server.isAway = server.calls.length >= 2;
    };
    await say('!confirm');
    expect(await running()).toHaveLength(1);
    server.after = async () => undefined;
    server.isAway = false;
    const { sent } = await server.bot.run(async () => recover(server.bot.context));
    const outcome = outcomeIn(sent.map(({ outgoing }) => outgoing));
    expect(outcome).toMatchObject({ status: 'done', answer: { mark: '✅' } });
    expect(textOf(outcome)).toContain('until 2026-11-21 01:00 UTC, 14 timers');
    expect(textOf(outcome)).not.toContain('No timer');
  });
});
