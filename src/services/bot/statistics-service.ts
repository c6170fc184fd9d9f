import { setImmediate as nextTurn } from 'node:timers/promises';

import { dayMs, hourMs } from '../../core/duration.ts';
import type { Store } from '../../store/store.ts';
import type { ItemState } from '../../store/tables/reports/report-items.ts';
import type { Counts, Period, RuleCount, WorkCount } from '../../store/tables/statistics.ts';

/** What one person or one rule did in a period. */
export interface Worker {
  /** A user ID, `rule:NAME`, `timer`, `retention`, or `cli:NAME` for somebody at the command line. */
  readonly by: string;
  readonly claimed: number;
  readonly resolved: number;
  readonly dismissed: number;
  /** Actions asked for. */
  readonly actions: number;
}

/** How actions of one command ended. */
export interface ActionKind {
  readonly command: string;
  /** At least in part. */
  readonly done: number;
  /** Or nobody knows, or it has not ended yet. */
  readonly failed: number;
  readonly refused: number;
}

/** What rules decided, without being asked for. */
export interface RuleShare {
  readonly actions: number;
  /** Items that they resolved or dismissed. */
  readonly closed: number;
  /** Of all actions; undefined if there are none. */
  readonly sharePercent: number | undefined;
  /** Actions of rules that were undone in the period. */
  readonly undone: number;
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
  /** The same without those that failed, and those, and commands that were refused. */
  readonly done: readonly number[];
  readonly failed: readonly number[];
  readonly refused: readonly number[];
  /** Actions by command, the most frequent first. */
  readonly kinds: readonly ActionKind[];
  /** How many of the newest rows of the audit log were read for `kinds`; undefined if all of the period were. */
  readonly kindsOfNewest: number | undefined;
  readonly byRules: RuleShare;
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

/** So many rows of the audit log are read for what was not summed up: more take too long for an answer. */
const maxRead = 50_000;
const readAtOnce = 2000;

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

export function createStatisticsService(
  store: Pick<Store, 'moderationRecord' | 'reportItems' | 'statistics'>,
) {
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
      const { kinds, undone, isWhole } = await countKinds(store, period);
      const topSenders = await statistics.topSenders(since, shownTop);
      await nextTurn();
      const topRooms = await statistics.topRooms(since, shownTop);
      const items = await store.reportItems.countByState();
      const oldestOpenAt = await statistics.oldestOpenAt();
      const sum = (name: keyof Counts) => counts.reduce((total, step) => total + step[name], 0);
      const workers = work.map(workerOf).sort(byWork);
      return {
        ...period,
        stepMs,
        items,
        oldestOpenAt,
        reports: counts.map(({ reports }) => reports),
        closed: counts.map(({ resolved, dismissed }) => resolved + dismissed),
        actions: counts.map(({ actions }) => actions),
        done: counts.map(({ actions, failed }) => Math.max(0, actions - failed)),
        failed: counts.map(({ failed }) => failed),
        refused: counts.map(({ refused }) => refused),
        kinds,
        kindsOfNewest: isWhole ? undefined : maxRead,
        byRules: ruleShare(workers, undone),
        resolved: sum('resolved'),
        dismissed: sum('dismissed'),
        failedActions: sum('failed'),
        refusals: sum('refused'),
        medianClaimMs: median(durations.claim),
        medianCloseMs: median(durations.close),
        rules,
        workers,
        topSenders,
        topRooms,
      };
    },
  };
}

/** What can't be read from sums, from the newest rows of the audit log in the period. */
async function countKinds(
  { moderationRecord }: Pick<Store, 'moderationRecord'>,
  period: Period,
): Promise<{ kinds: ActionKind[]; undone: number; isWhole: boolean }> {
  const kinds = new Map<string, { done: number; failed: number; refused: number }>();
  const range = await moderationRecord.range(period);
  const first = range === undefined ? 0 : Math.max(range.first, range.last - maxRead + 1);
  let undone = 0;
  for (let last = range?.last ?? -1; last >= first; last -= readAtOnce) {
    const after = Math.max(first - 1, last - readAtOnce);
    for (const row of await moderationRecord.actionCounts(period, { after, last })) {
      const outcome = outcomeOf(row.status);
      const kind = kinds.get(row.command) ?? { done: 0, failed: 0, refused: 0 };
      kinds.set(row.command, kind);
      kind[outcome] += row.count;
      undone += row.takesBack === 'rule' && outcome === 'done' ? row.count : 0;
    }
    await nextTurn();
  }
  const sorted = [...kinds].map(([command, counts]) => ({ command, ...counts })).sort(byFrequency);
  return { kinds: sorted, undone, isWhole: first === (range?.first ?? 0) };
}

function outcomeOf(status: string): 'done' | 'failed' | 'refused' {
  switch (status) {
    case 'done':
    case 'partial':
      return 'done';
    case 'denied':
    case 'protected':
      return 'refused';
    default:
      return 'failed';
  }
}

function byFrequency(one: ActionKind, other: ActionKind): number {
  const sum = ({ done, failed, refused }: ActionKind) => done + failed + refused;
  return sum(other) - sum(one) || one.command.localeCompare(other.command);
}

function ruleShare(workers: readonly Worker[], undone: number): RuleShare {
  const ofRules = workers.filter(({ by }) => by.startsWith('rule:'));
  const sum = (all: readonly Worker[], name: 'actions' | 'resolved' | 'dismissed') =>
    all.reduce((total, worker) => total + worker[name], 0);
  const total = sum(workers, 'actions');
  const actions = sum(ofRules, 'actions');
  return {
    actions,
    closed: sum(ofRules, 'resolved') + sum(ofRules, 'dismissed'),
    sharePercent: total === 0 ? undefined : Math.round((actions / total) * 100),
    undone,
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
