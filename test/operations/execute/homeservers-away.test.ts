import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { hourMs } from '../../../src/core/duration.ts';
import { UnreachableError } from '../../../src/core/errors.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { outcomeIn, passTime, sayTo } from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';
import { here, openTwoHomeservers, there } from '../../support/two-homeservers.ts';

const onTwo = '@u1:two.example';
const byName = (one: string, other: string) => one.localeCompare(other);

let both: Awaited<ReturnType<typeof openTwoHomeservers>>;
let server: LockServer;
beforeEach(async () => {
  both = await openTwoHomeservers();
  ({ server } = both);
});
afterEach(async () => server.bot.store.close());

const say = async (body: string) => sayTo(server, body);

const pass = async (ms: number) => passTime(server, ms);

describe('what is scheduled, while another homeserver is away', () => {
  test('is done on the first at its time, and there when it is back', async () => {
    await say(`!lock ${onTwo} --in 1h`);
    await say('!lock @u1:localhost --in 1h');
    both.isTwoAway = true;
    await pass(hourMs);
    expect(server.calls).toEqual(['@u1:localhost']);
    both.isTwoAway = false;
    await pass(hourMs);
    expect(server.calls).toEqual(['@u1:localhost', onTwo]);
  });

  test('stays in order for one target', async () => {
    await say(`!lock ${onTwo} --in 1h`);
    await say(`!unlock ${onTwo} --in 2h`);
    both.isTwoAway = true;
    const { findAccount } = server.bot.context;
    await pass(hourMs);
    // It comes back between the two.
    let asked = 0;
    Object.assign(server.bot.context, {
      async findAccount(user: never) {
        asked += 1;
        both.isTwoAway = false;
        return findAccount(user);
      },
    });
    await pass(hourMs);
    expect(asked).toBe(0);
    both.isTwoAway = false;
    await pass(hourMs);
    expect(server.calls).toEqual([onTwo, onTwo]);
    expect(server.locked).not.toContain(onTwo);
  });
});

test('timers that end together don’t wait for another homeserver with those of the first', async () => {
  const users = [here, there].flatMap((name) => [0, 1, 2, 3, 4, 5].map((at) => `@u${at}:${name}`));
  await say(`!lock ${users.join(' ')} --for 1h`);
  await say('!confirm');
  expect(server.locked.size).toBe(12);
  both.isTwoAway = true;
  await pass(hourMs);
  expect([...server.locked].toSorted(byName)).toEqual(users.filter((user) => user.endsWith(there)));
  both.isTwoAway = false;
  await server.bot.run(async () => recover(server.bot.context));
  await pass(hourMs);
  expect(server.locked).toEqual(new Set());
});

test('an operation on many homeservers makes few calls at a time, and some to each', async () => {
  const others = Array.from({ length: 10 }, (_, at) => `h${at}.example`);
  both.configure(here, ...others);
  const users = [here, ...others].flatMap((name) => [0, 1, 2, 3].map((at) => `@u${at}:${name}`));
  // The first homeserver answers when all others are done.
  const { promise: othersDone, resolve } = Promise.withResolvers<void>();
  let left = 40;
  server.before = async (user) => {
    if (user.endsWith(here)) {
      await othersDone;
      return;
    }
    left -= 1;
    if (left === 0) {
      resolve();
    }
  };
  await say(`!lock ${users.join(' ')}`);
  await say('!confirm');
  expect(server.calls.toSorted(byName)).toEqual(users.toSorted(byName));
  const { parallelism } = server.bot.context.settings;
  // One more for each homeserver, at most.
  expect(server.mostAtOnce).toBeLessThanOrEqual(3 * parallelism + others.length);
});

test('recovery waits for one operation of another homeserver, and not for each', async () => {
  const users = [1, 2, 3, 4].map((at) => `@u${at}:${there}`);
  server.before = async () => {
    throw new UnreachableError('PUT /lock', 'did not answer', true);
  };
  const { get } = server.bot.api.users;
  const silent = async () => {
    throw new UnreachableError('GET', 'did not answer', false);
  };
  Object.assign(server.bot.api.users, { get: silent });
  for (const user of [...users, '@u1:localhost']) {
    await say(`!lock ${user}`);
  }
  expect(await server.bot.store.operations.running()).toHaveLength(5);
  server.before = async () => undefined;
  const { promise: answer, resolve: open } = Promise.withResolvers<void>();
  Object.assign(server.bot.api.users, {
    async get(user: string) {
      await (user.endsWith(there) ? answer : undefined);
      return get(user as never);
    },
  });
  await server.bot.run(async () => {
    const startedAt = performance.now();
    await recover(server.bot.context);
    // Each holds its lane up for two seconds.
    expect(performance.now() - startedAt).toBeLessThan(5000);
    open();
  });
  expect(await server.bot.store.operations.running()).toEqual([]);
});

describe('a homeserver that is not in the configuration any more', () => {
  const leftOver = [[[here]], [[here, 'three.example']]];

  test.each(leftOver)('ends what was scheduled there, and holds up nothing: %j', async (left) => {
    await say(`!background-updates --disable --on ${there} --in 1h`);
    await say(`!lock ${onTwo} --in 1h`);
    await say('!lock @u1:localhost --in 1h');
    both.configure(...left);
    const sent = await pass(hourMs);
    expect(JSON.stringify(sent)).toContain('two.example is not among my homeservers any more');
    expect(JSON.stringify(sent)).toContain(`${onTwo} is on another server`);
    expect(server.calls).toEqual(['@u1:localhost']);
    expect(await server.bot.store.operations.scheduled()).toEqual([]);
  });

  test('ends a confirmation that was asked before', async () => {
    await say(`!deactivate ${onTwo}`);
    both.configure(here);
    const sent = await say('!confirm');
    expect(JSON.stringify(sent)).toContain(`${onTwo} is on another server`);
    expect(await server.bot.store.confirmations.pending()).toEqual([]);
  });

  test.each(leftOver)(
    'ends a call whose answer is not known, and asks no other: %j',
    async (left) => {
      server.before = async () => {
        throw new UnreachableError('PUT /lock', 'did not answer', true);
      };
      let asked = 0;
      Object.assign(server.bot.api.users, {
        async get() {
          asked += 1;
          throw new UnreachableError('GET', 'did not answer', false);
        },
      });
      await say(`!lock ${onTwo}`);
      expect(await server.bot.store.operations.running()).toHaveLength(1);
      both.configure(...left);
      asked = 0;
      const { sent } = await server.bot.run(async () => recover(server.bot.context));
      expect(outcomeIn(sent.map(({ outgoing }) => outgoing))?.status).toBe('unknown');
      expect(asked).toBe(0);
      expect(await server.bot.store.operations.running()).toEqual([]);
    },
  );
});
