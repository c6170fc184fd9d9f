import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { people, room } from '../../support/fuzz-bot.ts';
import { names, openLockServer, outcomeIn, sayTo } from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';

let server: LockServer;
beforeEach(async () => {
  server = await openLockServer();
});
afterEach(async () => server.bot.store.close());

const say = async (body: string) => sayTo(server, body);
const textOf = (sent: unknown) => JSON.stringify(sent);

/** Begins a lock of 30 accounts, says a command after 8 calls, and returns what was sent in all. */
async function meanwhile(body: string) {
  await say(`!lock ${names(30).join(' ')}`);
  let asked: ReturnType<typeof say> | undefined;
  server.after = async () => {
    if (server.calls.length === 8) {
      asked ??= sayTo(server, body, { sender: people.ana });
      await new Promise((go) => setTimeout(go, 50));
    }
  };
  const sent = await say('!confirm');
  return [...sent, ...((await asked) ?? [])];
}

/** Puts a step of a takedown, which can't be undone, into the audit log. */
async function stepDone(step: string, status: 'done' | 'partial' = 'done'): Promise<void> {
  const { store, clock } = server.bot;
  await store.transaction(async ({ auditLog }) => {
    const id = await auditLog.begin(
      {
        actor: people.ben,
        command: 'takedown',
        arguments: { accounts: ['@u1:localhost'], step },
        target: '@u1:localhost',
        eventId: '$takedown',
        roomId: room,
      },
      clock.now,
    );
    await auditLog.finish(id, { status }, clock.now);
  });
}

describe('jobs', () => {
  test('shows what runs with its progress, for whom, and since when', async () => {
    const answer = outcomeIn(await meanwhile('!jobs'), 'jobs')?.answer;
    expect(answer?.data).toMatchObject([
      { kind: 'running', state: 'running', askedBy: people.ben, targets: 30, failed: 0 },
    ]);
    expect(textOf(answer)).toMatch(/ of 30 done/u);
    expect(answer?.next).toEqual(['stop-job 1']);
  });

  test('shows timers', async () => {
    await say('!lock @u1:localhost --for 1d');
    const answer = outcomeIn(await say('!jobs'), 'jobs')?.answer;
    expect(answer?.data).toMatchObject([
      { kind: 'timer', state: 'waiting', line: 'unlock @u1:localhost' },
    ]);
  });

  test('says if there is nothing', async () => {
    expect(textOf(await say('!jobs'))).toContain('Nothing runs, and nothing is scheduled');
  });
});

describe('stop-job', () => {
  test('lets a running operation begin nothing more, and names what is done', async () => {
    const sent = await meanwhile('!stop-job 1');
    const stopping = outcomeIn(sent, 'stop-job')?.answer;
    expect(textOf(stopping)).toMatch(/Already done: .*@u\d+:localhost, .*@u\d+:localhost/u);
    const data = stopping?.data as { done: number; notBegun: number } | undefined;
    expect(data?.done).toBeGreaterThan(0);
    expect(data?.notBegun).toBeGreaterThan(0);
    expect(outcomeIn(sent)).toMatchObject({
      status: 'partial',
      operation: { state: 'partial', targets: 30, done: server.calls.length },
    });
    expect(server.calls.length).toBeLessThan(16);
  });

  test.each([
    ['!stop-job 77', 'there is no operation 77'],
    ['!stop-job 1', 'operation 1 has already ended (done)'],
  ])('%s is refused', async (command, why) => {
    await say('!lock @u1:localhost');
    expect(textOf(await say(command))).toContain(why);
  });

  test('of an operation that waits for its confirmation says how to cancel it', async () => {
    await say(`!lock ${names(3).join(' ')}`);
    expect(textOf(await say('!stop-job 1'))).toMatch(/is not confirmed yet.*!cancel \w{4}/u);
  });
});

test('a confirmation has the number of its operation', async () => {
  const asked = outcomeIn(await say(`!lock ${names(3).join(' ')}`));
  expect(asked).toMatchObject({
    status: 'pending',
    operation: { id: 1, state: 'awaiting', targets: 3, done: 0, failed: 0, leftOut: 0 },
  });
  expect(outcomeIn(await say('!confirm'))).toMatchObject({ operation: { id: 1, state: 'done' } });
});

describe('audit --operation', () => {
  test('shows the entry of each target, page by page, and as a file', async () => {
    await say('!lock @other:localhost');
    await say(`!lock ${names(25).join(' ')}`);
    await say('!confirm');
    const first = outcomeIn(await say('!audit --operation 2'), 'audit')?.answer;
    const page = first?.data as { target: string }[];
    expect(page).toHaveLength(20);
    const second = outcomeIn(await say('!more'), 'audit')?.answer;
    const rest = second?.data as { target: string }[];
    expect([...page, ...rest].map(({ target }) => target).sort()).toEqual(names(25).sort());
    // The second page was the last; it is not shown again.
    expect(textOf(await say('!more'))).toContain('there are no more pages');
    const sent = await say('!audit export --operation 2 --format csv');
    const file = sent.find((one) => one.kind === 'file');
    expect(file?.file.content.trim().split('\n')).toHaveLength(26);
  });

  test('of an unknown operation says so', async () => {
    expect(textOf(await say('!audit --operation 9'))).toContain('there is no operation 9');
  });

  test('names the step of each entry, as the history does', async () => {
    for (const step of ['suspend', 'redact']) {
      await stepDone(step);
    }
    const list = textOf(await say('!audit'));
    const history = textOf(await say('!history @u1:localhost'));
    for (const step of ['suspend', 'redact']) {
      expect(list).toContain(`takedown: ${step}`);
      expect(history).toContain(`takedown: ${step}`);
    }
    expect(textOf(await say('!audit 1'))).toContain('takedown: suspend');
  });

  test('finds what was done in part', async () => {
    await stepDone('suspend');
    await stepDone('redact', 'partial');
    const answer = outcomeIn(await say('!audit --status partial'), 'audit')?.answer;
    expect(answer?.data).toMatchObject([{ status: 'partial', arguments: { step: 'redact' } }]);
    expect(textOf(answer)).toContain('takedown: redact');
  });

  test('an entry says to which operation it belongs', async () => {
    await say('!lock @u1:localhost');
    const answer = outcomeIn(await say('!audit 1'), 'audit')?.answer;
    expect(textOf(answer)).toContain('Part of operation 1');
    expect(answer?.data).toMatchObject({ operation: 1 });
  });
});

describe('a line without the number of an action or an operation', () => {
  test.each([
    ['!undo', 'Which action?'],
    ['!stop-job', 'Which operation?'],
    ['!history', 'Which user or room?'],
    ['!reopen', 'Which report?'],
  ])('%s is answered %s', async (command, question) => {
    expect(textOf(await say(command))).toContain(question);
  });

  test('undo of a number that is an operation’s, too, names the operation', async () => {
    await stepDone('redact');
    const before = textOf(await say('!undo 1'));
    expect(before).toContain('can’t be undone');
    expect(before).not.toContain('--operation');
    await say('!lock @other:localhost');
    expect(textOf(await say('!undo 1'))).toMatch(/If you mean operation 1: .*!undo --operation 1/u);
    expect(textOf(await say('!undo 77'))).not.toContain('--operation');
  });
});
