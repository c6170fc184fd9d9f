import { afterEach, beforeEach, expect, test } from 'vitest';

import type { Cards } from '../../../src/reports/cards/cards.ts';
import { createRuleRunner } from '../../../src/reports/rules/apply-rules.ts';
import { readRuleTemplate } from '../../../src/reports/rules/rule-template.ts';
import type { Rule } from '../../../src/reports/rules/rule.ts';
import { openFuzzBot } from '../../support/fuzz-bot.ts';
import type { FuzzBot } from '../../support/fuzz-bot.ts';
import { asUserId } from '../../support/homeserver.ts';
import { surroundings } from './rule-input.ts';

let bot: FuzzBot;
beforeEach(async () => {
  bot = await openFuzzBot({ isCalm: true });
});
afterEach(async () => bot.store.close());

/** A rule that matches every report. */
function rule(name: string, ...lines: readonly string[]): Rule {
  return {
    name,
    mode: 'act',
    alert: false,
    seesTags: false,
    lines: lines.map((line) => readRuleTemplate(line, 'act', surroundings)),
    evaluate: () => ({
      matches: true,
      reporter: asUserId('@vic:localhost'),
      missing: undefined,
    }),
  };
}

/** Applies the rules to one new report. */
async function apply(...rules: readonly Rule[]) {
  const joined = await bot.store.transaction(async ({ reports }) =>
    reports.add(
      {
        kind: 'event',
        reportId: 1,
        receivedTs: bot.clock.now,
        subject: '$spam',
        reporter: '@vic:localhost',
        reason: 'spam',
        score: null,
        roomId: '!lobby:localhost',
        roomName: null,
        sender: '@mallory:localhost',
      },
      bot.clock.now,
      { isBacklog: false, isQuiet: false },
    ),
  );
  const { apply: applyTo } = createRuleRunner(bot.context, {
    rules,
    onCall: [],
    cards: () => ({ place: async () => undefined }) as unknown as Cards,
    refreshReporters: async () => undefined,
  });
  return bot.run(async () => applyTo(Number(joined?.itemId)));
}

test('where the first line of a rule opens the breaker, the second is only proposed', async () => {
  Object.assign(bot.context.settings, { maxRuleActionsPerHour: 1 });
  const { changes } = await apply(rule('spam', 'shadow-ban {sender}', 'lock {sender}'));
  expect(changes).toEqual([expect.stringContaining('shadow_ban')]);
  expect(await bot.store.confirmations.pending()).toMatchObject([{ command: 'lock' }]);
});

test('what changes only the bot’s own records does not count for the breaker', async () => {
  Object.assign(bot.context.settings, { maxRuleActionsPerHour: 1 });
  const harmless = rule('harmless', 'tag {sender} seen', 'note {sender} reported', 'claim');
  const { changes } = await apply(harmless, rule('spam', 'shadow-ban {sender}'));
  expect(changes).toEqual([expect.stringContaining('shadow_ban')]);
  expect(await bot.store.confirmations.pending()).toEqual([]);
  expect(await bot.store.auditLog.search({ limit: 10 })).toHaveLength(4);
});

test('a rule leaves alone what a rule before it has resolved', async () => {
  const { changes } = await apply(rule('first', 'resolve'), rule('second', 'lock {sender}'));
  expect(changes).toEqual([]);
  expect(await bot.store.auditLog.search({ limit: 10 })).toMatchObject([
    { actor: 'rule:first', command: 'resolve', status: 'done' },
  ]);
});

test('the rule behind one that has resolved nothing acts as well', async () => {
  const { changes } = await apply(
    rule('first', 'shadow-ban {sender}'),
    rule('second', 'lock {sender}'),
  );
  expect(changes).toHaveLength(2);
});
