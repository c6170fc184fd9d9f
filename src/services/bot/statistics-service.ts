import { setImmediate as nextTurn } from 'node:timers/promises';

import { dayMs, hourMs } from '../../core/duration.ts';
import type { Store } from '../../store/store.ts';
import type { ItemState } from '../../store/tables/report-items.ts';
import type { Counts, Period, RuleCount, WorkCount } from '../../store/tables/statistics.ts';

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

/** More bars don't fit on a phone. */
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
      const counts = await statistics.countsPer(stepMs, period);
      const durations = await statistics.durations(period);
      // Each query takes some milliseconds. Other work gets its turn in between.
      await nextTurn();
      const work = await statistics.countWork(period);
      const rules = await statistics.countMatches(period);
      await nextTurn();
      const topSenders = await statistics.topSenders(since, shownTop);
      await nextTurn();
      const topRooms = await statistics.topRooms(since, shownTop);
      const items = await store.reportItems.countByState();
      const oldestOpenAt = await statistics.oldestOpenAt();
      const sum = (name: keyof Counts) => counts.reduce((total, step) => total + step[name], 0);
      return {
        ...period,
        stepMs,
        items,
        oldestOpenAt,
        reports: counts.map(({ reports }) => reports),
        closed: counts.map(({ resolved, dismissed }) => resolved + dismissed),
        actions: counts.map(({ actions }) => actions),
        resolved: sum('resolved'),
        dismissed: sum('dismissed'),
        failedActions: sum('failed'),
        refusals: sum('refused'),
        medianClaimMs: median(durations.claim),
        medianCloseMs: median(durations.close),
        rules,
        workers: work.map(workerOf).sort(byWork),
        topSenders,
        topRooms,
      };
    },
  };
}

const workerOf = ({ name, claimed, resolved, dismissed, asked }: WorkCount): Worker => ({
  by: name,
  claimed,
  resolved,
  dismissed,
  actions: asked,
});

function byWork(one: Worker, other: Worker): number {
  const done = ({ claimed, resolved, dismissed, actions }: Worker) =>
    claimed + resolved + dismissed + actions;
  return done(other) - done(one) || one.by.localeCompare(other.by);
}

export type StatisticsService = ReturnType<typeof createStatisticsService>;
