import { setImmediate as breathe } from 'node:timers/promises';

import { createSerialQueue } from '../../core/async/serial-queue.ts';
import { hourMs } from '../../core/duration.ts';
import type { Store } from '../../store/store.ts';
import type { ItemState } from '../../store/tables/report-items.ts';
import type { AuditGroup, OpenWork, QueueStep, RuleCount } from '../../store/tables/statistics.ts';

/** What somebody did with reports or commands. */
export type Work = 'asked' | 'confirmed' | QueueStep['kind'];

/** What the metrics show now. Counts are since the first start, except `steps`. */
export interface MetricValues {
  readonly items: Readonly<Record<ItemState, number>>;
  readonly oldestOpenAt: number | undefined;
  readonly reports: number;
  /** What the rules' circuit breaker counts. */
  readonly ruleActionsLastHour: number;
  readonly ruleMatches: readonly RuleCount[];
  readonly actions: readonly { command: string; status: string; count: number }[];
  readonly work: readonly { by: string; what: Work; count: number }[];
  readonly open: OpenWork;
  /** Items that were claimed, resolved or dismissed since the last reading. */
  readonly steps: readonly { what: QueueStep['kind']; by: string; tookMs: number }[];
}

/** Few enough rows that nothing else waits long. */
const rowsAtOnce = 5000;

/** A user ID, `rule:NAME` or `timer`. All timers count as one, because each has its own number. */
export function workerOf(actor: string): string {
  return actor.startsWith('timer:') ? 'timer' : actor;
}

/**
 * Counts the rows of the audit log and of the reports' history: all of them on the first reading, in
 * portions, and later only new ones. A restart loses nothing, and a reading is cheap however long the
 * logs are.
 *
 * @param rules the configured rules: those that have never matched are shown with 0
 */
export function createMetricValues(
  store: Pick<Store, 'auditLog' | 'reportItems' | 'reports' | 'statistics'>,
  rules: readonly Omit<RuleCount, 'count'>[],
): { read(): Promise<MetricValues> } {
  const { statistics } = store;
  const actions = createTally<{ command: string; status: string }>();
  const work = createTally<{ by: string; what: Work }>();
  let auditId = 0;
  let stepId = 0;
  let steps: MetricValues['steps'][number][] = [];

  function countGroup({ kind, command, status, actor, confirmer, count }: AuditGroup): void {
    if (kind !== 'intent') {
      actions.add({ command, status: status ?? '' }, count);
      return;
    }
    work.add({ by: workerOf(actor), what: 'asked' }, count);
    if (confirmer !== null) {
      work.add({ by: workerOf(confirmer), what: 'confirmed' }, count);
    }
  }

  function countStep({ kind, actor, tookMs }: QueueStep): void {
    const by = workerOf(actor ?? 'nobody');
    work.add({ by, what: kind }, 1);
    if (tookMs !== null) {
      steps.push({ what: kind, by, tookMs });
    }
  }

  async function catchUp(): Promise<void> {
    for (let isEnd = false; !isEnd; await breathe()) {
      const stretch = await statistics.auditAfter(auditId, rowsAtOnce);
      stretch.rows.forEach(countGroup);
      ({ lastId: auditId, isEnd } = stretch);
    }
    for (let isEnd = false; !isEnd; await breathe()) {
      const stretch = await statistics.stepsAfter(stepId, rowsAtOnce);
      stretch.rows.forEach(countStep);
      ({ lastId: stepId, isEnd } = stretch);
    }
  }

  async function read(): Promise<MetricValues> {
    await catchUp();
    const [items, oldestOpenAt, reports, ruleActionsLastHour, matches, open] = await Promise.all([
      store.reportItems.countByState(),
      statistics.oldestOpenAt(),
      store.reports.count(),
      store.auditLog.countByRules(Date.now() - hourMs),
      statistics.countMatches(),
      statistics.openWork(),
    ]);
    const unmatched = rules.filter(
      ({ rule, mode }) => !matches.some((match) => match.rule === rule && match.mode === mode),
    );
    const ruleMatches = [...matches, ...unmatched.map((rule) => ({ ...rule, count: 0 }))];
    const newSteps = steps;
    steps = [];
    return {
      items,
      oldestOpenAt,
      reports,
      ruleActionsLastHour,
      ruleMatches,
      open,
      steps: newSteps,
      actions: actions.all(),
      work: work.all(),
    };
  }

  // Readings never overlap, so that no row is counted twice.
  const queue = createSerialQueue();
  return { read: async () => queue.run(read) };
}

/** Counts for each combination of labels. */
function createTally<Labels extends Readonly<Record<string, string>>>() {
  const counts = new Map<string, Labels & { count: number }>();
  return {
    add(labels: Labels, count: number): void {
      const key = JSON.stringify(Object.values(labels));
      const before = counts.get(key)?.count ?? 0;
      counts.set(key, { ...labels, count: before + count });
    },
    all: () => [...counts.values()],
  };
}
