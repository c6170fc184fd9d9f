import { stringify } from 'csv-stringify/sync';

import { bold, code, line } from '../../chat/answers/answer.ts';
import type {
  AnswerFile,
  Block,
  Content,
  Inline,
  Mark,
  Status,
} from '../../chat/answers/answer.ts';
import { count, whole } from '../../chat/answers/phrases.ts';
import { present } from '../../core/present.ts';
import type { OpenItemCount } from '../../store/tables/report-items.ts';
import type { RefusalContext } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import { leftOutBlocks } from '../confirm/left-out.ts';
import { numberDone, operationField, stepsData } from './operation-field.ts';
import { maxListed, reasonOf, singleReply, timerBlocks, trailOf } from './single-outcome.ts';
import type { About, NamesContext } from './single-outcome.ts';
import type { Attempt, AttemptStatus } from './work.ts';

/** What wording outcomes needs. */
export type OutcomeContext = RefusalContext & NamesContext;

/**
 * The answer to an operation that has ended.
 *
 * @param waiting other pending reports about the accounts that it dealt with
 */
export function outcomeReply(
  context: OutcomeContext,
  about: About,
  attempts: readonly Attempt[],
  waiting: readonly OpenItemCount[] = [],
): Reply {
  const audit = attempts.flatMap((attempt) => attempt.audit ?? []);
  const [only] = attempts;
  const status = statusOfAll(about, attempts);
  const operation = operationField(about, status, attempts);
  const reports = [...leftOutBlocks(about.leftOut ?? []), ...waitingBlocks(waiting)];
  const trail = trailOf(context, about, attempts, audit);
  if (only !== undefined && attempts.length === 1) {
    const { answer, ...rest } = singleReply(context, about, only, audit);
    const next = [...waitingNext(waiting), ...(answer.next ?? [])];
    const timers = timerBlocks(about, only);
    const body = [...(answer.body ?? []), ...timers, ...reports, ...trail];
    // Done for one, and left out for others.
    const asWhole = isCut(about) ? { status } : {};
    return { ...rest, ...operation, ...asWhole, answer: { ...answer, body, next } };
  }
  const isLong = attempts.length > maxListed;
  const shown = isLong ? attempts.filter((attempt) => attempt.status !== 'done') : attempts;
  const left = shown.length - maxListed;
  const hasFile = isLong && (shown.length > 0 || (about.leftOut ?? []).length > 0);
  return {
    command: about.command.name,
    status,
    ...operation,
    audit: audit.slice(0, maxNumbers),
    answer: {
      mark: status === 'done' ? '✅' : status === 'partial' || status === 'unknown' ? '⚠️' : '❌',
      title: titleOfAll(about, attempts),
      body: [
        ...(shown.length === 0
          ? []
          : [
              {
                kind: 'list' as const,
                items: shown.slice(0, maxListed).map((attempt) => itemOf(context, about, attempt)),
              },
            ]),
        ...(left > 0 ? [line(`And ${count(left, 'other')}: see the file.`)] : []),
        ...(isLong
          ? []
          : attempts.flatMap((attempt) => timerBlocks(about, attempt, attempt.target))),
        ...reports,
        ...trail,
      ],
      next: [...waitingNext(waiting), ...undoNext(about, attempts)],
      ...present({ file: hasFile ? fileOf(about, attempts) : undefined }),
      data: dataOf(about, attempts, isLong),
    },
  };
}

/** What became of each target, or how many; of a command with steps, also how far each step has got. */
function dataOf(about: About, attempts: readonly Attempt[], isLong: boolean): unknown {
  const steps = stepsData(about);
  const targets = isLong
    ? { targets: attempts.length, done: numberDone(attempts) }
    : attempts.map(({ target, step, command, status: one, audit: entry }) => ({
        userId: target,
        ...present({ step, command }),
        status: one,
        audit: entry,
      }));
  return steps === undefined
    ? targets
    : { steps, ...(Array.isArray(targets) ? { outcomes: targets } : targets) };
}

/** At most this many audit numbers stand in the answer for programs: an event has a limited size. */
const maxNumbers = 100;

function statusOfAll(about: About, attempts: readonly Attempt[]): Status {
  const [only] = attempts;
  if (only !== undefined && attempts.length === 1 && !isCut(about)) {
    return only.answer?.status ?? only.status;
  }
  const done = numberDone(attempts);
  if (attempts.length === 0) {
    return 'cancelled';
  }
  if (done === attempts.length) {
    return isCut(about) ? 'partial' : 'done';
  }
  const isUnknown = attempts.some(({ status }) => status === 'unknown' || status === 'running');
  const isPartial = done > 0 || attempts.some(({ status }) => status === 'partial');
  return isPartial ? 'partial' : isUnknown ? 'unknown' : 'failed';
}

/** Whether something was left out while it ran. */
function isCut({ units = [] }: About): boolean {
  return units.some(({ isLeftOut }) => isLeftOut);
}

function titleOfAll(about: About, attempts: readonly Attempt[]): Content {
  const { command, units = [] } = about;
  if (attempts.length === 0) {
    return [bold(`${command.name}: nothing was done`)];
  }
  const done = numberDone(attempts);
  const total = Math.max(units.length, attempts.length);
  const targets = new Set(units.map(({ position }) => position)).size;
  const [first] = attempts;
  if (first?.step === undefined) {
    return [bold(`${command.name}: ${whole(done)} of ${whole(total)} done`)];
  }
  return targets === 1
    ? [
        bold(`${command.name}: ${done} of ${count(total, 'step')} done`),
        ' for ',
        code(first.target ?? ''),
      ]
    : [
        bold(`${command.name}: ${whole(done)} of ${count(total, 'step')} done`),
        ` for ${count(targets, 'account')}`,
      ];
}

function itemOf(context: RefusalContext, about: About, attempt: Attempt): Inline[] {
  const isOne = new Set(about.units?.map(({ position }) => position)).size === 1;
  const whose = attempt.target === undefined ? [] : [' ', code(attempt.target)];
  if (attempt.step !== undefined) {
    const mark = marks[attempt.status];
    const how =
      attempt.status === 'done'
        ? (attempt.did ?? 'done')
        : attempt.status === 'failed'
          ? reasonOf(attempt)
          : attempt.status === 'partial'
            ? [attempt.did, reasonOf(attempt)].filter((part) => part !== undefined).join(', but ')
            : attempt.status === 'running'
              ? 'still running'
              : 'not known whether it was done';
    return [`${mark} `, bold(`${attempt.step}: `), how, ...(isOne ? [] : whose)];
  }
  const { answer } = singleReply(context, about, attempt, []);
  return [`${answer.mark} `, ...answer.title, ...(attempt.status === 'failed' ? whose : [])];
}

const marks: Readonly<Record<AttemptStatus, Mark>> = {
  done: '✅',
  partial: '⚠️',
  failed: '❌',
  running: '⏳',
  unknown: '⚠️',
};

/** Every target and how it ended. */
function fileOf({ leftOut = [] }: About, attempts: readonly Attempt[]): AnswerFile {
  const rows = [
    ...attempts.map((attempt) => ({
      user_id: attempt.target ?? '',
      step: attempt.step ?? attempt.command ?? '',
      status: attempt.status,
      audit: attempt.audit ?? '',
      why: attempt.status === 'failed' || attempt.status === 'partial' ? reasonOf(attempt) : '',
    })),
    ...leftOut.map(({ user, why }) => ({
      user_id: user,
      step: '',
      status: 'left out',
      audit: '',
      why,
    })),
  ];
  return {
    name: 'outcomes.csv',
    contentType: 'text/csv',
    content: stringify(rows, {
      header: true,
      columns: ['user_id', 'step', 'status', 'audit', 'why'],
      escape_formulas: true,
    }),
  };
}

/** `3 more reports about this user are open.` */
function waitingBlocks(waiting: readonly OpenItemCount[]): Block[] {
  const items = waiting.reduce((sum, about) => sum + about.items, 0);
  const whom = waiting.length === 1 ? 'this user' : `${waiting.length} of these users`;
  return items === 0
    ? []
    : [line(`${count(items, 'more report')} about ${whom} ${items === 1 ? 'is' : 'are'} open.`)];
}

/** The line that takes back all of it, if anything takes it back. */
function undoNext({ id }: About, attempts: readonly Attempt[]): string[] {
  return id !== undefined && attempts.some(({ undo }) => undo !== undefined)
    ? [`undo --operation ${id}`]
    : [];
}

function waitingNext([first]: readonly OpenItemCount[]): string[] {
  return first === undefined ? [] : [`resolve --sender ${first.sender}`];
}
