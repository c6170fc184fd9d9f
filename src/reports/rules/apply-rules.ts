import { bold, code, line } from '../../chat/answers/answer.ts';
import { clock } from '../../chat/answers/phrases.ts';
import type { Registry } from '../../chat/command/declaration.ts';
import { recordCommandsIn } from '../../chat/command/registry.ts';
import { createSerialQueue } from '../../core/async/serial-queue.ts';
import { hourMs } from '../../core/duration.ts';
import type { UserId } from '../../core/ids.ts';
import type { Log } from '../../core/log.ts';
import { alertedPeople } from '../../operations/authorize/authorize.ts';
import type { RoomPeople } from '../../operations/authorize/authorize.ts';
import { runRuleLine } from '../../operations/execute/run-rule.ts';
import type { RuleContext } from '../../operations/execute/run-rule.ts';
import { syntheticEvent } from '../../operations/management-room.ts';
import type { Settings } from '../../operations/settings.ts';
import type { Store, StoreTables } from '../../store/store.ts';
import { isClosed } from '../../store/tables/reports/report-items.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { RuleMode } from '../../store/tables/reports/rule-matches.ts';
import { announce } from '../cards/cards.ts';
import type { AnnounceContext, Cards } from '../cards/cards.ts';
import { readRuleInput } from './rule-input.ts';
import type { RuleInput, RuleTables } from './rule-input.ts';
import { isLine, lineFor } from './rule-lines.ts';
import { missingText } from './rule.ts';
import type { Rule } from './rule.ts';

/** What applying rules needs. */
export type RuleRunnerContext = RuleContext &
  AnnounceContext &
  RoomPeople & {
    readonly registry: Pick<Registry, 'all'>;
    readonly settings: Pick<Settings, 'homeservers' | 'maxRuleActionsPerHour'>;
    readonly store: Pick<
      Store,
      'auditLog' | 'reportItems' | 'ruleMatches' | 'syncState' | 'tags' | 'transaction' | 'reports'
    >;
    readonly log: Pick<Log, 'info'>;
  };

const breakerName = 'reports.breaker';

/** Applies the rules to items: they act, propose or only say that they match, once for each item. */
export function createRuleRunner(
  context: RuleRunnerContext,
  options: {
    readonly rules: readonly Rule[];
    /** Who is mentioned by rules with `alert`. */
    readonly onCall: readonly UserId[];
    readonly cards: () => Cards;
    /** Asks the homeserver again about the people whose reports count. */
    readonly refreshReporters: (item: ReportItem) => Promise<void>;
  },
) {
  const { rules, onCall } = options;
  const { store } = context;
  const harmless = recordCommandsIn(context.registry);

  async function readInput(item: ReportItem, tables: RuleTables = store): Promise<RuleInput> {
    const serverNames = context.settings.homeservers.map(({ serverName }) => serverName);
    return readRuleInput(tables, item, { serverNames, now: context.now() });
  }

  // One item after another: otherwise several could take the last action before the breaker opens.
  const applying = createSerialQueue();

  /** Applies the rules to an item that is new or has changed. */
  async function apply(id: number): Promise<void> {
    await applying.run(async () => applyNext(id));
  }

  async function applyNext(id: number): Promise<void> {
    const item = await store.reportItems.get(id);
    if (item === undefined || item.isBacklog || rules.length === 0) {
      return;
    }
    let input = await readInput(item);
    const matches = new Map(
      (await store.ruleMatches.ofItem(id)).map((match) => [match.rule, match]),
    );
    if (rules.some((rule) => !matches.has(rule.name) && rule.evaluate(input).matches)) {
      // A reporter may have been banned since they were looked up.
      await options.refreshReporters(item);
      input = await readInput(item);
    }
    for (const rule of rules) {
      const before = matches.get(rule.name);
      if (before === undefined) {
        // The previous rule may have closed it.
        if (rule.evaluate(input).matches && !(await isDecided(id))) {
          await startMatch(rule, item, input);
        }
      } else if (before.endedAt === null) {
        // A crash interrupted it.
        await carryOut(rule, item, input, before.mode);
      }
    }
  }

  async function isDecided(id: number): Promise<boolean> {
    const item = await store.reportItems.get(id);
    return item !== undefined && isClosed(item.state);
  }

  async function startMatch(rule: Rule, item: ReportItem, input: RuleInput): Promise<void> {
    if (rule.mode === 'observe') {
      await observe(rule, item, input);
      return;
    }
    const mode = rule.mode === 'act' && !(await isBreakerOpen()) ? 'act' : 'propose';
    // What a rule does or proposes is shown in the thread of the item's card. Without a card, it proposes nothing:
    // hundreds of confirmations help nobody.
    if (mode === 'act') {
      await options.cards().place(item.id, { isUrgent: true });
    } else if ((await store.reportItems.get(item.id))?.card !== 'own') {
      return;
    }
    await carryOut(rule, item, input, mode);
  }

  async function observe(rule: Rule, item: ReportItem, input: RuleInput): Promise<void> {
    const now = context.now();
    const lines = linesOf(rule, input).map((line) => (isLine(line) ? line.line : line.why));
    await store.transaction(async (tables) => {
      if (await recordMatch(tables, rule, item, 'observe')) {
        await tables.reportHistory.add(
          {
            itemId: item.id,
            at: now,
            kind: 'observed',
            actor: `rule:${rule.name}`,
            detail: lines.join(' · '),
          },
          { isShown: lines.length === 0 },
        );
        await tables.ruleMatches.end(item.id, rule.name, now);
      }
    });
    context.deliver(syntheticEvent(alertName(rule, item)));
  }

  async function carryOut(
    rule: Rule,
    item: ReportItem,
    input: RuleInput,
    mode: RuleMode,
  ): Promise<void> {
    const record = async (tables: StoreTables) => {
      await recordMatch(tables, rule, item, mode);
    };
    for (const [at, line] of linesOf(rule, input).entries()) {
      if (!isLine(line)) {
        const { why } = line;
        context.log.info(
          { rule: rule.name, item: item.id, why },
          'a line of a rule does not apply',
        );
        continue;
      }
      // The breaker may open between two lines.
      const now = mode === 'act' && !(await isBreakerOpen()) ? 'act' : 'propose';
      await runRuleLine(context, { rule: rule.name, item, at, ...line }, now, record);
    }
    await store.transaction(async (tables) => {
      await record(tables);
      await tables.ruleMatches.end(item.id, rule.name, context.now());
    });
    context.deliver(syntheticEvent(alertName(rule, item)));
  }

  /** Records the match and alerts people. Returns false if the rule has matched the item before. */
  async function recordMatch(
    tables: StoreTables,
    rule: Rule,
    item: ReportItem,
    mode: RuleMode,
  ): Promise<boolean> {
    const match = { itemId: item.id, rule: rule.name, mode };
    const isFirst = await tables.ruleMatches.add(match, context.now());
    if (isFirst && rule.alert) {
      await announce(context, tables, {
        name: alertName(rule, item),
        item: item.id,
        mentions: alertedPeople(context, onCall),
        answer: {
          mark: '⚠️',
          title: [bold(`Look at report #${item.id}`), `: rule ${rule.name} matches`],
          next: [`report ${item.id}`, `claim ${item.id}`],
        },
      });
    }
    return isFirst;
  }

  /** Whether rules have reached the maximum of actions in an hour. Tells the room when that starts. */
  async function isBreakerOpen(): Promise<boolean> {
    const now = context.now();
    const limit = context.settings.maxRuleActionsPerHour;
    const actions = await store.auditLog.countByRules(now - hourMs, harmless);
    const openedAt = Number((await store.syncState.get(breakerName)) ?? Number.NaN);
    if (actions < limit) {
      if (!Number.isNaN(openedAt)) {
        await store.syncState.set(breakerName, undefined);
      }
      return false;
    }
    if (Number.isNaN(openedAt)) {
      await announceBreaker(now, actions);
    }
    return true;
  }

  async function announceBreaker(now: number, actions: number): Promise<void> {
    await store.transaction(async (tables) => {
      await tables.syncState.set(breakerName, String(now));
      await announce(context, tables, {
        name: `breaker ${now}`,
        mentions: alertedPeople(context, onCall),
        answer: {
          mark: '⚠️',
          title: [bold('Rules have stopped acting'), `: ${actions} actions in an hour`],
          body: [
            line(
              'For now they only propose. They resume at ',
              clock(now + hourMs),
              ' at the latest. The limit is ',
              code('reports.maxActionsPerHour'),
              '.',
            ),
          ],
          next: ['audit --since 1h', 'reports'],
          data: { actions, limit: context.settings.maxRuleActionsPerHour },
        },
      });
    });
    context.deliver(syntheticEvent(`breaker ${now}`));
  }

  /** The rules that only need more reporters to match, for the card; read in the transaction that posts it. */
  async function nearRules(item: ReportItem, tables: RuleTables): Promise<string[]> {
    if (item.isBacklog || rules.length === 0) {
      return [];
    }
    const input = await readInput(item, tables);
    return rules.flatMap((rule) => {
      const { missing } = rule.evaluate(input);
      return missing === undefined ? [] : missingText(rule, missing);
    });
  }

  return { apply, nearRules };
}

const alertName = (rule: Rule, item: ReportItem) => `alert ${rule.name} ${item.id}`;

function linesOf(rule: Rule, input: RuleInput) {
  const { reporter = input.reports.at(-1)?.reporter } = rule.evaluate(input);
  return rule.lines.map((template) => lineFor(template, input, reporter));
}
