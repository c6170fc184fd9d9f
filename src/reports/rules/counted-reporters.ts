import type { RuleConfig } from '../../config/rules.ts';
import { durationMs } from '../../core/duration.ts';
import type { UserId } from '../../core/ids.ts';
import { reportTest } from './conditions.ts';
import type { RuleInput, ReportInput } from './rule-input.ts';

/** The people who count as reporters of an item for one rule. */
export interface CountedReporters {
  readonly count: number;
  /** Who reported last. */
  readonly newest: UserId | undefined;
}

/**
 * Counts the different people whose reports count for a rule: not the sender, nobody who is restricted,
 * too new or unreliable, no report with another reason or score, and none from before the time window.
 *
 * The window ends now, so that reports from long ago, or from while the bot was down, do not add up with
 * a new one. If the homeserver's clock is ahead, the window ends at the latest report that counts;
 * otherwise it would be too wide.
 */
export function createReporterCounter(
  rule: Pick<RuleConfig, 'when' | 'mode'>,
): (item: Pick<RuleInput, 'sender' | 'reports' | 'now'>) => CountedReporters {
  const within = rule.when.distinctReporters?.within;
  const windowMs = within === undefined ? Number.POSITIVE_INFINITY : durationMs(within);
  const counts = remembered(reportTest(rule));
  return ({ sender, reports, now }) => {
    const counting = reports.filter((report) => report.reporter !== sender && counts(report));
    const end = counting.reduce((latest, { receivedTs }) => Math.max(latest, receivedTs), now);
    const inWindow = counting.filter(({ receivedTs }) => end - receivedTs <= windowMs);
    const newest = inWindow.reduce<ReportInput | undefined>(
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

/** Tests each report only once: whenever a report comes in, all earlier ones are counted again. */
function remembered(test: (report: ReportInput) => boolean): (report: ReportInput) => boolean {
  const known = new WeakMap<ReportInput, boolean>();
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
