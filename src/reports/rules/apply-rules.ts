import { bold, code, line } from '../../chat/answers/answer.ts';
import { clock } from '../../chat/answers/phrases.ts';
import { hourMs } from '../../core/duration.ts';
import type { UserId } from '../../core/ids.ts';
import { alertedPeople } from '../../operations/authorize/roles.ts';
import { runRuleLine } from '../../operations/execute/run-rule.ts';
import type { House } from '../../operations/house.ts';
import type { StoreTables } from '../../store/store.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import type { RuleMode } from '../../store/tables/rule-matches.ts';
import { announce } from '../cards/cards.ts';
import type { Cards } from '../cards/cards.ts';
import { readRuleInput } from './read-rule-input.ts';
import type { RuleInput } from './rule-input.ts';
import { isLine, lineFor } from './rule-lines.ts';
import { missingText } from './rule.ts';
import type { Rule } from './rule.ts';

const breakerName = 'reports.breaker';

/** What rules do about an item: act, propose, or only say so; each once an item. */
export function createRuleRunner(
  house: House,
  options: {
    readonly rules: readonly Rule[];
    /** Who is called where a rule says so. */
    readonly onCall: readonly UserId[];
    readonly cards: () => Cards;
    /** Asks the homeserver anew about those whose reports count. */
    readonly lookAtWitnesses: (item: ReportItem) => Promise<void>;
  },
) {
  const { rules, onCall } = options;
  const { store } = house;

  async function factsOf(item: ReportItem): Promise<RuleInput> {
    const { serverName } = house.settings;
    return readRuleInput(store, item, { serverName, now: house.now() });
  }

  let applying: Promise<unknown> = Promise.resolve();

  /** Applies the rules to an item that has something new. */
  async function apply(id: number): Promise<void> {
    // One item after the other, or several would take the last action that the breaker leaves.
    const applied = applying.then(async () => applyNext(id));
    applying = applied.catch(() => undefined);
    await applied;
  }

  async function applyNext(id: number): Promise<void> {
    const item = await store.reportItems.get(id);
    if (item === undefined || item.isBacklog || rules.length === 0) {
      return;
    }
    let facts = await factsOf(item);
    const firings = new Map(
      (await store.ruleMatches.ofItem(id)).map((match) => [match.rule, match]),
    );
    if (rules.some((rule) => !firings.has(rule.name) && rule.evaluate(facts).fits)) {
      // Who was an honest witness days ago may be banned by now.
      await options.lookAtWitnesses(item);
      facts = await factsOf(item);
    }
    for (const rule of rules) {
      const before = firings.get(rule.name);
      if (before === undefined) {
        // The rule before may have settled it.
        if (rule.evaluate(facts).fits && !(await isClosed(id))) {
          await fire(rule, item, facts);
        }
      } else if (before.endedAt === null) {
        // Broken off by a crash: what was begun is ended.
        await carryOut(rule, item, facts, before.mode);
      }
    }
  }

  async function isClosed(id: number): Promise<boolean> {
    const state = (await store.reportItems.get(id))?.state;
    return state === 'resolved' || state === 'dismissed';
  }

  async function fire(rule: Rule, item: ReportItem, facts: RuleInput): Promise<void> {
    if (rule.mode === 'observe') {
      await observe(rule, item, facts);
      return;
    }
    const mode = rule.mode === 'act' && !(await isBreakerOpen()) ? 'act' : 'propose';
    // What a rule asks or does is seen in its item's thread; questions by the hundred help nobody.
    if (mode === 'act') {
      await options.cards().place(item.id, { isUrgent: true });
    } else if ((await store.reportItems.get(item.id))?.card !== 'own') {
      return;
    }
    await carryOut(rule, item, facts, mode);
  }

  async function observe(rule: Rule, item: ReportItem, facts: RuleInput): Promise<void> {
    const now = house.now();
    const lines = linesOf(rule, facts).map((line) => (isLine(line) ? line.line : line.why));
    await store.transaction(async (tables) => {
      if (await begin(tables, rule, item, 'observe')) {
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
    house.deliver(`$ ${alertName(rule, item)}`);
  }

  async function carryOut(
    rule: Rule,
    item: ReportItem,
    facts: RuleInput,
    mode: RuleMode,
  ): Promise<void> {
    const record = async (tables: StoreTables) => {
      await begin(tables, rule, item, mode);
    };
    for (const [at, line] of linesOf(rule, facts).entries()) {
      if (!isLine(line)) {
        const { why } = line;
        house.log.info({ rule: rule.name, item: item.id, why }, 'a line of a rule does not apply');
        continue;
      }
      // The breaker may open between two lines.
      const now = mode === 'act' && !(await isBreakerOpen()) ? 'act' : 'propose';
      await runRuleLine(house, { rule: rule.name, item, at, ...line }, now, record);
    }
    await store.transaction(async (tables) => {
      await record(tables);
      await tables.ruleMatches.end(item.id, rule.name, house.now());
    });
    house.deliver(`$ ${alertName(rule, item)}`);
  }

  /** Once an item; what a rule calls people for, it calls them for then. */
  async function begin(
    tables: StoreTables,
    rule: Rule,
    item: ReportItem,
    mode: RuleMode,
  ): Promise<boolean> {
    const match = { itemId: item.id, rule: rule.name, mode };
    const isFirst = await tables.ruleMatches.add(match, house.now());
    if (isFirst && rule.alert) {
      await announce(house, tables, {
        name: alertName(rule, item),
        item: item.id,
        mentions: alertedPeople(house, onCall),
        answer: {
          mark: '⚠️',
          title: [bold(`Look at report #${item.id}`), `: the rule ${rule.name} fits`],
          next: [`report ${item.id}`, `claim ${item.id}`],
        },
      });
    }
    return isFirst;
  }

  /** Whether rules have done so much within an hour that they only propose. Says so when it begins. */
  async function isBreakerOpen(): Promise<boolean> {
    const now = house.now();
    const limit = house.settings.maxRuleActionsPerHour;
    const actions = await store.auditLog.countByRules(now - hourMs);
    const openedAt = Number((await store.syncState.get(breakerName)) ?? Number.NaN);
    if (actions < limit) {
      if (!Number.isNaN(openedAt)) {
        await store.syncState.set(breakerName, undefined);
      }
      return false;
    }
    if (Number.isNaN(openedAt)) {
      await sayBreakerOpened(now, actions);
    }
    return true;
  }

  async function sayBreakerOpened(now: number, actions: number): Promise<void> {
    await store.transaction(async (tables) => {
      await tables.syncState.set(breakerName, String(now));
      await announce(house, tables, {
        name: `breaker ${now}`,
        mentions: alertedPeople(house, onCall),
        answer: {
          mark: '⚠️',
          title: [bold('Rules have stopped acting'), `: ${actions} actions within an hour`],
          body: [
            line(
              'They only propose until it is less, at ',
              clock(now + hourMs),
              ' at the latest. The limit is ',
              code('reports.maxActionsPerHour'),
              '.',
            ),
          ],
          next: ['audit --since 1h', 'reports'],
          data: { actions, limit: house.settings.maxRuleActionsPerHour },
        },
      });
    });
    house.deliver(`$ breaker ${now}`);
  }

  /** Rules that lack nothing but reporters, for the card. */
  async function nearRules(item: ReportItem): Promise<string[]> {
    if (item.isBacklog || rules.length === 0) {
      return [];
    }
    const facts = await factsOf(item);
    return rules.flatMap((rule) => {
      const { missing } = rule.evaluate(facts);
      return missing === undefined ? [] : missingText(rule, missing);
    });
  }

  return { apply, nearRules };
}

const alertName = (rule: Rule, item: ReportItem) => `alert ${rule.name} ${item.id}`;

function linesOf(rule: Rule, facts: RuleInput) {
  const { reporter = facts.reports.at(-1)?.reporter } = rule.evaluate(facts);
  return rule.lines.map((template) => lineFor(template, facts, reporter));
}
