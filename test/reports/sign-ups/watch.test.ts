import { setTimeout as wait } from 'node:timers/promises';

import { afterEach, beforeEach, expect, test } from 'vitest';

import { UnreachableError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import type { Outgoing } from '../../../src/operations/answer/reply.ts';
import { createSignUpWatch } from '../../../src/reports/sign-ups/watch.ts';
import type { SignUpWatch } from '../../../src/reports/sign-ups/watch.ts';
import { openFuzzBot, people } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';

const minuteMs = 60_000;
const rule = { name: 'wave', atLeast: 20, withinMs: 10 * minuteMs };

let bot: FuzzBot;
let watch: SignUpWatch | undefined;
/** Newest first. */
let accounts: { name: UserId; displayname: null; createdAt: number }[];
let limits: number[];
let looks: number;
let examined: number;
let isDown: boolean;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  accounts = [];
  limits = [];
  looks = 0;
  examined = 0;
  isDown = false;
});
afterEach(async () => {
  await watch?.stop();
  watch = undefined;
  await bot.store.close();
});

/** Accounts that are created now, in one second. */
function signUp(count: number, name = 'spam'): void {
  const createdAt = Math.floor(bot.clock.now / 1000) * 1000;
  for (let at = 0; at < count; at += 1) {
    accounts.unshift({
      name: `@${name}${accounts.length}:localhost` as UserId,
      displayname: null,
      createdAt,
    });
  }
}

/** Starts the bot, or starts it again. */
async function start({ ignored = [] as string[], troubleAfterMs = minuteMs } = {}): Promise<void> {
  await watch?.stop();
  const { context } = bot;
  watch = createSignUpWatch(
    {
      ...context,
      services: {
        bot: context.services.bot,
        accounts: {
          async newest(limit) {
            limits.push(limit);
            if (isDown) {
              throw new UnreachableError('GET /users', 'refused the connection', false);
            }
            return accounts.slice(0, limit);
          },
          async groupNew(found) {
            examined += found.length;
            return [];
          },
        },
      },
    },
    {
      rules: [rule],
      onCall: [people.ben as UserId],
      ignored,
      intervalMs: 1,
      giveWay: async () => {
        looks += 1;
      },
      troubleAfterMs,
    },
  );
  watch.start();
}

/** What the room is sent until the watch has looked twice more. */
async function look(minutes = 0): Promise<Outgoing[]> {
  bot.clock.now += minutes * minuteMs;
  const { sent } = await bot.run(async () => {
    const before = looks;
    await expect.poll(() => looks, { interval: 1 }).toBeGreaterThanOrEqual(before + 3);
  });
  return sent.map(({ outgoing }) => outgoing);
}

const titles = (sent: readonly Outgoing[]) =>
  sent.map((one) => ('reply' in one ? JSON.stringify(one.reply.answer.title) : ''));
const kinds = (sent: readonly Outgoing[]) => sent.map(({ kind }) => kind);

test('a wave is told once to those on call, with the line that shows it', async () => {
  await start();
  signUp(19);
  expect(await look()).toEqual([]);
  bot.clock.now += minuteMs;
  signUp(4);
  const [alert, ...others] = await look();
  expect(others).toEqual([]);
  expect(alert).toMatchObject({ kind: 'alert', mentions: [people.ben] });
  expect(titles(alert === undefined ? [] : [alert])[0]).toContain('23 new accounts in 1 minute');
  expect(JSON.stringify(alert)).toContain('recent-users --since 2026-11-21T00:00:00Z');
  expect(JSON.stringify(alert)).toContain('rule wave: 20 or more within 10 minutes');
  expect(await look(1)).toEqual([]);
  signUp(2);
  expect(await look(1)).toEqual([]);
  await start();
  expect(await look()).toEqual([]);
  expect(await bot.store.statistics.countMatches()).toEqual([
    { rule: 'wave', mode: 'alert', count: 1 },
  ]);
});

test('a look is one small request', async () => {
  accounts = [];
  bot.clock.now -= 24 * 60 * minuteMs;
  signUp(5000, 'old');
  bot.clock.now += 24 * 60 * minuteMs;
  await start();
  await look();
  await look();
  expect(new Set(limits)).toEqual(new Set([21]));
  // During a wave, its accounts.
  signUp(200);
  await look();
  await look();
  expect(limits.filter((limit) => limit === 1000)).toHaveLength(1);
  expect(limits.at(-1)).toBe(221);
  expect(examined).toBe(50);
});

test('the alert says how many more there are, and that it is over', async () => {
  await start();
  signUp(20);
  expect(kinds(await look())).toEqual(['alert']);
  bot.clock.now += 2 * minuteMs;
  signUp(40);
  const grown = await look();
  expect(kinds(grown)).toEqual(['edit']);
  expect(titles(grown)[0]).toContain('60 new accounts in 2 minutes');
  expect(titles(grown)[0]).toContain('40 more than when I alerted you');
  const over = await look(15);
  expect(kinds(over)).toEqual(['edit']);
  expect(JSON.stringify(over)).toContain('It is over: the last one was created at');
  expect(await look(60)).toEqual([]);
});

test('the next wave is told again, also after a restart', async () => {
  await start();
  signUp(20);
  expect(kinds(await look())).toEqual(['alert']);
  await start();
  expect(kinds(await look(30))).toEqual(['edit']);
  signUp(19);
  expect(await look()).toEqual([]);
  signUp(1);
  expect(kinds(await look())).toEqual(['alert']);
});

test('the next wave is told even if the last one was deactivated a minute ago', async () => {
  await start();
  signUp(20);
  expect(kinds(await look())).toEqual(['alert']);
  accounts = [];
  expect(kinds(await look(1))).toEqual(['edit']);
  bot.clock.now += minuteMs;
  signUp(20, 'more');
  expect(kinds(await look())).toEqual(['alert']);
});

test('accounts of a bridge don’t count', async () => {
  await start({ ignored: ['@bridge_*'] });
  signUp(200, 'bridge_');
  signUp(19);
  expect(await look()).toEqual([]);
  signUp(1);
  const sent = await look();
  expect(titles(sent)[0]).toContain('20 new accounts');
});

test('a homeserver that fails is asked again, and the room is told if that lasts', async () => {
  isDown = true;
  await start({ troubleAfterMs: 0 });
  const told = await look();
  expect(titles(told)[0]).toContain('Sign-ups can’t be read');
  expect(kinds(told)).toEqual(['alert']);
  expect(watch?.readings()).toMatchObject([{ kind: 'sign-up', failing: {} }]);
  isDown = false;
  signUp(20);
  const after = titles(await look(1));
  expect(after.join(' ')).toContain('Sign-ups can be read again');
  expect(after.join(' ')).toContain('20 new accounts');
  expect(watch?.readings()).toMatchObject([{ failing: undefined }]);
});

test('without a rule, nothing is asked', async () => {
  const { context } = bot;
  const idle = createSignUpWatch(context, {
    rules: [],
    onCall: [],
    ignored: [],
    giveWay: async () => {
      looks += 1;
    },
    troubleAfterMs: 0,
  });
  idle.start();
  idle.hurry();
  await wait(5);
  expect(looks).toBe(0);
  expect(idle.readings()).toEqual([]);
  await idle.stop();
});
