import { setImmediate as nextTurn } from 'node:timers/promises';

import type { Store } from '../../store/store.ts';
import type {
  RecordedAction,
  RecordedStep,
  ReportCursor,
} from '../../store/tables/moderation-record.ts';
import type { Period } from '../../store/tables/statistics.ts';
import { categoryOf, unspecified } from './categories.ts';
import type { CategoryCode } from './categories.ts';
import { decisionKinds, kindOf } from './decision-kinds.ts';
import type { DecisionKind } from './decision-kinds.ts';
import { createDurations } from './durations.ts';

/** Counts by name. What is not in it was not counted once. */
export class Tally<Name extends string> {
  readonly #counts = new Map<Name, number>();

  add(name: Name, more = 1): void {
    this.#counts.set(name, this.of(name) + more);
  }

  of(name: Name): number {
    return this.#counts.get(name) ?? 0;
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0);
  }
}

/** Who decided, in the terms of the rules on statements of reasons. */
export type Automation = 'not' | 'partially' | 'fully';

type StepName = 'claimed' | 'resolved' | 'dismissed' | 'reopened';

/** How many durations there are, and their median; undefined if there are none. */
export interface Times {
  readonly count: number;
  readonly medianMs: number | undefined;
}

/** What happened in a period. */
export interface Counted {
  readonly reportKinds: Tally<'event' | 'user'>;
  readonly reportCategories: Tally<CategoryCode>;
  readonly waves: number;
  readonly steps: Tally<`${StepName} by ${'people' | 'rules'}`>;
  readonly claimTimes: Times;
  readonly closeTimes: Times;
  readonly decisions: Tally<`${DecisionKind} ${Automation}`>;
  readonly decisionCategories: Tally<CategoryCode>;
  readonly sources: Tally<'reported' | 'unreported'>;
  readonly reversals: Tally<'of people' | 'of rules' | 'lifted' | 'planned'>;
  /** Decisions that were not carried out. */
  readonly notDone: Tally<'failed' | 'unknown' | 'open'>;
}

type Record = Pick<Store, 'moderationRecord'>;

/** Reads the record of a period once, a page at a time. Other work gets its turn in between. */
export async function countRecord(store: Record, period: Period): Promise<Counted> {
  return {
    ...(await countReports(store, period)),
    ...(await countSteps(store, period)),
    ...(await countDecisions(store, period)),
    waves: await store.moderationRecord.countWaves(period),
  };
}

async function countReports({ moderationRecord }: Record, period: Period) {
  const reportKinds: Counted['reportKinds'] = new Tally();
  const reportCategories: Counted['reportCategories'] = new Tally();
  let after: ReportCursor | undefined;
  do {
    const { rows, next } = await moderationRecord.reports(period, after);
    for (const { kind, reason } of rows) {
      reportKinds.add(kind);
      reportCategories.add(categoryOf(reason));
    }
    after = next;
    await nextTurn();
  } while (after !== undefined);
  return { reportKinds, reportCategories };
}

const stepNames: ReadonlySet<RecordedStep['kind']> = new Set<StepName>([
  'claimed',
  'resolved',
  'dismissed',
  'reopened',
]);

async function countSteps({ moderationRecord }: Record, period: Period) {
  const steps: Counted['steps'] = new Tally();
  const claim = createDurations();
  const close = createDurations();
  for (let after = 0, isEnd = false; !isEnd;) {
    const batch = await moderationRecord.steps(period, after);
    for (const { kind, by, tookMs } of batch.rows) {
      // A new report opens an item again, too: then nobody has reversed anything.
      if (stepNames.has(kind) && !(kind === 'reopened' && by === 'nobody')) {
        steps.add(`${kind as StepName} by ${by === 'rule' ? 'rules' : 'people'}`);
      }
      if (tookMs !== null) {
        (kind === 'claimed' ? claim : close).add(tookMs);
      }
    }
    ({ lastId: after, isEnd } = batch);
    await nextTurn();
  }
  const timesOf = (durations: typeof claim): Times => ({
    count: durations.count(),
    medianMs: durations.median(),
  });
  return { steps, claimTimes: timesOf(claim), closeTimes: timesOf(close) };
}

type DecisionCounts = Pick<
  Counted,
  'decisions' | 'decisionCategories' | 'sources' | 'reversals' | 'notDone'
>;

async function countDecisions(
  { moderationRecord }: Record,
  period: Period,
): Promise<DecisionCounts> {
  const counted: DecisionCounts = {
    decisions: new Tally(),
    decisionCategories: new Tally(),
    sources: new Tally(),
    reversals: new Tally(),
    notDone: new Tally(),
  };
  const range = await moderationRecord.range(period);
  if (range === undefined) {
    return counted;
  }
  for (let after = range.first - 1, isEnd = false; !isEnd;) {
    const batch = await moderationRecord.actions(period, { after, last: range.last });
    batch.rows.forEach((action) => countAction(counted, action));
    ({ lastId: after, isEnd } = batch);
    await nextTurn();
  }
  return counted;
}

function countAction(counted: DecisionCounts, action: RecordedAction): void {
  const { by, status, takesBack } = action;
  const isDone = status === 'done' || status === 'partial';
  const kind = kindOf(action.command, action.step);
  if (kind === undefined) {
    return;
  }
  if (takesBack !== null && isDone) {
    counted.reversals.add(takesBack === 'rule' ? 'of rules' : 'of people');
  }
  if (kind === 'lifted') {
    if (isDone && takesBack === null) {
      counted.reversals.add(by === 'timer' ? 'planned' : 'lifted');
    }
    return;
  }
  if (!isDone) {
    counted.notDone.add(status === 'failed' || status === 'open' ? status : 'unknown');
    return;
  }
  counted.decisions.add(`${kind} ${automationOf(action)}`);
  counted.sources.add(action.isReported === 1 ? 'reported' : 'unreported');
  counted.decisionCategories.add(categoryOfDecision(action));
}

/** A rule decides alone, or proposes what a person confirms. A timer does what a person has set. */
function automationOf({ by, isConfirmed }: RecordedAction): Automation {
  if (by !== 'rule') {
    return 'not';
  }
  return isConfirmed === 1 ? 'partially' : 'fully';
}

/** What the moderator wrote comes before what the reporters wrote. */
function categoryOfDecision({ reason, reportReasons }: RecordedAction): CategoryCode {
  const own = categoryOf(reason);
  return own === unspecified.code ? categoryOf(reportReasons) : own;
}

/** The kinds of decisions that restrict somebody, in the order of a report. */
export const restrictions = (Object.keys(decisionKinds) as DecisionKind[]).filter(
  (kind) => decisionKinds[kind].code !== undefined,
);
