import { changesOnlyRecords } from '../../chat/command/properties.ts';
import { hourMs } from '../../core/duration.ts';
import type { ReportItem } from '../../store/tables/reports/report-items.ts';
import type { RuleMode } from '../../store/tables/reports/rule-matches.ts';
import { createReplayInputs } from './replay-input.ts';
import type { ReplayData } from './replay-input.ts';
import { isLine, lineFor } from './rule-lines.ts';
import type { NoLine, RuleLine } from './rule-lines.ts';
import type { Rule } from './rule.ts';

/** A rule would have matched an item. */
export interface ReplayedMatch {
  readonly at: number;
  readonly rule: Rule;
  /** The mode in which it would have run: if the breaker is open, rules that act only propose. */
  readonly mode: RuleMode;
  readonly item: ReportItem;
  readonly lines: readonly (RuleLine | NoLine)[];
}

export interface Replay {
  readonly matches: readonly ReplayedMatch[];
  /** How many reports there were, about how many items. */
  readonly reports: number;
  readonly items: number;
  /** How many reports are by accounts of unknown age. They don't count for most rules. */
  readonly ofUnknownAge: number;
}

/**
 * What the rules would have done if they had been in place since `since`. At each report, they see its
 * item with the reports until then, and not what became of it later.
 */
export function replay(
  data: ReplayData,
  rules: readonly Rule[],
  options: { readonly since: number; readonly maxActionsPerHour: number },
): Replay {
  const inputAfter = createReplayInputs(data);
  const breaker = createBreaker(options.maxActionsPerHour);
  const matched = new Set<string>();
  const matches: ReplayedMatch[] = [];
  const items = new Set<number>();
  let count = 0;
  let ofUnknownAge = 0;

  for (const report of data.reports) {
    const item = data.items.get(report.itemId);
    const at = report.receivedTs;
    const input = item && inputAfter(item, report);
    if (item === undefined || input === undefined || at < options.since) {
      continue;
    }
    count += 1;
    ofUnknownAge += report.reporterCreatedAt === null ? 1 : 0;
    items.add(item.id);
    for (const rule of rules) {
      // A rule matches an item once.
      const key = `${item.id} ${rule.name}`;
      const evaluation = matched.has(key) ? undefined : rule.evaluate(input());
      if (evaluation?.matches === true) {
        matched.add(key);
        const lines = rule.lines.map((line) => lineFor(line, input(), evaluation.reporter));
        const counted = lines.filter((line) => isLine(line) && !changesOnlyRecords(line.command));
        const mode = breaker.modeOf(rule, counted.length, at);
        matches.push({ at, rule, mode, item, lines });
      }
    }
  }
  return { matches, reports: count, items: items.size, ofUnknownAge };
}

/** Like the real breaker: rules act until they have reached the maximum of an hour. */
function createBreaker(maxActionsPerHour: number) {
  const actedAt: number[] = [];
  const isOpen = (at: number) => {
    const before = actedAt.findLastIndex((earlier) => earlier <= at - hourMs) + 1;
    return actedAt.length - before >= maxActionsPerHour;
  };
  return {
    modeOf({ mode }: Pick<Rule, 'mode'>, actions: number, at: number): RuleMode {
      if (mode !== 'act' || isOpen(at)) {
        return mode === 'act' ? 'propose' : mode;
      }
      // The breaker may open between two lines.
      for (let action = 0; action < actions && !isOpen(at); action += 1) {
        actedAt.push(at);
      }
      return 'act';
    },
  };
}
