import { hourMs } from '../../core/duration.ts';
import type { ReportItem } from '../../store/tables/report-items.ts';
import type { RuleMode } from '../../store/tables/rule-matches.ts';
import { createPast } from './report-history.ts';
import type { ReportHistory } from './report-history.ts';
import { isLine, lineFor } from './rule-lines.ts';
import type { NoLine, RuleLine } from './rule-lines.ts';
import type { Rule } from './rule.ts';

/** A rule would have fitted an item. */
export interface RuleMatch {
  readonly at: number;
  readonly rule: Rule;
  /** What would have come of it: where the breaker holds it back, a rule that acts proposes. */
  readonly mode: RuleMode;
  readonly item: ReportItem;
  readonly lines: readonly (RuleLine | NoLine)[];
}

export interface Replay {
  readonly firings: readonly RuleMatch[];
  /** How many reports came in, on how many items. */
  readonly reports: number;
  readonly items: number;
  /** Reports whose reporter's age is not known: for most rules they don't count. */
  readonly ofUnknownAge: number;
}

/**
 * What the rules would have done, had all reports since `since` come in under them: at each report,
 * they see its item with the reports until then. What has become of the items since is left out.
 */
export function replay(
  kept: ReportHistory,
  rules: readonly Rule[],
  options: { readonly since: number; readonly maxActionsPerHour: number },
): Replay {
  const factsAfter = createPast(kept);
  const breaker = createBreaker(options.maxActionsPerHour);
  const fired = new Set<string>();
  const firings: RuleMatch[] = [];
  const items = new Set<number>();
  let count = 0;
  let ofUnknownAge = 0;

  for (const report of kept.reports) {
    const item = kept.items.get(report.itemId);
    const at = report.receivedTs;
    const facts = item && factsAfter(item, report);
    if (item === undefined || facts === undefined || at < options.since) {
      continue;
    }
    count += 1;
    ofUnknownAge += report.reporterCreatedAt === null ? 1 : 0;
    items.add(item.id);
    for (const rule of rules) {
      // Once an item.
      const key = `${item.id} ${rule.name}`;
      const verdict = fired.has(key) ? undefined : rule.evaluate(facts());
      if (verdict?.fits === true) {
        fired.add(key);
        const lines = rule.lines.map((line) => lineFor(line, facts(), verdict.reporter));
        const mode = breaker.modeOf(rule, lines.filter(isLine).length, at);
        firings.push({ at, rule, mode, item, lines });
      }
    }
  }
  return { firings, reports: count, items: items.size, ofUnknownAge };
}

/** As when reports come in: rules act until as much was done within an hour as they may. */
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
      // It may open between two lines.
      for (let action = 0; action < actions && !isOpen(at); action += 1) {
        actedAt.push(at);
      }
      return 'act';
    },
  };
}
