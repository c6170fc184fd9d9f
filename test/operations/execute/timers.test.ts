import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { HomeserverError, UnreachableError } from '../../../src/core/errors.ts';
import type { UserId } from '../../../src/core/ids.ts';
import { recover } from '../../../src/operations/execute/recover.ts';
import { runRuleLine } from '../../../src/operations/execute/run-rule.ts';
import { runScheduled } from '../../../src/operations/execute/run-scheduled.ts';
import { openFuzzBot, people, registry } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import { parseRuleLine } from '../../support/rule-line.ts';

const mallory = '@mallory:localhost';
const minuteMs = 60_000;
let bot: FuzzBot;
/** Who is suspended, and who shadow-banned. */
let suspended: Set<string>;
let banned: Set<string>;

beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
  suspended = new Set();
  banned = new Set();
  const { find } = bot.api.users;
  Object.assign(bot.context, {
    findAccount: async (user: UserId) => {
      const account = await find(user);
      return (
        account && { ...account, suspended: suspended.has(user), shadowBanned: banned.has(user) }
      );
    },
  });
  Object.assign(bot.api.users, {
    setSuspended: async (user: string, isSo: boolean) =>
      void (isSo ? suspended.add(user) : suspended.delete(user)),
    shadowBan: async (user: string) => void banned.add(user),
    unshadowBan: async (user: string) => void banned.delete(user),
  });
});
afterEach(async () => bot.store.close());

/** Says a command as Ben; returns what the bot answers, as text. */
async function say(body: string): Promise<string> {
  bot.clock.now += 1000;
  const { sent } = await bot.take([
    {
      type: 'm.room.message',
      event_id: `$at${bot.clock.now}`,
      sender: people.ben,
      origin_server_ts: bot.clock.now,
      content: { msgtype: 'm.text', body },
    },
  ]);
  return JSON.stringify(sent.map(({ outgoing }) => outgoing));
}

/** Lets time pass, and runs the timers that are due. */
async function pass(ms: number): Promise<void> {
  bot.clock.now += ms;
  const scheduled = await bot.store.operations.scheduled();
  for (const due of scheduled.filter(({ notBefore }) => (notBefore ?? 0) <= bot.clock.now)) {
    await bot.run(async () => runScheduled(bot.context, due));
  }
}

async function rule(line: string, id = 17): Promise<string> {
  const call = parseRuleLine(
    line,
    { registry, serverName: 'localhost', prefix: '!' },
    bot.clock.now,
  );
  const { sent } = await bot.run(async () =>
    runRuleLine(
      bot.context,
      { rule: 'spam', item: { id, sender: mallory }, at: 0, ...call },
      'act',
      async () => undefined,
    ),
  );
  return JSON.stringify(sent.map(({ outgoing }) => outgoing));
}

test('a timer ends what it was set for, and only once', async () => {
  await say(`!shadow-ban ${mallory} --for 1m`);
  expect(banned).toContain(mallory);
  await pass(minuteMs);
  expect(banned).not.toContain(mallory);
  expect(await bot.store.timers.scheduled()).toEqual([]);
});

test.for([`!unshadow-ban ${mallory}`, '!undo 1', '!undo last'])(
  'a timer does not lift a decision that came after %s',
  async (takesBack) => {
    await say(`!shadow-ban ${mallory} --for 1m`);
    expect(await say(takesBack)).toMatch(
      /Timer 2, which would have ended this at 2026-11-21 00:01 UTC, was stopped/u,
    );
    expect(banned).not.toContain(mallory);
    expect(await bot.store.timers.get(2)).toMatchObject({ state: 'stopped' });
    await say(`!shadow-ban ${mallory} --reason "for good"`);
    await pass(2 * minuteMs);
    expect(banned).toContain(mallory);
  },
);

test('undo last says what it takes back if it skips an undoing, also before it does so', async () => {
  await say(`!suspend ${mallory}`);
  await say(`!shadow-ban ${mallory}`);
  expect(await say('!undo last')).not.toContain('Skipped');
  expect([...suspended, ...banned]).toEqual([mallory]);
  const says = '“Last” means #1 (suspend). Skipped, because they undid something: #5 (undo of #3).';
  expect(await say('!undo last --dry-run')).toContain(says);
  expect(await say('!undo last')).toContain(says);
  expect([...suspended, ...banned]).toEqual([]);
});

test('the same again without a time makes it permanent, and says so', async () => {
  await say(`!shadow-ban ${mallory} --for 1m`);
  const answer = await say(`!shadow-ban ${mallory}`);
  expect(answer).toContain('This no longer ends at 2026-11-21 00:01 UTC: timer 2 was stopped');
  await pass(2 * minuteMs);
  expect(banned).toContain(mallory);
});

test('the same again with a time replaces the timer', async () => {
  await say(`!suspend ${mallory} --for 1m`);
  const answer = await say(`!suspend ${mallory} --for 7d`);
  expect(answer).toContain('This no longer ends at 2026-11-21 00:01 UTC: timer 2 was stopped');
  expect(answer).toContain('until 2026-11-28 00:00 UTC, timer 4');
  expect(answer).not.toContain('without an end');
  await pass(2 * minuteMs);
  expect(suspended).toContain(mallory);
  await pass(7 * 24 * 3_600_000);
  expect(suspended).not.toContain(mallory);
});

test('the same again with a time replaces the timer of one among many, too', async () => {
  await say(`!suspend ${mallory} --for 1m`);
  const others = Array.from({ length: 11 }, (_, at) => `@u${at}:localhost`);
  await say(`!suspend ${mallory} ${others.join(' ')} --for 7d`);
  const answer = await say('!confirm');
  expect(answer).toContain('suspend: 12 of 12 accounts done');
  // Not one by one: of thousands, an answer would be too long.
  expect(answer).toContain('until 2026-11-28 00:00 UTC, 12 timers');
  await pass(2 * minuteMs);
  expect(suspended).toContain(mallory);
  await pass(7 * 24 * 3_600_000);
  expect([...suspended]).toEqual([]);
});

test('a time sets no timer on what holds for good, by whomever', async () => {
  await say(`!suspend ${mallory}`);
  expect(await say(`!suspend ${mallory} --for 1m`)).toContain('already in force without an end');
  expect(await rule(`suspend ${mallory} --for 1m`)).toContain('already in force without an end');
  expect(await bot.store.timers.scheduled()).toEqual([]);
});

test('a rule lengthens a timer, and does not shorten it', async () => {
  await say(`!suspend ${mallory} --for 1h`);
  expect(await rule(`suspend ${mallory} --for 1m`)).toContain(
    'This still ends at 2026-11-21 01:00 UTC, by timer 2',
  );
  expect(await bot.store.timers.scheduled()).toMatchObject([{ id: 2 }]);
  await rule(`suspend ${mallory} --for 2h`, 18);
  expect(await bot.store.timers.scheduled()).toMatchObject([{ id: 5 }]);
});

test('timers of others, and of what else was done to the account, go on', async () => {
  await say(`!suspend ${mallory} --for 1m`);
  await say('!shadow-ban @other:localhost --for 1m');
  await say(`!unshadow-ban ${mallory}`);
  await say('!suspend @other:localhost');
  expect(await bot.store.timers.scheduled()).toHaveLength(2);
});

test('of several accounts the one that has a timer is not left out', async () => {
  await say(`!suspend ${mallory} --for 1m`);
  await say(`!suspend ${mallory} @other:localhost`);
  const answer = await say('!confirm');
  expect(answer).toContain('This no longer ends at 2026-11-21 00:01 UTC: timer 2 was stopped');
  await pass(2 * minuteMs);
  expect([...suspended].sort()).toEqual([mallory, '@other:localhost']);
});

test('a timer that was stopped after the timers were read does not run', async () => {
  await say(`!suspend ${mallory} --for 1m`);
  const [timer] = await bot.store.operations.scheduled();
  await say(`!suspend ${mallory}`);
  await bot.run(async () => timer && runScheduled(bot.context, timer));
  expect(suspended).toContain(mallory);
});

test('undo of an old action does not take a newer one away', async () => {
  const numbers = async () =>
    (await bot.store.auditLog.search({ limit: 10 })).map(({ id }) => id).reverse();
  await say(`!suspend ${mallory}`);
  await say(`!unsuspend ${mallory}`);
  const [first = 0, back = 0] = await numbers();
  expect(await say(`!undo ${first}`)).toContain(
    `#${first} (suspend) was already undone by #${back} (unsuspend)`,
  );
  await say(`!suspend ${mallory}`);
  const newest = (await numbers()).at(-1) ?? 0;
  const refused = await say(`!undo #${first}`);
  expect(refused).toContain(
    `#${first} (suspend) was undone by #${back}, and #${newest} (suspend) came after it`,
  );
  expect(refused).toContain(`!undo ${newest}`);
  expect(suspended).toContain(mallory);
  await say(`!undo ${newest}`);
  expect(suspended).not.toContain(mallory);
});

test('what was cut off and yet done ends older timers once that is known', async () => {
  await say(`!shadow-ban ${mallory} --for 1m`);
  const { users } = bot.api;
  const isCutOff = async () => {
    throw new UnreachableError('the homeserver', 'does not answer', true);
  };
  Object.assign(users, { shadowBan: isCutOff, get: isCutOff });
  await say(`!shadow-ban ${mallory}`);
  expect(await bot.store.timers.scheduled()).toHaveLength(1);
  Object.assign(users, { get: async (name: string) => ({ name, shadowBanned: true }) });
  const { sent } = await bot.run(async () => recover(bot.context));
  expect(JSON.stringify(sent)).toContain('timer 2 was stopped');
  await pass(2 * minuteMs);
  expect(banned).toContain(mallory);
});

describe('the timers of files', () => {
  const files = ['mxc://localhost/a', 'mxc://localhost/b'];
  const quarantined = new Set<string>();
  let refused: string | undefined;

  beforeEach(() => {
    quarantined.clear();
    refused = undefined;
    const change = async (uri: string, set: (uri: string) => unknown) => {
      if (uri === refused) {
        throw new HomeserverError(403, 'M_FORBIDDEN', 'POST /');
      }
      set(uri);
    };
    Object.assign(bot.api.media, {
      find: async (uri: string) => ({
        mediaId: uri.slice(-1),
        mediaOrigin: null,
        userId: mallory,
        createdTs: null,
        lastAccessTs: null,
        mediaLength: 3,
        mediaType: 'image/png',
        uploadName: null,
        sha256: null,
        quarantinedBy: quarantined.has(uri) ? '@bot:localhost' : null,
        safeFromQuarantine: false,
      }),
      quarantine: async (uri: string) => change(uri, (one) => quarantined.add(one)),
      unquarantine: async (uri: string) => change(uri, (one) => quarantined.delete(one)),
    });
  });

  test('are stopped by a later decision about several of them', async () => {
    await say(`!quarantine ${files[0]} --for 1m`);
    expect(await say(`!unquarantine ${files.join(' ')}`)).toContain('Timer 2, which');
    await say(`!quarantine ${files.join(' ')}`);
    await pass(2 * minuteMs);
    expect([...quarantined]).toEqual(files);
  });

  test('go on after what was done only in part', async () => {
    await say(`!quarantine ${files[0]} --for 1m`);
    await say(`!quarantine ${files[1]} --for 1m`);
    refused = files[1];
    expect(await say(`!unquarantine ${files.join(' ')}`)).toContain('Not released');
    expect(await bot.store.timers.scheduled()).toHaveLength(2);
    refused = undefined;
    await pass(2 * minuteMs);
    expect([...quarantined]).toEqual([]);
  });
});
