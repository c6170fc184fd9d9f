import { setTimeout as wait } from 'node:timers/promises';

import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { replyContent } from '../../../src/matrix/delivery/content.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
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

/** The lines that the room reads. */
function linesOf(sent: readonly Outgoing[], command?: string): string[] {
  const reply = outcomeIn(sent, command);
  const origin = { event: '$any', room } as Outgoing['origin'];
  const { body } = reply ? (replyContent(reply, origin, '!') as { body: string }) : { body: '' };
  return body.split('\n');
}

/** The rows of a file, without its header. */
function rowsOf(sent: readonly Outgoing[], name: string): string[] {
  const found = sent.find((one) => one.kind === 'file' && one.file.name === name);
  return found?.kind === 'file' ? found.file.content.trim().split('\n').slice(1) : [];
}

/** Begins a lock of 30 accounts, says a command after 8 calls, and returns what was sent in all. */
async function meanwhile(body: string) {
  await say(`!lock ${names(30).join(' ')}`);
  let asked: ReturnType<typeof say> | undefined;
  server.after = async () => {
    if (server.calls.length >= 8) {
      asked ??= sayTo(server, body, { sender: people.ana });
      await wait(50);
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
    expect(textOf(answer)).toMatch(/running for \d+ \w+.* of 30 finished/u);
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
    expect(textOf(await say('!jobs'))).toContain('Nothing is running or scheduled');
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
    expect(server.calls.length).toBeLessThan(25);
  });

  test('the first line of what was stopped says so and counts, and its file has every account', async () => {
    const sent = await meanwhile('!stop-job 1');
    const done = server.calls.length;
    const [first, ...others] = linesOf(sent);
    expect(first).toBe(`⚠️ lock stopped: ${done} of 30 accounts done, ${30 - done} untouched`);
    const untouched = names(30).filter((name) => !server.locked.has(name));
    expect(others[0]).toBe(
      `Untouched: ${untouched.slice(0, 3).join(', ')} and ${untouched.length - 3} more`,
    );
    expect(others[1]).toBe('To finish, reply to outcomes.csv with !lock --from-file');
    const rows = rowsOf(sent, 'outcomes.csv');
    expect(rows).toHaveLength(30);
    const ends = names(30).map((name) =>
      server.locked.has(name) ? `${name},,done` : `${name},,left out,,was not begun when`,
    );
    expect(ends.filter((end) => !rows.some((row) => row.includes(end)))).toEqual([]);
  });

  test('what it kept back is done by the line that its answer names', async () => {
    const sent = await meanwhile('!stop-job 1');
    const file = sent.find((one) => one.kind === 'file' && one.file.name === 'outcomes.csv');
    Object.assign(server.bot.context, {
      readFile: async () => (file?.kind === 'file' ? file.file.content : ''),
    });
    const left = 30 - server.locked.size;
    server.calls.length = 0;
    const asked = await sayTo(server, '!lock --from-file', { replyTo: '$file' });
    const lines = linesOf(asked);
    expect(lines[0]).toContain(`Lock ${left} accounts?`);
    expect(lines).toContain(
      `Took ${left} of the file’s 30 accounts: it says that the other ${30 - left} are done.`,
    );
    await say('!confirm');
    expect(server.calls).toHaveLength(left);
    expect(server.locked.size).toBe(30);
  });

  test('the few that it kept back are named in the line', async () => {
    Object.assign(server.bot.context.settings, { parallelism: 1 });
    await say(`!lock ${names(5).join(' ')} --reason spam`);
    server.after = async () => {
      await server.bot.store.operations.requestStop(1, people.ana);
    };
    const sent = await say('!confirm');
    expect(linesOf(sent)[0]).toBe('⚠️ lock stopped: 1 of 5 accounts done, 4 untouched');
    const line = `lock ${names(5).slice(1).join(' ')} --reason=spam`;
    expect(outcomeIn(sent)?.answer.next).toContain(line);
    server.after = async () => undefined;
    await say(`!${line}`);
    await say('!confirm');
    expect([...server.locked].sort()).toEqual(names(5));
  });

  test('an undo is finished by the same undo', async () => {
    Object.assign(server.bot.context.settings, { parallelism: 1 });
    await say(`!lock ${names(4).join(' ')}`);
    await say('!confirm');
    const asked = outcomeIn(await say('!undo --operation 1'), 'undo');
    server.after = async () => {
      await server.bot.store.operations.requestStop(asked?.operation?.id ?? 0, people.ana);
    };
    const sent = await say('!confirm');
    expect(linesOf(sent, 'undo')[0]).toBe(
      '⚠️ undo of operation 1 stopped: 1 of 4 accounts done, 3 untouched',
    );
    expect(outcomeIn(sent, 'undo')?.answer.next).toContain('undo --operation=1');
    server.after = async () => undefined;
    await say('!undo --operation=1');
    await say('!confirm');
    expect(server.locked.size).toBe(0);
  });

  test('of what is scheduled offers the line again only if it is short', async () => {
    await say('!lock @u1:localhost --in 2h');
    const short = outcomeIn(await say('!stop-job 1'), 'stop-job')?.answer;
    expect(short?.next).toEqual(['lock @u1:localhost --at=2026-11-21T02:00:00.000Z']);
    const asked = await say(`!lock ${names(30).join(' ')} --in 2h`);
    await say('!confirm');
    const long = await say(`!stop-job ${outcomeIn(asked)?.operation?.id}`);
    expect(outcomeIn(long, 'stop-job')?.answer.next).toEqual([]);
    expect(linesOf(long, 'stop-job')[0]).toContain(
      'it won’t run lock @u0:localhost @u1:localhost @u2:localhost and 27 more',
    );
  });

  test('without a number stops nothing, and names what runs, with the line that stops it', async () => {
    const sent = await meanwhile('!stop-job --reason "wrong list"');
    const [title, ...body] = linesOf(sent, 'stop-job');
    expect(title).toBe('❌ Which operation?');
    expect(body[0]).toMatch(
      /^!stop-job 1 stops lock @u0:localhost @u1:localhost @u2:localhost and 27 more: \d+ of 30 finished$/u,
    );
    expect(outcomeIn(sent)).toMatchObject({ status: 'done', operation: { done: 30 } });
    expect(await server.bot.store.auditLog.search({ command: 'stop-job', limit: 1 })).toEqual([]);
  });

  test('without a number names what is scheduled, the next first, and not too many', async () => {
    await say('!lock @u1:localhost --for 2d');
    for (const name of names(6)) {
      await say(`!lock ${name} --in 2h`);
    }
    const [, ...lines] = linesOf(await say('!stop-job'), 'stop-job');
    expect(lines.slice(0, 5)).toEqual(
      names(5).map(
        (name, at) => `!stop-job ${at + 3} stops lock ${name}: in 2 hours (2026-11-21 02:00 UTC)`,
      ),
    );
    expect(lines[5]).toBe('And 2 others: see !jobs.');
  });

  test.each(['!stop-job', '!stop-job --dry-run'])('%s says if there is nothing', async (line) => {
    expect(linesOf(await say(line), 'stop-job')).toEqual([
      '❌ Not done: nothing is running or scheduled',
    ]);
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

describe('a line with many accounts', () => {
  const short = '!lock @u0:localhost @u1:localhost @u2:localhost and 27 more --reason=spam';

  const ask = async () => say(`!lock ${names(30).join(' ')} --reason spam --in 2h`);

  test('is short in pending, also when it is cancelled', async () => {
    await ask();
    expect(linesOf(await say('!pending'), 'pending')[1]).toContain(short);
    const cancelled = await say('!cancel');
    expect(linesOf(cancelled)[0]).toBe(`❌ Cancelled: ${short}`);
    expect(linesOf(cancelled, 'cancel')[0]).toContain(`Cancelled: ${short.slice(1)}`);
  });

  test('is short when it is scheduled, and in jobs', async () => {
    await ask();
    const scheduled = await say('!confirm');
    expect(linesOf(scheduled)[0]).toContain(short);
    expect(linesOf(await say('!jobs'), 'jobs').join('\n')).toContain(short);
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
    ['!history', 'Which user or room?'],
    ['!reopen', 'Which report?'],
  ])('%s is answered %s', async (command, confirmation) => {
    expect(textOf(await say(command))).toContain(confirmation);
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
