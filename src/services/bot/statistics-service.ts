import { dayMs, hourMs } from '../../core/duration.ts';
import type { Store } from '../../store/store.ts';
import type { ItemState } from '../../store/tables/report-items.ts';
import type { Period, QueueStep, RuleCount } from '../../store/tables/statistics.ts';
import { workerOf } from './metric-values.ts';

/** What one person or one rule did in a period. */
export interface Worker {
  /** A user ID, `rule:NAME` or `timer`. */
  readonly by: string;
  readonly claimed: number;
  readonly resolved: number;
  readonly dismissed: number;
  /** Actions asked for. */
  readonly actions: number;
}

/** The numbers for a period. */
export interface Overview extends Period {
  /** The length of time that each bar stands for. */
  readonly stepMs: number;
  /** All items, no matter when they were reported. */
  readonly items: Readonly<Record<ItemState, number>>;
  readonly oldestOpenAt: number | undefined;
  /** By step. */
  readonly reports: readonly number[];
  /** Items that were resolved or dismissed. */
  readonly closed: readonly number[];
  readonly actions: readonly number[];
  readonly resolved: number;
  readonly dismissed: number;
  readonly failedActions: number;
  readonly refusals: number;
  /** From the opening of an item until somebody claimed it, and until somebody resolved or dismissed it. */
  readonly medianClaimMs: number | undefined;
  readonly medianCloseMs: number | undefined;
  readonly rules: readonly RuleCount[];
  /** Those who did most come first. */
  readonly workers: readonly Worker[];
  readonly topSenders: readonly { readonly sender: string; readonly items: number }[];
  readonly topRooms: readonly {
    readonly roomId: string;
    readonly roomName: string | null;
    readonly items: number;
  }[];
}

/** More bars are wider than a phone. */
const maxBars = 31;
const shownTop = 5;

/** A period that ends with this hour or day, and its steps: hours, days, weeks or four weeks. */
export function stepsOf(lastMs: number, now: number): Period & { readonly stepMs: number } {
  const stepMs = [hourMs, dayMs, 7 * dayMs].find((step) => lastMs <= maxBars * step) ?? 28 * dayMs;
  const unitMs = Math.min(stepMs, dayMs);
  const until = (Math.floor(now / unitMs) + 1) * unitMs;
  return { since: until - Math.ceil(lastMs / stepMs) * stepMs, until, stepMs };
}

/** The median; the mean of the two middle durations if their number is even. */
export function median(durations: readonly number[]): number | undefined {
  const sorted = durations.toSorted((one, other) => one - other);
  const upper = sorted[Math.floor(sorted.length / 2)];
  const lower = sorted[Math.ceil(sorted.length / 2) - 1];
  return upper === undefined || lower === undefined ? undefined : Math.round((upper + lower) / 2);
}

export function createStatisticsService(store: Pick<Store, 'reportItems' | 'statistics'>) {
  const { statistics } = store;
  return {
    /** The numbers for the last `lastMs` milliseconds. */
    async overview(lastMs: number, now: number): Promise<Overview> {
      const { stepMs, ...period } = stepsOf(lastMs, now);
      const { since } = period;
      const [items, oldestOpenAt, reports, closed, actions] = await Promise.all([
        store.reportItems.countByState(),
        statistics.oldestOpenAt(),
        statistics.reportsPer(stepMs, period),
        statistics.closedPer(stepMs, period),
        statistics.actionsPer(stepMs, period),
      ]);
      const [steps, counts, audited, rules, topSenders, topRooms] = await Promise.all([
        statistics.stepsWithin(period),
        statistics.stepCounts(period),
        statistics.auditWithin(period),
        statistics.countMatches(since),
        statistics.topSenders(since, shownTop),
        statistics.topRooms(since, shownTop),
      ]);
      const sum = (wanted: (row: (typeof audited)[number]) => boolean) =>
        audited.filter(wanted).reduce((total, { count }) => total + count, 0);
      const stepSum = (kind: QueueStep['kind']) =>
        counts.filter((row) => row.kind === kind).reduce((total, { count }) => total + count, 0);
      return {
        ...period,
        stepMs,
        items,
        oldestOpenAt,
        reports,
        closed,
        actions,
        resolved: stepSum('resolved'),
        dismissed: stepSum('dismissed'),
        failedActions: sum(({ kind, status }) => kind === 'outcome' && status === 'failed'),
        refusals: sum(({ kind }) => kind === 'refusal'),
        medianClaimMs: median(durationsOf(steps, true)),
        medianCloseMs: median(durationsOf(steps, false)),
        rules,
        workers: workersOf(counts, audited),
        topSenders,
        topRooms,
      };
    },
  };
}

function durationsOf(steps: readonly QueueStep[], ofClaims: boolean): number[] {
  return steps
    .filter(({ kind }) => (kind === 'claimed') === ofClaims)
    .flatMap(({ tookMs }) => tookMs ?? []);
}

type Counts = Awaited<ReturnType<Store['statistics']['stepCounts']>>;
type Audited = Awaited<ReturnType<Store['statistics']['auditWithin']>>;

function workersOf(counts: Counts, audited: Audited): Worker[] {
  const workers = new Map<string, Worker>();
  const add = (actor: string, what: Exclude<keyof Worker, 'by'>, count: number) => {
    const by = workerOf(actor);
    const worker = workers.get(by) ?? { by, claimed: 0, resolved: 0, dismissed: 0, actions: 0 };
    workers.set(by, { ...worker, [what]: worker[what] + count });
  };
  counts.forEach(({ actor, kind, count }) => actor !== null && add(actor, kind, count));
  audited
    .filter(({ kind }) => kind === 'intent')
    .forEach(({ actor, count }) => add(actor, 'actions', count));
  const done = ({ claimed, resolved, dismissed, actions }: Worker) =>
    claimed + resolved + dismissed + actions;
  return [...workers.values()].sort(
    (one, other) => done(other) - done(one) || one.by.localeCompare(other.by),
  );
}

export type StatisticsService = ReturnType<typeof createStatisticsService>;
