import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import type { Operations } from '../../../src/app/operations.ts';
import { UnreachableError } from '../../../src/core/errors.ts';
import { readEvents } from '../../../src/matrix/sync/read-event.ts';
import { decide } from '../../../src/operations/confirm/decide.ts';
import { createInFlight, createReconcileTimes } from '../../../src/operations/execute/reconcile.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { runDue } from '../../../src/operations/execute/run-due.ts';
import { runScheduled } from '../../../src/operations/execute/run-scheduled.ts';
import { stop } from '../../../src/operations/execute/stop.ts';
import { createPipeline } from '../../../src/operations/pipeline.ts';
import type { OperationState } from '../../../src/store/schema.ts';
import type { Store, StoreTables } from '../../../src/store/store.ts';
import { people, room } from '../../support/fuzz-bot.ts';
import { names, openLockServer, readingWhile, writesEnded } from '../../support/lock-server.ts';

const isNightly = process.env['LAWSPEAKER_TEST_PROFILE'] === 'nightly';

/** What may happen to an operation. */
const happenings = [
  'confirm',
  'cancel',
  'cancel by another',
  'stop',
  'the command comes again',
  'the decision comes again',
  'it expires',
  'its time comes',
  'recovery',
  'role lost',
  'role back',
  'protected',
  'homeserver away',
  'homeserver back',
] as const;

interface Step {
  readonly what: (typeof happenings)[number];
  /** While this call is in flight; undefined for at once. */
  readonly atCall: number | undefined;
  /** Whom it is about, if it is about an account. */
  readonly account: number;
}

interface Story {
  readonly accounts: number;
  readonly isForLater: boolean;
  /** What happens at the same time, and then what happens next. */
  readonly bursts: readonly (readonly Step[])[];
  /** After how many steps of the driver each life of the bot ends. */
  readonly lives: readonly number[];
}

const step: fc.Arbitrary<Step> = fc.record({
  what: fc.oneof(
    // Nothing else matters much if nobody confirms.
    { weight: 3, arbitrary: fc.constant('confirm' as const) },
    { weight: 2, arbitrary: fc.constantFrom('protected' as const, 'stop' as const) },
    { weight: 6, arbitrary: fc.constantFrom(...happenings) },
  ),
  atCall: fc.option(fc.nat(6), { nil: undefined }),
  account: fc.nat(12),
});

const atOnce = (...all: Step['what'][]): Step[] =>
  all.map((what) => ({ what, atCall: undefined, account: 0 }));

/** Those of which only one can win. */
const races = fc.constantFrom(
  atOnce('confirm', 'cancel by another'),
  atOnce('cancel by another', 'confirm'),
  atOnce('confirm', 'it expires'),
  atOnce('its time comes', 'stop'),
  atOnce('its time comes', 'role lost'),
);

const story: fc.Arbitrary<Story> = fc.record({
  accounts: fc.oneof(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 11, max: 13 })),
  isForLater: fc.boolean(),
  bursts: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.array(step, { minLength: 1, maxLength: 4 }) },
      { weight: 1, arbitrary: races },
    ),
    { maxLength: 6 },
  ),
  lives: fc.array(fc.nat(40), { maxLength: 4 }),
});

const base = { accounts: 12, isForLater: false, lives: [] };
/** Stories that chance tells too seldom. */
const examples: readonly Story[] = [
  { ...base, bursts: [atOnce('protected'), atOnce('confirm')] },
  { ...base, isForLater: true, bursts: [atOnce('confirm'), atOnce('protected')] },
  { ...base, accounts: 2, bursts: [atOnce('protected'), atOnce('confirm')] },
  { ...base, isForLater: true, accounts: 2, bursts: [atOnce('confirm'), atOnce('protected')] },
  { ...base, isForLater: true, bursts: [atOnce('confirm'), atOnce('role lost')] },
];

test('whatever happens, and whenever the bot dies: each target is called at most once, and the room learns how it ends', async () => {
  await fc.assert(
    fc.asyncProperty(story, async (told) => {
      const world = await openWorld(told);
      try {
        await world.play();
        expect(world.wrong).toEqual([]);
        await world.check();
      } finally {
        await world.close();
      }
    }),
    { numRuns: isNightly ? 3000 : 40, examples: examples.map((one) => [one]) },
  );
}, 1_200_000);

/** From each state, those that may follow, by one commit. What has ended stays as it ended. */
const followers: Readonly<Partial<Record<OperationState, readonly OperationState[]>>> = {
  awaiting: ['scheduled', 'running', 'cancelled', 'expired', 'done', 'failed'],
  scheduled: ['running', 'cancelled', 'done', 'partial', 'failed', 'unknown'],
  running: ['done', 'partial', 'failed', 'unknown', 'cancelled'],
};

const finalStates = new Set<OperationState>([
  'done',
  'partial',
  'failed',
  'unknown',
  'cancelled',
  'expired',
]);

const never = new Promise<never>(() => undefined);

/** A homeserver, a database, and bots that live one after another. */
async function openWorld({ accounts, isForLater, bursts, lives }: Story) {
  const server = await openLockServer();
  const { bot } = server;
  const targets = names(accounts);
  const calls: string[] = [];
  const states = new Map<number, OperationState>();
  const wrong: string[] = [];
  /** Nothing is begun for them any more, since they are protected or nobody asks for them. */
  const forbidden = new Set<string>();
  const atCalls: Step[] = [];
  const deaths = [...lives];
  let stepsLeft = deaths.shift();
  let bornLives = 0;
  let sent = 0;

  const message = (event: string, sender: string, body: string) => ({
    type: 'm.room.message',
    event_id: event,
    sender,
    origin_server_ts: bot.clock.now,
    content: { msgtype: 'm.text', body },
  });
  const command = message(
    '$ask',
    people.ben,
    `!lock ${targets.join(' ')}${isForLater ? ' --in 1h' : ''}`,
  );
  let decision = message('$first', people.ben, '!confirm');

  /** Sees each change of a state that is committed. */
  async function look(tables: Pick<StoreTables, 'operations'>) {
    for (let id = 1; ; id += 1) {
      const operation = await tables.operations.get(id);
      if (operation === undefined) {
        return;
      }
      const { state } = operation;
      const before = states.get(id);
      if (before !== undefined && before !== state && !followers[before]?.includes(state)) {
        wrong.push(`operation ${id} went from ${before} to ${state}`);
      }
      states.set(id, state);
    }
  }

  function beBorn() {
    bornLives += 1;
    const number = bornLives;
    const death = Promise.withResolvers<'dead'>();
    let died = false;
    const isDead = () => number !== bornLives || died;
    /** The dead do nothing more, and learn nothing. */
    const alive = async () => (isDead() ? never : undefined);
    /** A step of the driver, at which the bot may die. */
    const step = async () => {
      await alive();
      if (stepsLeft !== undefined) {
        stepsLeft -= 1;
        if (stepsLeft < 0) {
          stepsLeft = deaths.shift();
          died = true;
          death.resolve('dead');
          await never;
        }
      }
    };
    const store: Store = {
      ...readingWhile(alive, bot.store),
      async transaction(work, options) {
        await step();
        const result = await bot.store.transaction(async (tables) => {
          const value = await work(tables);
          await look(tables);
          return value;
        }, options);
        await step();
        return result;
      },
    };
    const { services } = bot.context;
    const context: Operations['context'] = {
      ...bot.context,
      store,
      inFlight: createInFlight(),
      reconcileTimes: createReconcileTimes(),
      async findAccount(name) {
        await step();
        return bot.context.findAccount(name);
      },
      services: {
        ...services,
        bot: {
          ...services.bot,
          decide: async (request) => decide(context, request),
          stop: async (request) => stop(context, request),
        },
        accounts: {
          ...services.accounts,
          async setLocked(name, isLocked) {
            await step();
            await new Promise((go) => setImmediate(go));
            await alive();
            if (server.isAway) {
              throw new UnreachableError('the homeserver', 'does not answer', false);
            }
            calls.push(name);
            if (isLocked) {
              server.locked.add(name);
            }
            for (const due of atCalls.filter(({ atCall = 0 }) => atCall < calls.length)) {
              atCalls.splice(atCalls.indexOf(due), 1);
              void happen(due);
            }
            await step();
            return bot.api.users.get(name);
          },
        },
      },
    };
    const pipeline = createPipeline(context, async () => undefined);
    let duties = Promise.resolve();
    /** What a worker does, one after another. */
    const duty = async (work: () => Promise<unknown>) => {
      duties = duties.then(work).then(() => undefined);
      return duties;
    };
    return {
      death: death.promise,
      accept: async (raw: object) => pipeline.accept(readEvents(room, [raw])),
      recover: async () => duty(async () => recover(context)),
      expire: pipeline.expireConfirmations,
      runDue: async () =>
        duty(async () =>
          runDue(
            {
              store,
              run: async (...due) => runScheduled(context, ...due),
              now: context.now,
            },
            context.stopping,
          ),
        ),
      resume: pipeline.resume,
      idle: pipeline.idle,
    };
  }
  let life = beBorn();

  /** What is begun before this takes effect may still be called; nothing else. */
  async function forbid(affected: readonly string[], change: () => void) {
    await bot.store.transaction(async ({ auditLog }) => {
      change();
      const begun = await auditLog.search({ eventId: '$ask', limit: 100 });
      const isBegun = new Set(begun.map(({ target }) => target));
      affected.filter((name) => !isBegun.has(name)).forEach((name) => forbidden.add(name));
    });
  }

  let powers: Record<string, number> = { [people.ana]: 100, [people.ben]: 50 };
  const setPowers = (change: Record<string, number>) => {
    powers = { ...powers, ...change };
    bot.members.apply({
      type: 'm.room.power_levels',
      state_key: '',
      sender: people.ana,
      content: { users: powers },
    });
  };

  async function happen({ what, account }: Step): Promise<void> {
    sent += 1;
    const event = `$event${sent}`;
    switch (what) {
      case 'confirm':
      case 'cancel':
        decision = message(event, people.ben, `!${what}`);
        return life.accept(decision);
      case 'cancel by another': {
        const [pending] = await bot.store.confirmations.pending();
        return life.accept(message(event, people.ana, `!cancel ${pending?.code ?? 'AAAA'}`));
      }
      case 'stop':
        return life.accept(message(event, people.ana, '!stop-job 1'));
      case 'the command comes again':
        return life.accept(command);
      case 'the decision comes again':
        return life.accept(decision);
      case 'it expires':
        bot.clock.now += 601_000;
        return life.expire();
      case 'its time comes':
        bot.clock.now += 3_700_000;
        return life.runDue();
      case 'recovery':
        return life.recover();
      case 'role lost':
        return forbid(targets, () => setPowers({ [people.ben]: 0 }));
      case 'role back':
        forbidden.clear();
        return setPowers({ [people.ben]: 50 });
      case 'protected': {
        const name = targets[account % targets.length] ?? '';
        return forbid([name], () => setPowers({ [name]: 50 }));
      }
      case 'homeserver away':
        server.isAway = true;
        return undefined;
      case 'homeserver back':
        server.isAway = false;
        return undefined;
    }
  }

  /** Does this, and whatever comes of it. If the bot dies, another one is born that goes on. */
  async function live(work: () => Promise<unknown>): Promise<void> {
    const { death, idle } = life;
    const ended = (async () => {
      await work();
      await idle();
      return 'lives' as const;
    })();
    if ((await Promise.race([ended, death])) === 'dead') {
      await writesEnded(server);
      life = beBorn();
      await live(wake);
    }
  }

  /** What the bot does at its start, and from time to time. */
  async function wake(): Promise<void> {
    await life.recover();
    await life.resume();
    await life.expire();
    await life.runDue();
  }

  return {
    /** What was wrong, seen by nobody who waits for it. */
    wrong,

    async play() {
      await live(async () => life.accept(command));
      for (const burst of bursts) {
        atCalls.push(...burst.filter(({ atCall }) => atCall !== undefined));
        const now = burst.filter(({ atCall }) => atCall === undefined);
        await live(async () => Promise.all(now.map(happen)));
      }
      // Whatever was wrong with the world is over, and time goes on.
      server.isAway = false;
      atCalls.length = 0;
      for (let round = 0; round < 4; round += 1) {
        bot.clock.now += 7_200_000;
        await live(wake);
      }
    },

    async check() {
      expect(new Set(calls).size).toBe(calls.length);
      expect(calls.filter((name) => forbidden.has(name))).toEqual([]);
      // Nothing is left of what was sent, and nothing went wrong unseen.
      const { sent: messages } = await bot.run(async () => undefined);
      const { auditLog, operations, operationTargets } = bot.store;
      const entries = await auditLog.search({ eventId: '$ask', limit: 100 });
      const done = entries.filter(
        ({ command: name, status }) => name === 'lock' && status === 'done',
      );
      expect(new Set(done.map(({ target }) => target))).toEqual(new Set(calls));
      expect(new Set(entries.map(({ target }) => target)).size).toBe(entries.length);
      expect((await auditLog.verify()).fault).toBeUndefined();
      const operation = await operations.get(1);
      if (operation === undefined || operation.command !== 'lock') {
        expect(calls).toEqual([]);
        return;
      }
      expect([...states.values()].filter((state) => !finalStates.has(state))).toEqual([]);
      const rows = await operationTargets.of(1);
      expect(rows.filter(({ state }) => state === 'waiting' || state === 'in_flight')).toEqual([]);
      const answers = messages.flatMap(({ outgoing }) =>
        (outgoing.kind === 'reply' || outgoing.kind === 'edit') && outgoing.origin.event === '$ask'
          ? [outgoing.reply]
          : [],
      );
      expect(answers.at(-1)?.operation).toMatchObject({
        state: operation.state,
        done: calls.length,
        failed: rows.filter(({ state }) => state === 'failed').length,
      });
    },

    close: async () => bot.store.close(),
  };
}
