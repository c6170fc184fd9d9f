import { bold, code, line } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { ago, count, dateTime, span } from '../../chat/answers/phrases.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import type { OpenOperation } from '../../services/services.ts';
import { linesOf, progressText } from './parts/open-operation.ts';

/** At most this many rows are shown: what comes first. */
const maxShown = 20;
/** More timers of one command than this end together, and have one row. */
const maxApart = 10;

export default defineCommand({
  name: 'jobs',
  synonyms: ['operations', 'progress', 'scheduled', 'timers'],
  summary: 'Lists running and scheduled operations and their progress',
  does: [
    'show how far running operations have got',
    'list operations scheduled with --at or --in, and timers that undo what was done with --for',
  ],
  doesNot: ['list pending confirmations (see !pending)'],
  args: {},
  danger: 'read',
  example: 'jobs',
  run: async ({ services }) => services.operations.open(),
  answer(context, open) {
    const [first] = open;
    if (first === undefined) {
      return { mark: 'ℹ️', title: ['Nothing is running or scheduled'], data: [] };
    }
    const jobs = open.map((one) => jobOf(context, one));
    const rows = rowsOf(jobs);
    const shown = rows.slice(0, maxShown);
    const left = rows.slice(maxShown).reduce((sum, { others }) => sum + 1 + others, 0);
    const counted = (kind: Job['kind'], noun: string) => {
      const number = jobs.filter((job) => job.kind === kind).length;
      return number === 0 ? [] : [count(number, noun, kind === 'timer' ? undefined : noun)];
    };
    return {
      mark: 'ℹ️',
      title: [
        bold(
          [
            ...counted('running', 'running'),
            ...counted('scheduled', 'scheduled'),
            ...counted('timer', 'timer'),
          ].join(', '),
        ),
      ],
      body: [
        {
          kind: 'table',
          columns: [{ title: '#', align: 'right' }, { title: 'When' }, { title: 'What, for whom' }],
          rows: shown.map(({ job, others }) => [
            [String(job.id)],
            whenOf(context, job),
            [
              code(`${context.prefix}${job.shortLine}`),
              ...(others === 0 ? [] : [` and ${count(others, 'other')} like it`]),
              ' for ',
              code(job.askedBy),
              ...(job.progress === undefined ? [] : [`, ${job.progress}`]),
            ],
          ]),
        },
        ...(left > 0 ? [line(`And ${count(left, 'other')}, which come later.`)] : []),
      ],
      next: [`stop-job ${first.operation.id}`],
      data: jobs.map(dataOf),
    };
  },
});

interface Job {
  readonly id: number;
  readonly kind: 'running' | 'scheduled' | 'timer';
  readonly state: 'running' | 'waiting';
  readonly command: string;
  readonly line: string;
  /** For people. */
  readonly shortLine: string;
  readonly askedBy: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
  readonly startedAt?: number;
  readonly runAt?: number;
  /** Of a timer: the audit entry that it takes back, and the command that asked for that. */
  readonly intentId?: number;
  readonly eventId?: string;
  /** Of a running operation. If a target has several steps, each step counts. */
  readonly targets?: number;
  readonly done?: number;
  readonly failed?: number;
  readonly leftOut?: number;
  readonly stopRequestedBy?: string | null;
  /** For people: how many of its accounts are finished, with all their steps. */
  readonly progress?: string | undefined;
}

function jobOf(context: Pick<Context, 'registry' | 'role'>, open: OpenOperation): Job {
  const { operation, counts } = open;
  const { id, command: name, actor, createdAt, line: ofTimer } = operation;
  const common = {
    id,
    command: name,
    ...linesOf(context, open),
    askedBy: actor,
    createdAt,
  };
  if (operation.state !== 'running') {
    return {
      ...common,
      kind: ofTimer === null ? 'scheduled' : 'timer',
      state: 'waiting',
      runAt: operation.notBefore ?? 0,
      ...(operation.reverts === null
        ? {}
        : { intentId: operation.reverts.intent, eventId: operation.reverts.event }),
    };
  }
  return {
    ...common,
    kind: 'running',
    state: 'running',
    startedAt: operation.startedAt ?? createdAt,
    targets: Object.values(counts).reduce((sum, one) => sum + one, 0),
    done: counts.done ?? 0,
    failed: counts.failed ?? 0,
    leftOut: counts.skipped ?? 0,
    stopRequestedBy: operation.stopRequestedBy,
    progress: progressText(open),
  };
}

/** One row for each, and one for all timers of a command on many targets, at the time of the first. */
function rowsOf(jobs: readonly Job[]): { readonly job: Job; readonly others: number }[] {
  const setBy = ({ kind, eventId, line: text }: Job) =>
    kind === 'timer' && !text.startsWith('undo ') ? eventId : undefined;
  const together = new Map(
    [...Map.groupBy(jobs, setBy)].filter(
      ([event, { length }]) => event !== undefined && length > maxApart,
    ),
  );
  return jobs.flatMap((job) => {
    const all = together.get(setBy(job)) ?? [job];
    return all[0] === job ? [{ job, others: all.length - 1 }] : [];
  });
}

function dataOf(job: Job): Omit<Job, 'shortLine' | 'progress'> {
  const { shortLine: _, progress: __, ...data } = job;
  return data;
}

function whenOf({ now }: Pick<Context, 'now'>, { runAt, startedAt }: Job): Content {
  return runAt === undefined
    ? [`running for ${span(now - (startedAt ?? now))}`]
    : [`${ago(runAt, now)} (${dateTime(runAt)})`];
}
