import type { Store } from '../../store/store.ts';
import { categoryRules, unspecified } from './categories.ts';
import type { CategoryCode } from './categories.ts';
import { countRecord, restrictions } from './count-record.ts';
import type { Automation, Counted, Tally } from './count-record.ts';
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
  const hide = (values: readonly number[]) => hideSmall(values, hideBelow);
  return {
    days,
    hideBelow,
    sections: [
      reportSection(counted, hide),
      {
        name: 'reports_by_category',
        title: 'Reports by category of the reason',
        columns: one,
        rows: categoryRows(counted.reportCategories, hide),
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
            values: [counted.medianClaimMs],
          },
          {
            name: 'to_resolve',
            title: 'From the report until it is resolved or dismissed',
            values: [counted.medianCloseMs],
          },
        ],
      },
      kindSection(counted, hide),
      {
        name: 'decisions_by_category',
        title: 'Decisions by category',
        columns: one,
        rows: categoryRows(counted.decisionCategories, hide),
        isSparse: true,
      },
      {
        name: 'decisions_by_source',
        title: 'Decisions by source',
        columns: one,
        rows: rowsOf(
          [
            ['reported', 'After a report (a notice of a user)', counted.sources.of('reported')],
            ['own_initiative', 'On own initiative', counted.sources.of('unreported')],
          ],
          hide,
        ),
      },
      ...automationSections(counted, hide),
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

type Hide = (values: readonly number[]) => Value[];

function rowsOf(entries: readonly (readonly [string, string, number])[], hide: Hide): Row[] {
  const values = hide(entries.map(([, , count]) => count));
  return entries.map(([name, title], at) => ({ name, title, values: [values[at]] }));
}

function reportSection({ reportKinds, waves }: Counted, hide: Hide): Section {
  const [messages, accounts] = hide([reportKinds.of('event'), reportKinds.of('user')]);
  return {
    name: 'reports',
    title: 'Reports by source',
    columns: one,
    rows: [
      { name: 'total', title: 'Reports by users of this server', values: [reportKinds.total] },
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

function categoryRows(counts: Tally<CategoryCode>, hide: Hide): Row[] {
  return rowsOf(
    [...categoryRules, unspecified].map(({ code, title }) => [code, title, counts.of(code)]),
    hide,
  );
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

function kindSection({ decisions }: Counted, hide: Hide): Section {
  const countsOf = (kind: (typeof restrictions)[number]) =>
    automationLevels.map((automation) => decisions.of(`${kind} ${automation}`));
  const totals = hide(restrictions.map((kind) => sumOf(countsOf(kind))));
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
          ...(total === 'hidden'
            ? automationLevels.map((): Value => 'hidden')
            : hide(countsOf(kind))),
        ],
      };
    }),
  };
}

function automationSections({ decisions, reversals }: Counted, hide: Hide): Section[] {
  const [not = 0, partially = 0, fully = 0] = automationLevels.map((automation) =>
    sumOf(restrictions.map((kind) => decisions.of(`${kind} ${automation}`))),
  );
  const total = not + partially + fully;
  const shown = hide([not, partially, fully]);
  const share = (count: number, value: Value): Value =>
    total === 0
      ? undefined
      : value === 'hidden'
        ? 'hidden'
        : Math.round((count / total) * 1000) / 10;
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
          values: hide([reversals.of('of rules')]),
        },
      ],
    },
    {
      name: 'automated_share_percent',
      title: 'Automated share of decisions',
      columns: [{ name: 'percent', title: 'Share' }],
      unit: 'percent',
      rows: [
        { name: 'fully_automated', title: 'Fully automated', values: [share(fully, shown[2])] },
        {
          name: 'partially_automated',
          title: 'Partially automated',
          values: [share(partially, shown[1])],
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

/**
 * Hides small numbers of a breakdown. One alone could be computed from the total, so the next larger one is
 * hidden with it.
 */
function hideSmall(counts: readonly number[], below: number): Value[] {
  const small = new Set(counts.keys().filter((at) => isSmall(counts[at] ?? 0, below)));
  if (small.size === 1) {
    const others = [...counts.entries()].filter(([at, count]) => count > 0 && !small.has(at));
    const next = others.sort(([, count], [, other]) => count - other)[0];
    if (next !== undefined) {
      small.add(next[0]);
    }
  }
  return counts.map((count, at) => (small.has(at) ? 'hidden' : count));
}

const isSmall = (count: number, below: number): boolean => count > 0 && count < below;
