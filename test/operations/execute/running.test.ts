import assert from 'node:assert/strict';

import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Invocation } from '../../../src/chat/command/invocation.ts';
import { StoreError } from '../../../src/core/errors.ts';
import type { EventId, UserId } from '../../../src/core/ids.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { newOperation, unitsOf } from '../../../src/operations/execute/operation.ts';
import { runningReply } from '../../../src/operations/execute/running.ts';
import { passed } from '../../../src/operations/stages.ts';
import type { Resolved } from '../../../src/operations/stages.ts';
import { openFuzzBot, people, registry, room } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

/** A busy machine, or a busy PostgreSQL, takes longer than the second by default. */
const patiently = { timeout: 10_000 };
/** Ten edits, and less than a connection to PostgreSQL may be silent: its timers are fake, too. */
const longMs = 30_000;

let bot: FuzzBot;
let called: PromiseWithResolvers<void>;
let answered: PromiseWithResolvers<void>;

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  bot = await openFuzzBot({ isCalm: true });
  called = Promise.withResolvers();
  answered = Promise.withResolvers();
  Object.assign(bot.api.users, {
    deactivate: async () => {
      called.resolve();
      return answered.promise;
    },
  });
});
afterEach(async () => {
  vi.useRealTimers();
  await bot.store.close();
});

const say = (event: string, body: string) => ({
  type: 'm.room.message',
  event_id: event,
  sender: people.ben,
  origin_server_ts: bot.clock.now,
  content: { msgtype: 'm.text', body },
});

const edits = (sent: readonly Outgoing[]) =>
  sent.flatMap((one) => (one.kind === 'edit' ? [one.reply.status] : []));

async function waiting(): Promise<Outgoing[]> {
  return (await bot.store.outbox.open()).map(({ message }) => JSON.parse(message) as Outgoing);
}

test('a confirmation is edited once to running where the command takes long, and then to its end', async () => {
  await bot.take([say('$asked', '!deactivate @mallory:localhost --reason spam')]);
  const deciding = bot.take([say('$yes', '!confirm')]);
  await called.promise;
  expect(edits(await waiting())).toEqual([]);
  await vi.advanceTimersByTimeAsync(2000);
  await vi.waitFor(async () => expect(edits(await waiting())).toEqual(['running']), patiently);
  expect(JSON.stringify(await waiting())).toContain('Asked and confirmed by Ben (@ben:localhost)');
  await vi.advanceTimersByTimeAsync(longMs);
  answered.resolve();
  const { sent } = await deciding;
  const of = (event: string) => sent.filter(({ outgoing }) => outgoing.origin.event === event);
  expect(edits(of('$asked').map(({ outgoing }) => outgoing))).toEqual(['running', 'done']);
  // What `!confirm` was answered with says how it ended, too.
  expect(edits(of('$yes').map(({ outgoing }) => outgoing))).toEqual(['done']);
});

test('the bot’s reactions stay on a confirmation while the command runs for seconds, and go with its end', async () => {
  const withdrawals = async () =>
    (await waiting()).filter(
      ({ kind, origin }) => kind === 'withdraw' && origin.event === '$asked',
    );
  await bot.take([say('$asked', '!deactivate @mallory:localhost')]);
  const deciding = bot.take([say('$yes', '!confirm')]);
  await called.promise;
  await vi.advanceTimersByTimeAsync(2000);
  await vi.waitFor(async () => expect(edits(await waiting())).toEqual(['running']), patiently);
  expect(await withdrawals()).toEqual([]);
  answered.resolve();
  const { sent } = await deciding;
  expect(sent.filter(({ outgoing }) => outgoing.kind === 'withdraw')).toHaveLength(2);
});

test.for([
  // The steps of one account differ too much to say how long it takes.
  ['takedown', ['@a:localhost'], 1, '1 of 4 steps so far', []],
  ['takedown', ['@a:localhost', '@b:localhost'], 1, '0 of 2 accounts so far', ['1 minute left']],
  [
    'takedown',
    ['@a:localhost', '@b:localhost'],
    5,
    '1 of 2 accounts so far',
    ['6 per minute', '6 seconds left'],
  ],
  [
    'lock',
    ['@a:localhost', '@b:localhost'],
    1,
    '1 of 2 accounts so far',
    ['6 per minute', '10 seconds left'],
  ],
] as const)('%s of %s with %i done: %s', ([name, targets, ended, soFar, pace]) => {
  const command = registry.find(name);
  assert.ok(command);
  const { context } = bot;
  const invocation: Invocation = {
    command: name,
    arguments: { accounts: targets, erase: false, keepAccount: false, deleteMedia: false },
    dryRun: false,
    actor: { kind: 'person', user: people.ben as UserId },
    origin: { event: '$asked' as EventId, room },
  };
  const resolved = passed<Resolved>({
    command,
    invocation,
    danger: 'destructive',
    role: 'moderator',
    accounts: [],
    leftOut: [],
    absent: [],
  });
  const operation = newOperation(resolved, 7, undefined, unitsOf(resolved), context.now() - 10_000);
  for (const unit of operation.units.slice(0, ended)) {
    Object.assign(unit, { attempt: { status: 'done' } });
  }
  const text = JSON.stringify(runningReply(context, operation));
  expect(text).toContain(soFar);
  for (const part of pace) {
    expect(text).toContain(part);
  }
  expect(/ left| per /u.test(text)).toBe(pace.length > 0);
  expect(text).toContain('stop-job 7');
});

test('an operation that the database holds up says so in its answer', async () => {
  const heard: Outgoing[] = [];
  const goesOnAt: number[] = [];
  Object.assign(bot.context, {
    sayNow: async (outgoing: Outgoing) => heard.push(outgoing),
    recoverAt: (at: number) => goesOnAt.push(at),
  });
  await bot.take([say('$asked', '!deactivate @mallory:localhost @eve:localhost')]);
  bot.take([say('$yes', '!confirm')]).catch(() => undefined);
  await called.promise;
  await vi.advanceTimersByTimeAsync(2000);
  await vi.waitFor(async () => expect(edits(await waiting())).toEqual(['running']), patiently);
  Object.assign(bot.store, {
    async transaction() {
      throw new StoreError('the database failed (53100)');
    },
  });
  answered.resolve();
  await vi.waitFor(
    () =>
      expect(heard).toMatchObject([
        { kind: 'edit', origin: { event: '$asked' }, reply: { status: 'running' } },
      ]),
    patiently,
  );
  const text = JSON.stringify(heard);
  expect(text).toContain('deactivate, 0 of 2 accounts so far');
  expect(text).toContain('and go on');
  expect(text).not.toContain('❌');
  expect(goesOnAt).toEqual([bot.clock.now + 10_000]);
});

test('a quick one is edited to its end alone', async () => {
  await bot.take([say('$asked', '!deactivate @mallory:localhost')]);
  answered.resolve();
  const { sent } = await bot.take([say('$yes', '!confirm')]);
  await vi.advanceTimersByTimeAsync(longMs);
  expect(edits(sent.map(({ outgoing }) => outgoing))).toEqual(['done']);
  expect(await waiting()).toEqual([]);
});
