import { bold, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, AnswerFile, Block } from '../../chat/answers/answer.ts';
import { count, span, whole } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { readDays } from '../../services/transparency/period.ts';
import type { TransparencyReport } from '../../services/transparency/report.ts';
import {
  reportData,
  reportFormats,
  writeReport,
} from '../../services/transparency/write-report.ts';
import type { ReportFormat } from '../../services/transparency/write-report.ts';

const contentTypes = {
  md: 'text/markdown',
  csv: 'text/csv',
  json: 'application/json',
} as const satisfies Record<ReportFormat, AnswerFile['contentType']>;

export default defineCommand({
  name: 'transparency',
  synonyms: ['transparency-report', 'dsa', 'public-report'],
  summary: 'Sends a transparency report about a period, without personal data',
  does: [
    'count reports by source and category, and decisions by kind, category and source',
    'count what rules decided alone, what was reversed, and how long it took',
    'use the categories and kinds of the European rules on statements of reasons',
  ],
  doesNot: [
    'name people, rooms or messages, or quote reasons: they are sorted into categories by their words',
    'know whether content was illegal or against the terms of service',
  ],
  args: {
    from: flag('word', 'The first day, in UTC', {
      placeholder: 'YYYY-MM-DD',
      required: true,
      otherNames: {
        names: ['after', 'before', 'days', 'end', 'last', 'since', 'start', 'until'],
        advice:
          'A report is about whole days. Name the first and the last: `--from 2026-07-01 --to 2026-12-31`.',
      },
    }),
    to: flag('word', 'The last day, which is included', {
      placeholder: 'YYYY-MM-DD',
      required: true,
    }),
    format: flag('choice', 'File format (default: md)', { choices: reportFormats }),
    hideBelow: flag('integer', 'Hide numbers from 1 to below this', {
      min: 2,
      max: 100,
      placeholder: '5',
    }),
  },
  danger: 'read',
  example: 'transparency --from 2026-07-01 --to 2026-12-31',
  check({ from, to }) {
    readDays(from, to);
  },
  run: async ({ args, services }) =>
    services.transparency.report(readDays(args.from, args.to), args.hideBelow),
  answer({ args: { format = 'md' }, now }, report): Answer {
    const { days } = report;
    const name = `transparency-${days.from}-${days.to}.${format}`;
    return {
      mark: 'ℹ️',
      title: [bold(`Transparency report, ${days.from} to ${days.to}`), ` (UTC), in ${name}`],
      body: [...summary(report), ...(days.until > now ? [unfinished] : []), ...publication(report)],
      file: { name, contentType: contentTypes[format], content: writeReport(report, format) },
      data: reportData(report),
    };
  },
});

const unfinished = line('The period is not over: the numbers will change.');

/** The numbers that people ask for first. */
function summary(report: TransparencyReport): Block[] {
  const reports = numberIn(report, 'reports', 'total');
  const decisions = numberIn(report, 'automated_decisions', 'total');
  const close = numberIn(report, 'median_times_ms', 'to_resolve');
  const rules = numberIn(report, 'automated_decisions', 'fully_automated');
  const reversed = numberIn(report, 'automated_decisions', 'reversed');
  return [
    facts(
      reports === undefined ? `<${report.hideBelow} reports` : count(reports, 'report'),
      decisions === undefined ? `<${report.hideBelow} decisions` : count(decisions, 'decision'),
    ),
    ...(rules === undefined || rules === 0
      ? []
      : [
          facts(
            `${whole(rules)} of the decisions by rules alone`,
            reversed !== undefined && `${count(reversed, 'action')} of rules undone`,
          ),
        ]),
    ...(close === undefined ? [] : [line(`Median time to resolve: ${span(close)}`)]),
  ];
}

/** The first number of a row; undefined if there is none, or it is hidden. */
function numberIn(
  { sections }: TransparencyReport,
  table: string,
  row: string,
): number | undefined {
  const rows = sections.find(({ name }) => name === table)?.rows;
  const value = rows?.find(({ name }) => name === row)?.values[0];
  return typeof value === 'number' ? value : undefined;
}

function publication({ hideBelow }: TransparencyReport): Block[] {
  return hideBelow > 0
    ? []
    : [line('Small numbers can tell who is meant. To publish it, add --hide-below 5.')];
}
