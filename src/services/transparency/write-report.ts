import { stringify } from 'csv-stringify/sync';

import { dayMs, hourMs, minuteMs } from '../../core/duration.ts';
import type { Section, TransparencyReport, Value } from './report.ts';

export const reportFormats = ['md', 'csv', 'json'] as const;
export type ReportFormat = (typeof reportFormats)[number];

/** Reports with the same numbers are the same text, whenever they are written. */
export function writeReport(report: TransparencyReport, format: ReportFormat): string {
  switch (format) {
    case 'md':
      return markdown(report);
    case 'csv':
      return csv(report);
    case 'json':
      return `${JSON.stringify({ ...reportData(report), counted_as: countedAs, limits }, null, 2)}\n`;
  }
}

/** How the numbers are counted. */
const countedAs: readonly string[] = [
  'Days begin and end at midnight UTC. The first and the last day are included.',
  'A report counts on the day when the homeserver received it. Each report counts, also several about the same message.',
  'Reports and decisions get a category by words in the reason that somebody wrote. The list of words is in docs/transparency.md. The texts themselves are not part of this report. A decision without such a word in its own reason has the category of the reports that it was made about.',
  'A decision counts on the day when it was asked for, if it was carried out at least in part, and once for each account or room that it was about. Several files count once. A takedown counts once for each of its steps.',
  'A reversal counts on the day when it was made, even if the decision is from an earlier day.',
  'A decision is fully automated if a rule made it, partially automated if a rule proposed it and a person confirmed it, and otherwise not automated. Timers do what a person has set, so they are not automated.',
  'Categories and kinds of decisions have the names of the DSA Transparency Database (schema of July 2025).',
];

/** What the bot can't know. */
const limits: readonly string[] = [
  'Decisions made past the bot, for example with an admin tool or in a client, are not counted.',
  'The bot does not record whether content was illegal or only against the terms of service (the decision ground), nor the legal or contractual ground.',
  'Words are a rough measure: a category says what the reason mentions, not what was found.',
  'Reports reach the bot only from users of this server. It does not know trusted flaggers, orders of authorities, or notices by e-mail.',
  'Whether content was detected automatically is known only for sign-ups. Rules on reports act after a user has reported something.',
  'Complaints and out-of-court disputes are not recorded. Somebody may have undone a decision for another reason than a complaint.',
];

/** For programs: a member for each table. */
export function reportData({ days, hideBelow, sections }: TransparencyReport) {
  return {
    period: { from: days.from, to: days.to, time_zone: 'UTC' },
    hidden_below: hideBelow,
    ...Object.fromEntries(sections.map((section) => [section.name, tableData(section, hideBelow)])),
  };
}

function tableData({ columns, rows }: Section, hideBelow: number) {
  const valueOf = (value: Value) => (value === 'hidden' ? `<${hideBelow}` : (value ?? null));
  return Object.fromEntries(
    rows.map(({ name, values }) => [
      name,
      columns.length === 1
        ? valueOf(values[0])
        : Object.fromEntries(columns.map((column, at) => [column.name, valueOf(values[at])])),
    ]),
  );
}

function csv({ days, hideBelow, sections }: TransparencyReport): string {
  const records = sections.flatMap(({ name: table, columns, rows }) =>
    rows.flatMap(({ name, values }) =>
      columns.map((column, at) => ({
        from: days.from,
        to: days.to,
        time_zone: 'UTC',
        table,
        row: name,
        column: column.name,
        value: values[at] === 'hidden' ? `<${hideBelow}` : values[at],
      })),
    ),
  );
  return stringify(records, { header: true, escape_formulas: true });
}

function markdown(report: TransparencyReport): string {
  const { days, hideBelow, sections } = report;
  return [
    `# Transparency report, ${days.from} to ${days.to}`,
    'Both days are included. Days and times are in UTC. Nothing in this report names a person, a room or a message.',
    hideBelow > 0
      ? `Numbers from 1 to ${hideBelow - 1} are shown as “<${hideBelow}”. Where one could be computed from other numbers, some of those are shown so, too, whatever they are: larger ones, totals or zeros. Medians of fewer than ${hideBelow} times are left out.`
      : 'Small numbers can still tell people who know this server whom they are about. Before you publish the report, consider hiding them: `--hide-below 5`.',
    ...sections.flatMap((section) => [`## ${section.title}`, table(section, hideBelow)]),
    '## How this was counted',
    bullets(countedAs),
    '## What this report can’t say',
    bullets(limits),
  ]
    .join('\n\n')
    .concat('\n');
}

const bullets = (lines: readonly string[]): string => lines.map((line) => `- ${line}`).join('\n');

function table({ columns, rows, unit, isSparse }: Section, hideBelow: number): string {
  const shown = isSparse === true ? rows.filter(({ values }) => values[0] !== 0) : rows;
  if (shown.length === 0) {
    return 'None.';
  }
  const lines = shown.map(({ title, values }) => [
    title,
    ...values.map((value) => cell(value, unit, hideBelow)),
  ]);
  return [
    ['', ...columns.map(({ title }) => title)],
    ['---', ...columns.map(() => '---:')],
    ...lines,
  ]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n')
    .concat(isSparse === true && shown.length < rows.length ? '\n\nAll other categories: 0.' : '');
}

function cell(value: Value, unit: Section['unit'], hideBelow: number): string {
  if (value === undefined) {
    return '–';
  }
  if (value === 'hidden') {
    return `<${hideBelow}`;
  }
  if (unit === 'ms') {
    return duration(value);
  }
  return unit === 'percent' ? `${value} %` : value.toLocaleString('en-US');
}

/** `2.5 hours` */
function duration(ms: number): string {
  const [unit, unitMs] =
    (
      [
        ['days', dayMs],
        ['hours', hourMs],
        ['minutes', minuteMs],
      ] as const
    ).find(([, length]) => ms >= length) ?? (['seconds', 1000] as const);
  return `${Math.round((ms / unitMs) * 10) / 10} ${unit}`;
}
