import type { Store } from '../../store/store.ts';
import { categoryRules, unspecified } from './categories.ts';
import type { CategoryCode } from './categories.ts';
import { countRecord, restrictions } from './count-record.ts';
import type { Automation, Counted, Tally, Times } from './count-record.ts';
import { decisionKinds } from './decision-kinds.ts';
import type { Days } from './period.ts';

/** A number; `hidden` if it is small and must not be shown; undefined if there is none. */
export type Value = number | 'hidden' | undefined;

interface Row {
  /** For programs: `account_suspended` */
  readonly name: string;
  readonly title: string;
  /** In the order of the columns. */
  readonly values: readonly Value[];
}

/** A table. */
export interface Section {
  readonly name: string;
  readonly title: string;
  readonly columns: readonly { readonly name: string; readonly title: string }[];
  readonly rows: readonly Row[];
  /** What the numbers are, if they count nothing. */
  readonly unit?: 'ms' | 'percent';
  /** Rows of zeros are left out where people read it. */
  readonly isSparse?: true;
}

/** The numbers of a transparency report. Nothing in it names, quotes or dates anybody. */
export interface TransparencyReport {
  readonly days: Days;
  /** Numbers from 1 to below this are hidden; 0 hides none. */
  readonly hideBelow: number;
  readonly sections: readonly Section[];
}

const one = [{ name: 'count', title: 'Number' }] as const;

export function createTransparencyService(store: Pick<Store, 'moderationRecord'>) {
  return {
    /** Counts what was reported and decided in a period. */
    report: async (days: Days, hideBelow = 0): Promise<TransparencyReport> =>
      reportOf(await countRecord(store, days), days, hideBelow),
  };
}

export type TransparencyService = ReturnType<typeof createTransparencyService>;

function reportOf(counted: Counted, days: Days, hideBelow: number): TransparencyReport {
  const hide: Hide = (values) =>
    values.map((value) => (isSmall(value, hideBelow) ? 'hidden' : value));
  const reports = hideBreakdowns(
    [
      [counted.reportKinds.of('event'), counted.reportKinds.of('user')],
      categoryCounts(counted.reportCategories),
    ],
    hideBelow,
  );
  const byAutomation = automationLevels.map((automation) =>
    sumOf(restrictions.map((kind) => counted.decisions.of(`${kind} ${automation}`))),
  );
  const decisions = hideBreakdowns(
    [
      restrictions.map((kind) => sumOf(decisionCounts(counted, kind))),
      categoryCounts(counted.decisionCategories),
      [counted.sources.of('reported'), counted.sources.of('unreported')],
      byAutomation,
    ],
    hideBelow,
  );
  const [kindTotals = [], categories = [], sources = [], automation = []] = decisions.shown;
  return {
    days,
    hideBelow,
    sections: [
      reportSection(counted, reports, hide),
      {
        name: 'reports_by_category',
        title: 'Reports by category of the reason',
        columns: one,
        rows: categoryRows(reports.shown[1]),
        isSparse: true,
      },
      handlingSection(counted, hide),
      {
        name: 'median_times_ms',
        title: 'Median times',
        columns: [{ name: 'ms', title: 'Time' }],
        unit: 'ms',
        rows: [
          {
            name: 'to_claim',
            title: 'From the report until somebody claims it',
            values: [medianOf(counted.claimTimes, hideBelow)],
          },
          {
            name: 'to_resolve',
            title: 'From the report until it is resolved or dismissed',
            values: [medianOf(counted.closeTimes, hideBelow)],
          },
        ],
      },
      kindSection(counted, kindTotals, hideBelow),
      {
        name: 'decisions_by_category',
        title: 'Decisions by category',
        columns: one,
        rows: categoryRows(categories),
        isSparse: true,
      },
      {
        name: 'decisions_by_source',
        title: 'Decisions by source',
        columns: one,
        rows: [
          {
            name: 'reported',
            title: 'After a report (a notice of a user)',
            values: [sources[0]],
          },
          { name: 'own_initiative', title: 'On own initiative', values: [sources[1]] },
        ],
      },
      ...automationSections(
        { total: decisions.total, shown: automation, counts: byAutomation },
        hide([counted.reversals.of('of rules')])[0],
      ),
      reversalSection(counted, hide),
      {
        name: 'not_carried_out',
        title: 'Decisions that were not carried out',
        columns: one,
        rows: rowsOf(
          [
            ['failed', 'Failed', counted.notDone.of('failed')],
            ['unknown', 'Outcome not known', counted.notDone.of('unknown')],
            ['open', 'Without an outcome yet', counted.notDone.of('open')],
          ],
          hide,
        ),
      },
    ],
  };
}

/** The median of a few times is that of a single report, or nearly so. */
const medianOf = ({ count, medianMs }: Times, hideBelow: number): Value =>
  isSmall(count, hideBelow) ? undefined : medianMs;

type Hide = (values: readonly number[]) => Value[];

function rowsOf(entries: readonly (readonly [string, string, number])[], hide: Hide): Row[] {
  const values = hide(entries.map(([, , count]) => count));
  return entries.map(([name, title], at) => ({ name, title, values: [values[at]] }));
}

function reportSection({ waves }: Counted, { total, shown }: Breakdowns, hide: Hide): Section {
  const [messages, accounts] = shown[0] ?? [];
  return {
    name: 'reports',
    title: 'Reports by source',
    columns: one,
    rows: [
      { name: 'total', title: 'Reports by users of this server', values: [total] },
      { name: 'about_messages', title: 'of these, about messages', values: [messages] },
      { name: 'about_accounts', title: 'of these, about accounts', values: [accounts] },
      {
        name: 'sign_up_waves',
        title: 'Waves of sign-ups that rules found, without a report',
        values: hide([waves]),
      },
    ],
  };
}

const allCategories = [...categoryRules, unspecified];

const categoryCounts = (counts: Tally<CategoryCode>): number[] =>
  allCategories.map(({ code }) => counts.of(code));

function categoryRows(values: readonly Value[] = []): Row[] {
  return allCategories.map(({ code, title }, at) => ({ name: code, title, values: [values[at]] }));
}

function handlingSection({ steps }: Counted, hide: Hide): Section {
  return {
    name: 'handling_of_reports',
    title: 'What became of reports',
    columns: [
      { name: 'people', title: 'By people' },
      { name: 'rules', title: 'By rules' },
    ],
    rows: (
      [
        ['claimed', 'Claimed'],
        ['resolved', 'Resolved: something was done'],
        ['dismissed', 'Dismissed: nothing was to be done'],
        ['reopened', 'Opened again by somebody'],
      ] as const
    ).map(([name, title]) => ({
      name,
      title,
      values: hide([steps.of(`${name} by people`), steps.of(`${name} by rules`)]),
    })),
  };
}

const automationLevels: readonly Automation[] = ['not', 'partially', 'fully'];

const decisionCounts = ({ decisions }: Counted, kind: (typeof restrictions)[number]): number[] =>
  automationLevels.map((automation) => decisions.of(`${kind} ${automation}`));

/** Who decided is shown of all kinds or of none: what is hidden of one could be computed from the others. */
function kindSection(counted: Counted, totals: readonly Value[], hideBelow: number): Section {
  const isHidden = restrictions.some(
    (kind, at) =>
      totals[at] === 'hidden' ||
      decisionCounts(counted, kind).some((count) => isSmall(count, hideBelow)),
  );
  return {
    name: 'decisions_by_kind',
    title: 'Decisions by kind',
    columns: [
      { name: 'total', title: 'All' },
      { name: 'people', title: 'By people' },
      { name: 'rules_confirmed', title: 'Proposed by rules, confirmed by people' },
      { name: 'rules', title: 'By rules alone' },
    ],
    rows: restrictions.map((kind, at) => {
      const { title, code } = decisionKinds[kind];
      const total = totals[at];
      return {
        name: kind,
        title: `${title} (${String(code)})`,
        values: [
          total,
          ...decisionCounts(counted, kind).map((count): Value =>
            isHidden && total !== 0 ? 'hidden' : count,
          ),
        ],
      };
    }),
  };
}

function automationSections(
  {
    total,
    shown,
    counts,
  }: {
    readonly total: Value;
    readonly shown: readonly Value[];
    readonly counts: readonly number[];
  },
  reversed: Value,
): Section[] {
  const share = (at: number): Value => {
    if (total === 0) {
      return undefined;
    }
    return shown[at] === 'hidden'
      ? 'hidden'
      : Math.round(((counts[at] ?? 0) / sumOf(counts)) * 1000) / 10;
  };
  return [
    {
      name: 'automated_decisions',
      title: 'Automated decisions',
      columns: one,
      rows: [
        { name: 'total', title: 'All decisions', values: [total] },
        { name: 'not_automated', title: 'Not automated', values: [shown[0]] },
        {
          name: 'partially_automated',
          title: 'Partially automated: a rule proposed, a person confirmed',
          values: [shown[1]],
        },
        { name: 'fully_automated', title: 'Fully automated: a rule decided', values: [shown[2]] },
        {
          name: 'reversed',
          title: 'Actions of rules that people undid',
          values: [reversed],
        },
      ],
    },
    {
      name: 'automated_share_percent',
      title: 'Automated share of decisions',
      columns: [{ name: 'percent', title: 'Share' }],
      unit: 'percent',
      rows: [
        { name: 'fully_automated', title: 'Fully automated', values: [share(2)] },
        {
          name: 'partially_automated',
          title: 'Partially automated',
          values: [share(1)],
        },
      ],
    },
  ];
}

function reversalSection({ reversals }: Counted, hide: Hide): Section {
  return {
    name: 'reversals',
    title: 'Reversals',
    columns: one,
    rows: rowsOf(
      [
        ['undone_of_people', 'Actions of people that were undone', reversals.of('of people')],
        ['undone_of_rules', 'Actions of rules that were undone', reversals.of('of rules')],
        ['lifted', 'Restrictions lifted in another way', reversals.of('lifted')],
        ['ended_as_planned', 'Restrictions that ended as planned', reversals.of('planned')],
      ],
      hide,
    ),
  };
}

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** What is shown of breakdowns of the same total. */
interface Breakdowns {
  readonly total: Value;
  readonly shown: readonly (readonly Value[])[];
}

/**
 * Hides small numbers in breakdowns of the same total, so that none can be computed from what is left. If the total is
 * small, too, or could give them away, it is hidden with everything in them but zeros.
 */
function hideBreakdowns(breakdowns: readonly (readonly number[])[], below: number): Breakdowns {
  const total = sumOf(breakdowns[0] ?? []);
  const hidden = breakdowns.map((counts) => hiddenIn(counts, below));
  const isOpen = !isSmall(total, below) && !hidden.includes(undefined);
  return {
    total: isOpen ? total : 'hidden',
    shown: breakdowns.map((counts, which) =>
      counts.map((count, at) =>
        (isOpen ? hidden[which]?.has(at) === true : count > 0) ? 'hidden' : count,
      ),
    ),
  };
}

/**
 * Which numbers of a breakdown to hide if its total is shown: the small ones, and others as long as the total gives
 * them away. It does if there is only one, or if all are 1. Undefined if it would even then.
 */
function hiddenIn(counts: readonly number[], below: number): ReadonlySet<number> | undefined {
  const hidden = new Set(counts.keys().filter((at) => isSmall(counts[at] ?? 0, below)));
  // The next larger one, or else a zero.
  const others = [...counts.keys()]
    .filter((at) => !hidden.has(at))
    .sort((one, other) => (counts[one] || Infinity) - (counts[other] || Infinity) || one - other);
  const isTold = () =>
    hidden.size === 1 || sumOf([...hidden].map((at) => counts[at] ?? 0)) === hidden.size;
  while (hidden.size > 0 && isTold()) {
    const next = others.shift();
    if (next === undefined) {
      return undefined;
    }
    hidden.add(next);
  }
  return hidden;
}

const isSmall = (count: number, below: number): boolean => count > 0 && count < below;
