import type { RuleConfig } from '../../config/rules.ts';
import { durationMs } from '../../core/duration.ts';
import type { UserId } from '../../core/ids.ts';
import { reportTest } from './conditions.ts';
import type { RuleInput, RuleReport } from './rule-input.ts';

/** Those who count as reporters of an item for one rule. */
export interface Witnesses {
  readonly count: number;
  /** Whose report came last. */
  readonly newest: UserId | undefined;
}

/**
 * Counts distinct people whose reports count for a rule: not the sender's own, none of somebody
 * restricted, too young or known for nothing, none whose reason or score is another, and none from
 * before the window.
 *
 * The window ends now, so that what was reported long ago, or while the bot was away, brings nothing
 * about when one more report comes in. Where the homeserver's clock is ahead, it ends at the newest
 * report that counts: else it would be wider than it says.
 */
export function createWitnessCount(
  rule: Pick<RuleConfig, 'when' | 'mode'>,
): (item: Pick<RuleInput, 'sender' | 'reports' | 'now'>) => Witnesses {
  const within = rule.when.distinctReporters?.within;
  const windowMs = within === undefined ? Number.POSITIVE_INFINITY : durationMs(within);
  const counts = remembered(reportTest(rule));
  return ({ sender, reports, now }) => {
    const counting = reports.filter((report) => report.reporter !== sender && counts(report));
    const end = counting.reduce((latest, { receivedTs }) => Math.max(latest, receivedTs), now);
    const inWindow = counting.filter(({ receivedTs }) => end - receivedTs <= windowMs);
    const newest = inWindow.reduce<RuleReport | undefined>(
      (last, report) =>
        last === undefined || report.receivedTs >= last.receivedTs ? report : last,
      undefined,
    );
    return {
      count: new Set(inWindow.map(({ reporter }) => reporter)).size,
      newest: newest?.reporter,
    };
  };
}

/** Asks once of each report: with each that comes in, all before it are counted again. */
function remembered(test: (report: RuleReport) => boolean): (report: RuleReport) => boolean {
  const known = new WeakMap<RuleReport, boolean>();
  return (report) => {
    const before = known.get(report);
    if (before !== undefined) {
      return before;
    }
    const counts = test(report);
    known.set(report, counts);
    return counts;
  };
}
