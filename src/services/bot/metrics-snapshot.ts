import { setImmediate as breathe } from 'node:timers/promises';

import { hourMs } from '../../core/duration.ts';
import type { Store } from '../../store/store.ts';
import type { ItemState } from '../../store/tables/report-items.ts';
import type { AuditGroup, OpenWork, QueueStep, RuleCount } from '../../store/tables/statistics.ts';

/** What somebody does with reports and commands. */
export type Work = 'asked' | 'confirmed' | QueueStep['kind'];

/** The figures of this moment, for the metrics. All but `steps` are since the first start. */
export interface MetricsSnapshot {
  readonly items: Readonly<Record<ItemState, number>>;
  readonly oldestOpenAt: number | undefined;
  readonly reports: number;
  /** What the breaker of the rules counts. */
  readonly ruleActionsLastHour: number;
  readonly firings: readonly RuleCount[];
  readonly actions: readonly { command: string; status: string; count: number }[];
  readonly work: readonly { by: string; what: Work; count: number }[];
  readonly open: OpenWork;
  /** Items that were claimed or settled, since this was last asked. */
  readonly steps: readonly { what: QueueStep['kind']; by: string; tookMs: number }[];
}

/** So many rows at once hold up nothing else for long. */
const rowsAtOnce = 5000;

/** Whose work it is: a user ID or `rule:NAME`. Timers have numbers without end. */
export function workerOf(actor: string): string {
  return actor.startsWith('timer:') ? 'timer' : actor;
}

/**
 * Counts along the audit log and the history of the queue: each time only what is new, the first time
 * all, in stretches. So a restart loses nothing, and a look costs little however long the logs are.
 *
 * @param rules those of the configuration: where one has never fitted, it is shown to have not
 */
export function createMetricsSnapshot(
  store: Pick<Store, 'auditLog' | 'reportItems' | 'reports' | 'statistics'>,
  rules: readonly Omit<RuleCount, 'count'>[],
): { read(): Promise<MetricsSnapshot> } {
  const { statistics } = store;
  const actions = createTally<{ command: string; status: string }>();
  const work = createTally<{ by: string; what: Work }>();
  let auditId = 0;
  let stepId = 0;
  let steps: MetricsSnapshot['steps'][number][] = [];

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

  let last: Promise<unknown> = Promise.resolve();
  async function read(): Promise<MetricsSnapshot> {
    await catchUp();
    const [items, oldestOpenAt, reports, ruleActionsLastHour, fits, open] = await Promise.all([
      store.reportItems.countByState(),
      statistics.oldestOpenAt(),
      store.reports.count(),
      store.auditLog.countByRules(Date.now() - hourMs),
      statistics.countMatches(),
      statistics.openWork(),
    ]);
    const unseen = rules.filter(
      ({ rule, mode }) => !fits.some((fit) => fit.rule === rule && fit.mode === mode),
    );
    const firings = [...fits, ...unseen.map((rule) => ({ ...rule, count: 0 }))];
    const metricsSnapshot = {
      items,
      oldestOpenAt,
      reports,
      ruleActionsLastHour,
      firings,
      open,
      steps,
    };
    steps = [];
    return { ...metricsSnapshot, actions: actions.all(), work: work.all() };
  }

  return {
    /** One after the other, so that no row is counted twice. */
    async read() {
      const reading = last.then(read, read);
      last = reading;
      return reading;
    },
  };
}

/** Counts by labels. */
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
