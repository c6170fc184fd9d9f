import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { dayMs, hourMs, minuteMs } from '../../../src/core/duration.ts';
import { HomeserverError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { runDue } from '../../../src/operations/execute/run-due.ts';
import { people, room } from '../../support/fuzz-bot.ts';
import { names, openLockServer, outcomeIn, passTime, sayTo } from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';

let server: LockServer;
beforeEach(async () => {
  server = await openLockServer();
});
afterEach(async () => server.bot.store.close());

const say = async (body: string, sender?: string) =>
  sayTo(server, body, sender === undefined ? {} : { sender });
const textOf = (sent: unknown) => JSON.stringify(sent);

/** Lets time pass, as the worker that waits for what is due sees it. */
const pass = async (ms: number) => passTime(server, ms);

const alertsIn = (sent: readonly Outgoing[]) =>
  sent.flatMap((one) => (one.kind === 'alert' ? [one] : []));

/** The power levels of the room, with Ben's. */
const benHas = async (level: number) =>
  server.bot.take([
    {
      type: 'm.room.power_levels',
      state_key: '',
      event_id: `$levels${level}`,
      sender: people.ana,
      origin_server_ts: server.bot.clock.now,
      content: { users: { [people.ana]: 100, [people.ben]: level } },
    },
  ]);

describe('a command for later', () => {
  test('says when it runs and by which number, runs then, and tells the room', async () => {
    const answer = outcomeIn(await say('!lock @u1:localhost --in 2h --reason spam'));
    expect(answer).toMatchObject({
      status: 'pending',
      operation: { id: 1, state: 'scheduled', targets: 1, done: 0 },
    });
    expect(textOf(answer)).toContain('Scheduled for 2026-11-21 02:00 UTC');
    expect(textOf(answer)).toContain('as operation 1');
    expect(await pass(hourMs)).toEqual([]);
    expect(server.calls).toEqual([]);
    const sent = await pass(hourMs);
    expect(server.calls).toEqual(['@u1:localhost']);
    expect(outcomeIn(sent)).toMatchObject({ status: 'done', operation: { id: 1, state: 'done' } });
    expect(alertsIn(sent)).toMatchObject([{ mentions: [], reply: { status: 'done' } }]);
    expect(await pass(dayMs)).toEqual([]);
    expect(server.calls).toHaveLength(1);
  });

  test.each([
    ['2026-12-01 09:00', '2026-12-01 09:00 UTC'],
    ['2026-12-01 09:00 UTC', '2026-12-01 09:00 UTC'],
    ['2026-12-01 09:00+01:00', '2026-12-01 08:00 UTC'],
    ['2026-12-01T09:00 +01:00', '2026-12-01 08:00 UTC'],
    ['2026-12-01', '2026-12-01 00:00 UTC'],
    // It is 00:00 UTC on the 21st.
    ['22:00', '2026-11-21 22:00 UTC'],
    ['9:05 UTC', '2026-11-21 09:05 UTC'],
    ['00:00', '2026-11-22 00:00 UTC'],
    ['00:30+01:00', '2026-11-21 23:30 UTC'],
    ['22:00 -03:30', '2026-11-21 01:30 UTC'],
  ])('at %s runs at %s', async (written, time) => {
    expect(textOf(await say(`!lock @u1:localhost --at "${written}"`))).toContain(
      `Scheduled for ${time}`,
    );
  });

  test.each([
    ['!lock @u1:localhost --at 2026-11-01', 'has passed'],
    ['!lock @u1:localhost --at 2028-11-01', 'at most a year'],
    ['!lock @u1:localhost --at 2026-12-01 --in 2h', 'not both'],
    ['!lock @u1:localhost --at tomorrow', 'not a valid date'],
    ['!lock @u1:localhost --at 25:00', 'not a valid date'],
    ['!lock @u1:localhost --at 10pm', 'Times are UTC'],
    ['!lock @u1:localhost --at 22:00 UTC', 'takes one word'],
    ['!reset-password @u1:localhost --in 2h', 'can’t be scheduled: its answer holds a secret'],
    ['!create-token --token abc --in 2h', 'can’t be scheduled: it holds a secret'],
    ['!background-updates --in 2h', 'it changes nothing'],
    ['!users --in 2h', 'has no flag'],
  ])('%s is refused: %s', async (command, why) => {
    expect(textOf(await say(command, people.ana))).toContain(why);
    expect(await server.bot.store.operations.scheduled()).toEqual([]);
  });

  test('is confirmed now, and nobody is asked again', async () => {
    const asked = outcomeIn(await say(`!lock ${names(3).join(' ')} --in 2h`));
    expect(asked).toMatchObject({ operation: { state: 'awaiting', targets: 3 } });
    expect(textOf(asked)).toContain('To run at 2026-11-21 02:00 UTC, in 2 hours');
    const sent = await say('!confirm');
    expect(outcomeIn(sent)).toMatchObject({ operation: { state: 'scheduled', targets: 3 } });
    expect(outcomeIn(sent, 'confirm')).toMatchObject({ status: 'done' });
    const ended = await pass(2 * hourMs);
    expect([...server.calls].sort()).toEqual(names(3));
    expect(outcomeIn(ended)).toMatchObject({ status: 'done', operation: { done: 3 } });
    // What `!confirm` was answered with says how it ended, too.
    expect(textOf(outcomeIn(ended, 'confirm'))).toContain('3 of 3 accounts done');
  });

  test('confirmed after its time runs at once', async () => {
    await say(`!lock ${names(2).join(' ')} --in 1m`);
    server.bot.clock.now += 2 * minuteMs;
    expect(outcomeIn(await say('!confirm'))).toMatchObject({ status: 'done' });
  });

  test('leaves out who is protected or gone then, and goes on with the others', async () => {
    await say(`!deactivate ${names(4).join(' ')} --in 2h`);
    await say('!confirm');
    const deactivated: string[] = [];
    Object.assign(server.bot.api.users, {
      deactivate: async (name: string) => void deactivated.push(name),
    });
    server.admins.add('@u1:localhost');
    server.gone.add('@u2:localhost');
    const sent = await pass(2 * hourMs);
    expect(deactivated.sort()).toEqual(['@u0:localhost', '@u3:localhost']);
    const outcome = outcomeIn(sent, 'deactivate');
    expect(outcome).toMatchObject({ status: 'partial', operation: { done: 2, leftOut: 2 } });
    expect(textOf(outcome)).toContain('@u1:localhost (is a server admin)');
    expect(textOf(outcome)).toContain('@u2:localhost (does not exist any more)');
    expect(alertsIn(sent)).toMatchObject([{ mentions: [people.ben] }]);
  });

  test('that was confirmed, and stopped by somebody else, was not cancelled by who confirmed it', async () => {
    await say(`!lock ${names(2).join(' ')} --in 2h`);
    const id = outcomeIn(await say('!confirm'))?.operation?.id;
    await say(`!stop-job ${id}`, people.ana);
    const confirmation = await server.bot.store.confirmations.byEvent(
      (await server.bot.store.operations.get(1))?.eventId ?? '',
    );
    expect(textOf(await say(`!cancel ${confirmation?.code}`))).toContain(
      `${confirmation?.code} was already confirmed by Ben`,
    );
  });

  test('goes on to say whom the confirmation has left out', async () => {
    server.admins.add('@u2:localhost');
    await say(`!deactivate ${names(3).join(' ')} --in 2h`);
    const scheduled = outcomeIn(await say('!confirm'), 'deactivate');
    expect(scheduled).toMatchObject({ operation: { state: 'scheduled', targets: 2, leftOut: 1 } });
    expect(textOf(scheduled)).toContain('Left out: @u2:localhost (is a server admin)');
  });

  test('that is done for one of two is not marked as if that was all', async () => {
    await say('!lock @u1:localhost @u2:localhost --in 2h');
    await say('!confirm');
    server.gone.add('@u2:localhost');
    const sent = await pass(2 * hourMs);
    expect(outcomeIn(sent)).toMatchObject({ status: 'partial', answer: { mark: '⚠️' } });
    expect(alertsIn(sent)).toMatchObject([{ reply: { answer: { mark: '⚠️' } } }]);
  });

  test('whose only account is gone then is not done, and who asked is told', async () => {
    await say('!lock @u1:localhost --in 2h');
    server.gone.add('@u1:localhost');
    const sent = await pass(2 * hourMs);
    expect(outcomeIn(sent)).toMatchObject({
      status: 'failed',
      operation: { id: 1, state: 'failed' },
    });
    expect(alertsIn(sent)).toMatchObject([{ mentions: [people.ben], reply: { status: 'failed' } }]);
    expect(await server.bot.store.operations.get(1)).toMatchObject({ state: 'failed' });
  });

  test('whose asker has lost their role is refused, recorded, and told', async () => {
    await say('!lock @u1:localhost --in 2h');
    await benHas(0);
    const sent = await pass(2 * hourMs);
    expect(server.calls).toEqual([]);
    expect(outcomeIn(sent)).toMatchObject({ status: 'denied', operation: { state: 'failed' } });
    expect(alertsIn(sent)).toHaveLength(1);
    const [entry] = await server.bot.store.auditLog.search({ limit: 1 });
    expect(entry).toMatchObject({ command: 'lock', status: 'denied' });
  });

  test('that undoes an action leaves alone what somebody has changed again since', async () => {
    await say('!lock @u1:localhost');
    await say('!undo 1 --in 2h');
    await say('!unlock @u1:localhost', people.ana);
    await say('!lock @u1:localhost --reason "new evidence"', people.ana);
    const sent = await pass(2 * hourMs);
    expect(outcomeIn(sent, 'unlock')).toMatchObject({ status: 'failed' });
    expect(textOf(sent)).toContain(`@u1:localhost was changed since: #5, lock by ${people.ana}`);
    expect(server.locked.has('@u1:localhost')).toBe(true);
  });

  test('that undoes an action runs after the actions that came later were undone', async () => {
    await say('!lock @u1:localhost');
    await say('!undo 1 --in 2h');
    await say('!unlock @u1:localhost');
    await say('!undo 3');
    expect(server.locked.has('@u1:localhost')).toBe(true);
    expect(outcomeIn(await pass(2 * hourMs), 'unlock')).toMatchObject({ status: 'done' });
    expect(server.locked.has('@u1:localhost')).toBe(false);
  });

  test('is shown by jobs, and stop-job cancels it and tells the room', async () => {
    await say('!lock @u1:localhost --in 2h --reason spam');
    const jobs = outcomeIn(await say('!jobs'), 'jobs')?.answer;
    expect(jobs?.data).toMatchObject([{ id: 1, kind: 'scheduled', askedBy: people.ben }]);
    const sent = await say('!stop-job 1', people.ana);
    expect(textOf(outcomeIn(sent, 'stop-job'))).toContain('Stopped operation 1');
    expect(outcomeIn(sent)).toMatchObject({
      status: 'cancelled',
      operation: { state: 'cancelled' },
    });
    expect(textOf(outcomeIn(sent))).toContain('cancelled by');
    await pass(dayMs);
    expect(server.calls).toEqual([]);
  });

  test('combines with --for: the end is counted from when it is done', async () => {
    await say('!lock @u1:localhost --in 2h --for 1h');
    const sent = await pass(2 * hourMs);
    expect(textOf(outcomeIn(sent))).toContain('until 2026-11-21 03:00 UTC');
    expect(server.locked).toContain('@u1:localhost');
    await pass(hourMs);
    expect(server.locked).not.toContain('@u1:localhost');
  });

  test('waits while the homeserver is away', async () => {
    await say('!lock @u1:localhost --in 2h');
    server.isAway = true;
    await pass(2 * hourMs);
    expect(await server.bot.store.operations.get(1)).toMatchObject({ state: 'scheduled' });
    server.isAway = false;
    expect(outcomeIn(await pass(minuteMs))).toMatchObject({ status: 'done' });
  });

  describe('about an account that the homeserver can’t tell anything about for now', () => {
    let isFaulty: boolean;
    beforeEach(() => {
      isFaulty = true;
      const { findAccount } = server.bot.context;
      Object.assign(server.bot.context, {
        async findAccount(user: UserId) {
          if (isFaulty && user === '@u1:localhost') {
            throw new HomeserverError(500, 'M_UNKNOWN', 'GET /_synapse/admin/v2/users/{user_id}');
          }
          return findAccount(user);
        },
      });
    });

    test('waits, while others go on, and what is done to the account stays in order', async () => {
      isFaulty = false;
      await say('!lock @u1:localhost --in 1h');
      await say('!lock @u2:localhost --in 1h');
      await say('!shadow-ban @u1:localhost @u2:localhost --in 1h');
      await say('!confirm');
      isFaulty = true;
      await pass(hourMs);
      expect(server.calls).toEqual(['@u2:localhost']);
      expect(await server.bot.store.operations.get(3)).toMatchObject({ state: 'scheduled' });
      isFaulty = false;
      expect(outcomeIn(await pass(minuteMs))).toMatchObject({ status: 'done' });
      expect(server.calls).toEqual(['@u2:localhost', '@u1:localhost']);
      expect(await server.bot.store.operations.scheduled()).toEqual([]);
    });

    test('is given up after a while, and the room is told', async () => {
      isFaulty = false;
      await say('!lock @u1:localhost --in 1h');
      isFaulty = true;
      expect(await pass(hourMs)).toEqual([]);
      Object.assign(server.bot.context.reconcileTimes, {
        first: (_: string, __: number, at: number) => at - 6 * minuteMs,
      });
      expect(outcomeIn(await pass(minuteMs))).toMatchObject({
        status: 'failed',
        operation: { state: 'failed' },
      });
    });

    test('leaves a confirmation pending, which can be confirmed again', async () => {
      isFaulty = false;
      await say('!lock @u1:localhost @u2:localhost');
      isFaulty = true;
      expect(textOf(await say('!confirm'))).toContain('500 M_UNKNOWN');
      isFaulty = false;
      expect(outcomeIn(await say('!confirm'))).toMatchObject({ status: 'done' });
      expect([...server.locked].sort()).toEqual(['@u1:localhost', '@u2:localhost']);
    });
  });

  test('with --dry-run changes and schedules nothing', async () => {
    expect(textOf(await say('!lock @u1:localhost --in 2h --dry-run'))).toContain(
      'To run at 2026-11-21 02:00 UTC',
    );
    expect(await server.bot.store.operations.scheduled()).toEqual([]);
  });
});

/** More timers than the database gives at once, as a bulk with `--for` sets them. */
async function setTimers(count: number): Promise<void> {
  const { store, clock } = server.bot;
  await say('!lock @u0:localhost');
  await store.transaction(async ({ timers }) => {
    for (let at = 0; at < count; at += 1) {
      await timers.add({
        line: `unlock @u${at}:localhost`,
        runAt: clock.now + hourMs,
        askedBy: people.ben,
        intentId: 1,
        eventId: '$bulk',
        roomId: room,
        createdAt: clock.now,
      });
    }
  });
}

test('every timer of a large bulk runs when it is due, and counts until then', async () => {
  const { bot } = server;
  await setTimers(1001);
  expect(textOf(await say('!jobs'))).toContain('1,001 timers');
  bot.clock.now += hourMs;
  const run: number[] = [];
  const { nextAt } = await runDue(
    {
      store: bot.store,
      async run({ id }) {
        run.push(id);
        return 'started';
      },
      now: bot.context.now,
    },
    new AbortController().signal,
  );
  expect(new Set(run).size).toBe(1001);
  expect(nextAt).toBeUndefined();
});
