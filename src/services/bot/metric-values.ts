import { setImmediate as nextTurn } from 'node:timers/promises';

import { createSerialQueue } from '../../core/async/serial-queue.ts';
import { hourMs } from '../../core/duration.ts';
import type { Store } from '../../store/store.ts';
import type { ItemState } from '../../store/tables/reports/report-items.ts';
import type { PendingCounts, QueueStep, RuleCount } from '../../store/tables/statistics.ts';

/** What somebody did with reports or commands. */
const workKinds = ['asked', 'confirmed', 'claimed', 'resolved', 'dismissed'] as const;
type WorkKind = (typeof workKinds)[number];

/** What the metrics show now. Counts are since the first start, except `steps`. */
export interface MetricValues {
  readonly items: Readonly<Record<ItemState, number>>;
  readonly oldestOpenAt: number | undefined;
  readonly reports: number;
  /** What the rules' circuit breaker counts. */
  readonly ruleActionsLastHour: number;
  readonly ruleMatches: readonly RuleCount[];
  readonly actions: readonly { command: string; status: string; count: number }[];
  readonly work: readonly { by: string; what: WorkKind; count: number }[];
  readonly pending: PendingCounts;
  /** Items that were claimed, resolved or dismissed since the last reading. */
  readonly steps: readonly { what: QueueStep['kind']; by: string; tookMs: number }[];
}

/** Few enough rows that nothing else waits long. */
const rowsAtOnce = 5000;

/** A user ID, `rule:NAME` or `timer`. All timers count as one, because each has its own number. */
function workerOf(actor: string): string {
  return actor.startsWith('timer:') ? 'timer' : actor;
}

/**
 * Reads the values that the metrics show. Only the history of the reports is read row by row: all of it on
 * the first reading, in portions, and later only new rows.
 *
 * @param rules the configured rules: those that have never matched are shown with 0
 * @param harmless the commands that the rules' circuit breaker does not count
 */
export function createMetricValues(
  store: Pick<Store, 'auditLog' | 'reportItems' | 'reports' | 'statistics'>,
  rules: readonly Omit<RuleCount, 'count'>[],
  harmless: readonly string[],
): { read(): Promise<MetricValues> } {
  const { statistics } = store;
  let stepId = 0;

  /** What was done with items since the last reading, where it is known how long it took. */
  async function newSteps(): Promise<MetricValues['steps']> {
    const steps: MetricValues['steps'][number][] = [];
    for (let isEnd = false; !isEnd; await nextTurn()) {
      const batch = await statistics.stepsAfter(stepId, rowsAtOnce);
      for (const { kind, actor, tookMs } of batch.rows) {
        if (tookMs !== null) {
          steps.push({ what: kind, by: workerOf(actor ?? 'nobody'), tookMs });
        }
      }
      ({ lastId: stepId, isEnd } = batch);
    }
    return steps;
  }

  async function read(): Promise<MetricValues> {
    const steps = await newSteps();
    const [items, oldestOpenAt, reports, ruleActionsLastHour, matches, pending, totals] =
      await Promise.all([
        store.reportItems.countByState(),
        statistics.oldestOpenAt(),
        store.reports.count(),
        store.auditLog.countByRules(Date.now() - hourMs, harmless),
        statistics.countMatches(),
        statistics.countPending(),
        statistics.totals(),
      ]);
    const unmatched = rules.filter(
      ({ rule, mode }) => !matches.some((match) => match.rule === rule && match.mode === mode),
    );
    const ruleMatches = [...matches, ...unmatched.map((rule) => ({ ...rule, count: 0 }))];
    return {
      items,
      oldestOpenAt,
      reports,
      ruleActionsLastHour,
      ruleMatches,
      pending,
      steps,
      actions: totals.actions,
      work: totals.work.flatMap((row) =>
        workKinds
          .map((what) => ({ by: row.name, what, count: row[what] }))
          .filter(({ count }) => count > 0),
      ),
    };
  }

  // Readings never overlap, so that no row is counted twice.
  const queue = createSerialQueue();
  return { read: async () => queue.run(read) };
}
