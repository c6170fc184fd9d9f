import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Command } from '../../../src/chat/command/declaration.ts';
import { UnreachableError } from '../../../src/core/errors.ts';
import type { RuleCall } from '../../../src/operations/execute/run-rule.ts';
import { runRuleLine } from '../../../src/operations/execute/run-rule.ts';
import { openFuzzBot, people, registry } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import { asUserId } from '../../support/homeserver.ts';
import { parseRuleLine } from '../../support/rule-line.ts';

const mallory = asUserId('@mallory:localhost');
const surroundings = { registry, serverName: 'localhost', prefix: '!' };

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

function callOf(line: string): RuleCall {
  const item = { id: 17, sender: mallory };
  return { rule: 'spam', item, at: 0, ...parseRuleLine(line, surroundings, bot.clock.now) };
}

/** Runs a line as a rule does, also once more after a crash that came before the rule was ended. */
async function run(call: RuleCall, mode: 'act' | 'propose') {
  let recorded = 0;
  const { sent, changes } = await bot.run(async () =>
    runRuleLine(bot.context, call, mode, async () => {
      recorded += 1;
    }),
  );
  return {
    changes,
    recorded,
    confirmations: sent.filter(({ outgoing }) => outgoing.kind === 'reply'),
  };
}

test('a proposal that was committed before a crash is not made a second time', async () => {
  const call = callOf('deactivate @mallory:localhost');
  const first = await run(call, 'propose');
  expect(first).toMatchObject({ changes: [], recorded: 1 });
  expect(first.confirmations).toHaveLength(1);
  expect(await run(call, 'propose')).toEqual({ changes: [], recorded: 0, confirmations: [] });
  // Nor is it done by itself, should the breaker have closed meanwhile.
  expect(await run(call, 'act')).toEqual({ changes: [], recorded: 0, confirmations: [] });
  expect(await bot.store.confirmations.pending()).toHaveLength(1);
});

test('a proposal that was confirmed, or dropped, is not made or done again', async () => {
  const call = callOf('deactivate @mallory:localhost');
  for (const [id, key] of [
    [17, '✅'],
    [18, '❌'],
  ] as const) {
    const about = { ...call, item: { ...call.item, id } };
    const [confirmation] = (await run(about, 'propose')).confirmations;
    await bot.take([
      {
        type: 'm.reaction',
        event_id: `$decision${id}`,
        sender: people.ben,
        origin_server_ts: bot.clock.now,
        content: {
          'm.relates_to': { rel_type: 'm.annotation', event_id: confirmation?.event ?? '', key },
        },
      },
    ]);
    expect(await bot.store.confirmations.pending()).toEqual([]);
    for (const mode of ['propose', 'act'] as const) {
      expect(await run(about, mode)).toEqual({ changes: [], recorded: 0, confirmations: [] });
    }
  }
});

test('a line that was begun before a crash is not begun a second time', async () => {
  const call = callOf('shadow-ban @mallory:localhost');
  expect((await run(call, 'act')).changes).toHaveLength(1);
  expect((await run(call, 'act')).changes).toEqual([]);
  expect(await bot.store.auditLog.search({ limit: 10 })).toHaveLength(1);
});

test.for(['propose', 'act'] as const)(
  'a line that names no account keeps off what a protected person has sent: %s',
  async (mode) => {
    const call = callOf('block-room !lobby:localhost');
    const item = { id: 17, sender: asUserId(people.ana) };
    const { changes, recorded, confirmations } = await run({ ...call, item }, mode);
    expect({ changes, recorded }).toEqual({ changes: [], recorded: 1 });
    expect(JSON.stringify(confirmations)).toContain('Rules never act on protected users');
    expect(await bot.store.confirmations.pending()).toEqual([]);
    expect(await bot.store.auditLog.search({ limit: 10 })).toMatchObject([{ status: 'protected' }]);
  },
);

test('where a second person must confirm, a rule that acts only proposes', async () => {
  Object.assign(bot.context.settings.confirmation, { destructive: 'other' });
  const { changes } = await run(callOf('deactivate @mallory:localhost'), 'act');
  expect(changes).toEqual([]);
  expect(await bot.store.confirmations.pending()).toHaveLength(1);
});

test('a line that stands for other rooms than it names is only proposed', async () => {
  const call = callOf('delete-room !space:localhost');
  const rooms = ['!one:localhost', '!two:localhost', '!space:localhost'];
  const command: Command = {
    ...call.command,
    spellOut: async () => ({ args: { room: rooms } }),
    preview: async () => ({ title: [], body: [] }),
  };
  expect((await run({ ...call, command }, 'act')).changes).toEqual([]);
  const [asked] = await bot.store.confirmations.pending();
  expect(JSON.parse(asked?.invocation ?? '')).toMatchObject({ arguments: { room: rooms } });
});

test('server admins are protected from rules; accounts of other servers are not looked up', async () => {
  const call = callOf('block-room !lobby:localhost');
  const root = { id: 17, sender: asUserId('@root:localhost') };
  await run({ ...call, item: root }, 'propose');
  expect(await bot.store.auditLog.search({ limit: 10 })).toMatchObject([{ status: 'protected' }]);
  Object.assign(bot.context, {
    findAccount: async () => {
      throw new TypeError('looked up');
    },
  });
  await run({ ...call, item: { id: 18, sender: asUserId('@mallory:evil.example') } }, 'propose');
  await run({ ...call, item: { id: 19, sender: null } }, 'propose');
  expect(await bot.store.confirmations.pending()).toHaveLength(2);
});

test('while the homeserver is away, or the bot may not speak, nothing begins or is refused', async () => {
  const call = callOf('shadow-ban @mallory:localhost');
  const away = new UnreachableError('GET /users', 'does not answer', false);
  const { findAccount, sendPermission } = bot.context;
  const nothing = async () => {
    let recorded = 0;
    const record = async () => {
      recorded += 1;
    };
    const running = runRuleLine(bot.context, call, 'act', record);
    await expect(running).rejects.toBeInstanceOf(UnreachableError);
    expect(recorded).toBe(0);
    expect(await bot.store.auditLog.search({ limit: 10 })).toEqual([]);
  };
  Object.assign(bot.context, {
    findAccount: async () => {
      throw away;
    },
  });
  await nothing();
  Object.assign(bot.context, {
    findAccount,
    sendPermission: { ...sendPermission, whyMissing: () => 'it is suspended' },
  });
  await nothing();
});

test.for([
  ['', 'report #17', undefined],
  [' --for 24h --reason spam', 'spam', 86_400_000],
] as const)('a line with “%s” has its reason and its time', async ([flags, reason, forMs]) => {
  await run(callOf(`shadow-ban @mallory:localhost${flags}`), 'propose');
  const [asked] = await bot.store.confirmations.pending();
  const invocation = JSON.parse(asked?.invocation ?? '') as { reason?: string; forMs?: number };
  expect(invocation.reason).toBe(reason);
  expect(invocation.forMs).toBe(forMs);
});
