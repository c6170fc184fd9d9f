import { afterEach, beforeEach, expect, test } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import { replyContent } from '../../../src/matrix/delivery/content.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { names, sayTo } from '../../support/lock-server.ts';
import type { LockServer } from '../../support/lock-server.ts';
import { openTwoHomeservers } from '../../support/two-homeservers.ts';

const there = names(20).map((name) => name.replace(/localhost$/u, 'two.example'));

let both: Awaited<ReturnType<typeof openTwoHomeservers>>;
let server: LockServer;
let sent: Outgoing[];
beforeEach(async () => {
  both = await openTwoHomeservers();
  ({ server } = both);
  sent = [];
});
afterEach(async () => server.bot.store.close());

async function say(body: string, event?: string): Promise<Outgoing[]> {
  const said = await sayTo(server, body, event === undefined ? {} : { event });
  sent.push(...said);
  return said;
}

async function goOn(): Promise<Outgoing[]> {
  const done = await server.bot.run(async () => recover(server.bot.context));
  const outgoing = done.sent.map((one) => one.outgoing);
  sent.push(...outgoing);
  return outgoing;
}

const textOf = (one: Outgoing | undefined) =>
  one !== undefined && 'reply' in one
    ? String(replyContent(one.reply, one.origin, '!')['body'])
    : '';

/** What the confirmation says now. */
const shown = (among = sent) =>
  textOf(among.findLast(({ kind, origin }) => kind === 'edit' && origin.event === '$asked'));

/** The second homeserver goes away when this many of its accounts are locked. */
function goAwayAfter(calls: number): void {
  let left = calls;
  server.after = async (user) => {
    left -= user.endsWith('two.example') ? 1 : 0;
    both.isTwoAway ||= left <= 0;
  };
}

test('an operation that waits for a homeserver says so, and does not say how long it takes', async () => {
  await say(`!lock ${[...names(5), ...there].join(' ')}`, '$asked');
  goAwayAfter(3);
  const answer = (await say('!confirm')).find(({ kind }) => kind === 'reply');
  expect(shown()).toMatch(/^⏳ Waiting for two\.example: lock, \d+ of 25 accounts so far$/mu);
  expect(shown()).toMatch(/When it answers again, I will continue.* · Stop: !stop-job \d+$/mu);
  expect(shown()).not.toMatch(/ left\b| per second| per minute/u);
  expect(textOf(answer)).toContain('Waiting for two.example');
  // It is decided.
  expect(
    sent.filter(({ kind, origin }) => kind === 'withdraw' && origin.event === '$asked'),
  ).toHaveLength(2);
  expect(textOf((await say('!jobs'))[0])).toMatch(/\d+ of 25 finished, waiting for two\.example/u);
  // Nothing has changed, and nothing is said.
  expect(await goOn()).toEqual([]);
  both.isTwoAway = false;
  server.after = async () => undefined;
  await goOn();
  expect(shown()).toMatch(/^✅ lock: 25 of 25 accounts done$/mu);
  expect(textOf((await say('!jobs'))[0])).toContain('Nothing is running');
});

test('while a part of it goes on, it says what the rest waits for', async () => {
  await say(`!lock ${[...names(20), ...there].join(' ')}`, '$asked');
  both.isTwoAway = true;
  const answer = Promise.withResolvers<void>();
  server.before = async (user) => (user === '@u12:localhost' ? answer.promise : undefined);
  const confirmed = say('!confirm');
  const open = async () =>
    (await server.bot.store.outbox.open())
      .map(({ message }) => JSON.parse(message) as Outgoing)
      .filter(({ origin }) => origin.event === '$asked');
  await expect
    .poll(async () => shown(await open()), { timeout: 10_000 })
    .toContain('Running: lock');
  const text = shown(await open());
  expect(text).toContain('What is to be done on two.example waits until it answers again.');
  expect(text).not.toMatch(/ left\b/u);
  answer.resolve();
  await confirmed;
  expect(shown()).toContain('Waiting for two.example: lock, 20 of 40 accounts so far');
});

test('the only homeserver is not named', async () => {
  both.configure('localhost');
  await say(`!lock ${names(20).join(' ')}`, '$asked');
  server.after = async () => {
    server.isAway = true;
    Object.assign(server.bot.api.server, {
      async version() {
        throw new UnreachableError('GET', 'does not answer', false);
      },
    });
  };
  await say('!confirm');
  expect(shown()).toMatch(/^⏳ Waiting for the homeserver: lock, \d+ of 20 accounts so far$/mu);
});
