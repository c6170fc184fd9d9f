import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { HomeserverError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { createInFlight } from '../../../src/operations/execute/reconcile.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { people, room } from '../../support/fuzz-bot.ts';
import { names, openLockServer, outcomeIn, sayTo } from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';

let server: LockServer;
beforeEach(async () => {
  server = await openLockServer();
});
afterEach(async () => server.bot.store.close());

const say = async (body: string, sender: string = people.ben) => sayTo(server, body, { sender });
const shown = (sent: readonly Outgoing[]) => JSON.stringify(outcomeIn(sent, 'undo')?.answer);

/** Locks accounts by one operation; returns its number. */
async function lockMany(targets: readonly string[]): Promise<number> {
  await say(`!lock ${targets.join(' ')}`);
  return outcomeIn(await say('!confirm'))?.operation?.id ?? 0;
}

test('an operation is taken back after one confirmation, each target once, each with an entry that names what it takes back', async () => {
  const id = await lockMany(names(15));
  const locks = await server.bot.store.auditLog.search({ command: 'lock', limit: 100 });
  server.calls.length = 0;
  const asked = await say(`!undo --operation ${id}`);
  expect(outcomeIn(asked, 'undo')).toMatchObject({ status: 'pending' });
  expect(shown(asked)).toContain(`Undo operation ${id}: 15 actions`);
  expect(shown(asked)).toMatch(/ 15 accounts: @\S+, @\S+, @\S+ and 12 more/u);
  const list = asked.find((one) => one.kind === 'file');
  expect(JSON.stringify(list)).toContain('@u3:localhost,unlock @u3:localhost,');
  expect(server.calls).toEqual([]);

  const outcome = outcomeIn(await say('!confirm'), 'undo');
  expect([...server.calls].sort()).toEqual(names(15).sort());
  expect(server.locked.size).toBe(0);
  expect(outcome).toMatchObject({
    status: 'done',
    operation: { state: 'done', targets: 15, done: 15, failed: 0, leftOut: 0 },
  });
  const unlocks = await server.bot.store.auditLog.search({ command: 'unlock', limit: 100 });
  expect(unlocks.map(({ status, confirmer }) => `${status} ${confirmer}`)).toEqual(
    names(15).map(() => `done ${people.ben}`),
  );
  const takenBack = new Map(unlocks.map(({ target, reason }) => [target, reason]));
  expect(takenBack).toEqual(
    new Map(locks.map(({ target, id: lock }) => [target, `undo of #${lock}`])),
  );
});

test('what was so already is not said to be permanent', async () => {
  await say('!lock @u0:localhost --for 1h');
  const id = await lockMany(names(2));
  const asked = shown(await say(`!undo --operation ${id}`));
  expect(asked).toContain('1 action');
  expect(asked).toContain('Was done already, so there is nothing to take back: lock (1)');
  expect(asked).not.toContain('Can’t be taken back');
  await say('!confirm');
  const again = outcomeIn(await say('!lock @u0:localhost'))?.operation?.id ?? 0;
  expect(shown(await say(`!undo --operation ${again}`))).toContain(
    `operation ${again} has changed nothing, so there is nothing to undo`,
  );
});

test('the audit log is asked about many accounts at once, so that thousands don’t take minutes', async () => {
  const id = await lockMany(names(15));
  const { auditLog } = server.bot.store;
  const asked: string[] = [];
  const noted = (name: 'inOrder' | 'search' | 'sinceOf') => {
    const read = auditLog[name] as (...parameters: unknown[]) => Promise<unknown>;
    return async (...parameters: unknown[]) => {
      asked.push(name);
      return read(...parameters);
    };
  };
  Object.assign(server.bot.context.store.auditLog, {
    search: noted('search'),
    inOrder: noted('inOrder'),
    sinceOf: noted('sinceOf'),
  });
  expect(shown(await say(`!undo --operation ${id}`))).toContain('15 actions');
  expect(asked.filter((name) => name === 'sinceOf')).toHaveLength(1);
  expect(asked.length).toBeLessThanOrEqual(5);
});

test('the answer of an operation, and undo last, name the line that takes it back', async () => {
  await say(`!lock ${names(3).join(' ')}`);
  const done = outcomeIn(await say('!confirm'));
  const line = `undo --operation ${done?.operation?.id}`;
  expect(done?.answer.next).toContain(line);
  expect(shown(await say('!undo last'))).toContain(`!${line}`);
});

test('undoing what was done to somebody who is protected since names the line that overrides it', async () => {
  const locked = outcomeIn(await say('!lock @u0:localhost'));
  server.admins.add('@u0:localhost');
  const refused = outcomeIn(await say(`!undo ${locked?.audit[0]}`), 'unlock');
  expect(refused?.status).toBe('protected');
  const line = `!unlock @u0:localhost --reason="undo of #${locked?.audit[0]}" --override-protection`;
  expect(JSON.stringify(refused?.answer)).toContain(JSON.stringify(line).slice(1, -1));
  await say(line, people.ana);
  await say('!confirm', people.ana);
  expect(server.locked.size).toBe(0);
});

test('what somebody has changed since is left alone and named', async () => {
  const id = await lockMany(names(5));
  await say('!unlock @u1:localhost', people.ana);
  await say('!unlock @u2:localhost', people.ana);
  await say('!lock @u2:localhost', people.ana);
  server.admins.add('@u3:localhost');
  const asked = shown(await say(`!undo --operation ${id} --reason "the wrong list"`));
  expect(asked).toContain(`@u1:localhost (was changed since: #`);
  expect(asked).toContain(`unlock by ${people.ana}`);
  expect(asked).toContain(`@u2:localhost (was changed since: #`);
  expect(asked).toContain(`lock by ${people.ana}`);
  expect(asked).toContain('@u3:localhost (is a server admin)');
  server.calls.length = 0;
  await say('!confirm');
  expect([...server.calls].sort()).toEqual(['@u0:localhost', '@u4:localhost']);
  const [entry] = await server.bot.store.auditLog.search({ target: '@u0:localhost', limit: 1 });
  expect(entry?.reason).toMatch(/^undo of #\d+: the wrong list$/u);
});

test('what was taken back alone is not taken back again, and an undo can be undone', async () => {
  const id = await lockMany(names(3));
  const [entry] = await server.bot.store.auditLog.search({ target: '@u1:localhost', limit: 1 });
  await say(`!undo ${entry?.id}`);
  const asked = shown(await say(`!undo --operation ${id}`));
  expect(asked).toContain('@u1:localhost (was already taken back by #');
  const undone = outcomeIn(await say('!confirm'), 'undo');
  expect(server.locked.size).toBe(0);
  expect(undone?.answer.next).toContain(`undo --operation ${undone?.operation?.id}`);
  await say(`!undo --operation ${undone?.operation?.id}`);
  await say('!confirm');
  expect([...server.locked].sort()).toEqual(['@u0:localhost', '@u2:localhost']);
});

test('whoever may not use the commands that undo it may not undo it', async () => {
  const { roles } = server.bot.context;
  const { needed } = roles;
  const id = await lockMany(names(3));
  Object.assign(roles, {
    needed: (command: string, declared: 'admin') =>
      command === 'unlock' ? 'admin' : needed(command, declared),
  });
  expect(outcomeIn(await say(`!undo --operation ${id}`), 'undo')?.status).toBe('denied');
  // Who asked may have lost the role since.
  await say(`!undo --operation ${id}`, people.ana);
  Object.assign(roles, { of: () => 'moderator' });
  server.calls.length = 0;
  expect(outcomeIn(await say('!confirm', people.ana), 'confirm')?.status).toBe('denied');
  expect(server.calls).toEqual([]);
});

test('a dry run shows it and asks nothing', async () => {
  const id = await lockMany(names(3));
  server.calls.length = 0;
  expect(outcomeIn(await say(`!undo --operation ${id} --dry-run`), 'undo')?.status).toBe('dry_run');
  expect(server.calls).toEqual([]);
  expect(await server.bot.store.confirmations.pending()).toEqual([]);
});

describe('there is nothing to take back', () => {
  test('of an operation that is not there, waits, or runs', async () => {
    expect(shown(await say('!undo --operation 99'))).toContain('there is no operation 99');
    await say(`!lock ${names(3).join(' ')}`);
    const [pending] = await server.bot.store.confirmations.pending();
    expect(shown(await say(`!undo --operation ${pending?.id}`))).toContain('is not confirmed yet');
    await say('!cancel');
    expect(shown(await say(`!undo --operation ${pending?.id}`))).toContain(
      `operation ${pending?.id} has changed nothing`,
    );
    server.isAway = true;
    await server.bot.store.transaction(async ({ operations }) =>
      operations.start(
        {
          eventId: '$runs',
          roomId: room,
          actor: people.ben,
          command: 'lock',
          danger: 'change',
          invocation: '{}',
        },
        server.bot.clock.now,
      ),
    );
    const refused = shown(await say(`!undo --operation ${(pending?.id ?? 0) + 1}`));
    expect(refused).toContain('still runs');
    expect(refused).toContain('stop-job');
  });

  test('of what can’t be undone', async () => {
    Object.assign(server.bot.api.users, { deactivate: async () => undefined });
    await say(`!deactivate ${names(3).join(' ')}`);
    const id = outcomeIn(await say('!confirm'), 'deactivate')?.operation?.id;
    const refused = shown(await say(`!undo --operation ${id}`));
    expect(refused).toContain(`nothing of operation ${id} can be taken back`);
    expect(refused).toContain('deactivate can’t be undone');
    expect(refused).toContain('To give back a part of it: ');
    expect(refused).toContain('!reactivate @u0:localhost @u1:localhost @u2:localhost');
  });

  test('of many accounts that get a part back by a file', async () => {
    Object.assign(server.bot.api.users, { deactivate: async () => undefined });
    await say(`!deactivate ${names(11).join(' ')}`);
    const id = outcomeIn(await say('!confirm'), 'deactivate')?.operation?.id;
    const refused = shown(await say(`!undo --operation ${id}`));
    const line = `!audit export --operation ${id} --format csv`;
    expect(refused).toContain(line);
    expect(refused).toContain('!reactivate --from-file');
    const sent = await say(line);
    const file = sent.find((one) => one.kind === 'file');
    Object.assign(server.bot.context, {
      readFile: async () => (file?.kind === 'file' ? file.file.content : ''),
      findAccount: async (name: string) => ({
        ...(await server.bot.api.users.get(name as UserId)),
        deactivated: true,
      }),
    });
    const asked = await sayTo(server, '!reactivate --from-file', { replyTo: '$file' });
    expect(JSON.stringify(asked)).toMatch(/reactivate 11 accounts\?/iu);
  });

  test('of what has failed altogether', async () => {
    server.before = async () => {
      throw new HomeserverError(403, 'M_FORBIDDEN', 'PUT /users');
    };
    const id = await lockMany(names(2));
    const refused = shown(await say(`!undo --operation ${id}`));
    expect(refused).toContain(`operation ${id} has changed nothing`);
    expect(refused).not.toContain('can’t be');
  });

  test('if everything was taken back before', async () => {
    const id = await lockMany(names(2));
    await say(`!undo --operation ${id}`);
    await say('!confirm');
    expect(shown(await say(`!undo --operation ${id}`))).toContain('was already taken back by #');
  });
});

test('a crash in the middle leaves nothing out and takes nothing back twice', async () => {
  const id = await lockMany(names(20));
  server.calls.length = 0;
  // With several at a time, calls that a busy machine makes slow would decide how many are cut off.
  Object.assign(server.bot.context.settings, { parallelism: 1 });
  await say(`!undo --operation ${id}`);
  const { promise: cutOff, resolve: cut } = Promise.withResolvers<void>();
  server.after = async () => {
    if (server.calls.length >= 7) {
      cut();
      return new Promise<never>(() => undefined);
    }
  };
  void say('!confirm').catch(() => undefined);
  await cutOff;
  server.after = async () => undefined;
  await recover({ ...server.bot.context, inFlight: createInFlight() });
  expect([...server.calls].sort()).toEqual(names(20).sort());
  expect(server.locked.size).toBe(0);
  const outbox = await server.bot.store.outbox.open();
  const sent = outbox.map(({ message }) => JSON.parse(message) as Outgoing);
  expect(outcomeIn(sent, 'undo')).toMatchObject({
    operation: { targets: 20, done: 20, failed: 0 },
  });
  const unlocks = await server.bot.store.auditLog.search({ command: 'unlock', limit: 100 });
  expect(new Set(unlocks.map(({ reason }) => reason)).size).toBe(20);
});

test('one account that needs nothing taken back any more is left out just before', async () => {
  const id = await lockMany(names(14));
  await say(`!undo --operation ${id}`);
  server.locked.delete('@u5:localhost');
  server.calls.length = 0;
  const outcome = outcomeIn(await say('!confirm'), 'undo');
  expect(server.calls).toHaveLength(13);
  expect(JSON.stringify(outcome?.answer)).toContain('@u5:localhost (is not locked)');
  expect(outcome).toMatchObject({ status: 'partial', operation: { done: 13, leftOut: 1 } });
});

describe('what somebody changes after it was shown', () => {
  test.each([3, 14])('is left alone and named, of %i accounts', async (many) => {
    const id = await lockMany(names(many));
    await say(`!undo --operation ${id}`);
    await say('!unlock @u1:localhost', people.ana);
    await say('!lock @u1:localhost --reason "again, for something else"', people.ana);
    server.calls.length = 0;
    const outcome = outcomeIn(await say('!confirm'), 'undo');
    expect(server.calls).toHaveLength(many - 1);
    expect([...server.locked]).toEqual(['@u1:localhost']);
    const answer = JSON.stringify(outcome?.answer);
    expect(answer).toContain('@u1:localhost (was changed since: #');
    expect(answer).toContain(`lock by ${people.ana}`);
    expect(outcome).toMatchObject({
      status: 'partial',
      operation: { done: many - 1, leftOut: 1 },
    });
  });

  test('leaves nothing to do, if that is all of it', async () => {
    const id = await lockMany(names(2));
    await say(`!undo --operation ${id}`);
    for (const name of names(2)) {
      await say(`!unlock ${name}`, people.ana);
      await say(`!lock ${name}`, people.ana);
    }
    server.calls.length = 0;
    const outcome = outcomeIn(await say('!confirm'), 'undo');
    expect(server.calls).toEqual([]);
    expect(JSON.stringify(outcome?.answer)).toContain('was changed since: #');
    expect(outcome).toMatchObject({ operation: { state: 'cancelled', done: 0, leftOut: 2 } });
  });
});

test('two people who undo the same operation at once do each thing once', async () => {
  const id = await lockMany(names(14));
  await say(`!undo --operation ${id}`);
  await say(`!undo --operation ${id}`, people.ana);
  server.calls.length = 0;
  const held = Promise.withResolvers<void>();
  server.before = async () => held.promise;
  const first = say('!confirm');
  const second = say('!confirm', people.ana);
  await new Promise((go) => setTimeout(go, 100));
  held.resolve();
  await Promise.all([first, second]);
  expect([...server.calls].sort()).toEqual(names(14).sort());
});
