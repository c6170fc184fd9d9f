import { stringify } from 'csv-stringify/sync';

import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type {
  Answer,
  AnswerFile,
  Block,
  Content,
  Inline,
  Mark,
  Status,
} from '../../chat/answers/answer.ts';
import { count, dateTime, span } from '../../chat/answers/phrases.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { present } from '../../core/present.ts';
import { cut } from '../../core/text.ts';
import type { OperationState } from '../../store/schema.ts';
import type { OpenItemCount } from '../../store/tables/report-items.ts';
import type { Timer } from '../../store/tables/timers.ts';
import { refusalReply, sentence } from '../answer/refusal.ts';
import type { RefusalContext } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import { leftOutBlocks } from '../confirm/preview.ts';
import { askerName, nameOf } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import type { Settings } from '../settings.ts';
import type { LeftOut } from '../stages.ts';
import type { Work } from './work.ts';

/** How an operation has ended for a target, as far as is known. */
export type AttemptStatus = Extract<Status, 'done' | 'failed' | 'partial' | 'running' | 'unknown'>;

/** A timer, and when it runs, in milliseconds since 1970. */
type Scheduled = Pick<Timer, 'id' | 'runAt'>;

/** What was done to one account, or altogether if the command acts on no accounts. */
export interface Attempt {
  readonly target: string | undefined;
  readonly audit: number | undefined;
  readonly status: AttemptStatus;
  /** Its outcome is not known yet: the homeserver will be asked again. */
  readonly isOpen?: boolean;
  /** The step, if the command has several. */
  readonly step?: string;
  /** If it was done in this process. */
  readonly answer?: Answer;
  /** What a step did. */
  readonly did?: string;
  /** Why it failed, if an earlier process recorded that. */
  readonly why?: string | undefined;
  readonly error?: unknown;
  readonly tookMs?: number;
  /** The command line that undoes it. */
  readonly undo?: string | undefined;
  /** The ID of the homeserver's own job that does it. */
  readonly serverJob?: string | undefined;
  /** The timer that will undo it. */
  readonly timer?: Scheduled;
  /** Timers that would have undone it earlier, and no longer will. */
  readonly stopped?: readonly Scheduled[];
  /** The timer that still undoes it, because a rule must not shorten it. */
  readonly kept?: Scheduled;
}

/** What wording outcomes needs. */
export type OutcomeContext = RefusalContext & NamesContext;

interface NamesContext {
  readonly members: Pick<Members, 'displayName'>;
}

/** What an outcome is about. */
export type About = Pick<Work, 'command' | 'danger' | 'invocation' | 'confirmer'> &
  Partial<Pick<Work, 'id' | 'startedAt' | 'units'>> & { readonly leftOut?: readonly LeftOut[] };

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
    return { ...rest, ...operation, answer: { ...answer, body, next } };
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
      next: waitingNext(waiting),
      ...present({ file: hasFile ? fileOf(about, attempts) : undefined }),
      data: isLong
        ? { targets: attempts.length, done: numberDone(attempts) }
        : attempts.map(({ target, step, status: one, audit: entry }) => ({
            userId: target,
            ...present({ step }),
            status: one,
            audit: entry,
          })),
    },
  };
}

/** More attempts than this are summarized, with the rest in a file. */
const maxListed = 10;
/** At most this many audit numbers stand in the answer for programs: an event has a limited size. */
const maxNumbers = 100;

function numberDone(attempts: readonly Attempt[]): number {
  return attempts.filter(({ status }) => status === 'done').length;
}

function statusOfAll(about: About, attempts: readonly Attempt[]): Status {
  const [only] = attempts;
  const isCut = about.units?.some(({ isLeftOut }) => isLeftOut) === true;
  if (only !== undefined && attempts.length === 1 && !isCut) {
    return only.answer?.status ?? only.status;
  }
  const done = numberDone(attempts);
  if (attempts.length === 0) {
    return 'cancelled';
  }
  if (done === attempts.length) {
    return isCut ? 'partial' : 'done';
  }
  const isUnknown = attempts.some(({ status }) => status === 'unknown' || status === 'running');
  return done > 0 ? 'partial' : isUnknown ? 'unknown' : 'failed';
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
    return [bold(`${command.name}: ${number(done)} of ${number(total)} done`)];
  }
  return targets === 1
    ? [
        bold(`${command.name}: ${done} of ${count(total, 'step')} done`),
        ' for ',
        code(first.target ?? ''),
      ]
    : [
        bold(`${command.name}: ${number(done)} of ${count(total, 'step')} done`),
        ` for ${count(targets, 'account')}`,
      ];
}

function number(value: number): string {
  return value.toLocaleString('en-US');
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

function reasonOf({ error, why }: Attempt): string {
  return error instanceof Error ? error.message : (why ?? 'it was interrupted');
}

/** Every target and how it ended. */
function fileOf({ leftOut = [] }: About, attempts: readonly Attempt[]): AnswerFile {
  const rows = [
    ...attempts.map((attempt) => ({
      user_id: attempt.target ?? '',
      step: attempt.step ?? '',
      status: attempt.status,
      audit: attempt.audit ?? '',
      why: attempt.status === 'failed' ? reasonOf(attempt) : '',
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

/** How an operation stands, for programs. */
function operationField(
  { id, leftOut = [], units = [] }: About,
  status: Status,
  attempts: readonly Attempt[],
): Pick<Reply, 'operation'> {
  return id === undefined
    ? {}
    : {
        operation: {
          id,
          state: attempts.some(({ isOpen }) => isOpen === true) ? 'running' : stateOf(status),
          targets: units.length,
          done: numberDone(attempts),
          failed: attempts.filter((attempt) => attempt.status === 'failed').length,
          leftOut: leftOut.length,
        },
      };
}

function stateOf(status: Status): OperationState {
  return status === 'done' || status === 'partial' || status === 'unknown' || status === 'cancelled'
    ? status
    : status === 'running'
      ? 'running'
      : 'failed';
}

/** The text that replaces a confirmation while the operation takes its time, and how far it has got. */
export function runningReply(
  context: NamesContext & { readonly settings: Pick<Settings, 'prefix'>; now(): number },
  work: Work,
): Reply {
  const { command, invocation, units, id } = work;
  const attempts = units.flatMap(({ attempt }) => attempt ?? []);
  const ended = units.filter(
    ({ attempt, isLeftOut }) => isLeftOut || (attempt !== undefined && attempt.isOpen !== true),
  ).length;
  const failed = attempts.filter(({ status }) => status === 'failed').length;
  const seconds = Math.max(1, (context.now() - work.startedAt) / 1000);
  const rate = ended / seconds;
  const left = units.length - ended;
  const isLong = units.length > 1;
  return {
    command: command.name,
    status: 'running',
    audit: [],
    ...operationField(work, 'running', attempts),
    answer: {
      mark: '⏳',
      title: isLong
        ? [bold(`Running: ${command.name}`), `, ${number(ended)} of ${number(units.length)} so far`]
        : [bold('Running: '), code(cut(writeInvocation(command, invocation), 200))],
      body: [
        ...(isLong && ended > 0
          ? [
              facts(
                failed > 0 && `${number(failed)} failed`,
                `${rate.toFixed(1)} per second`,
                left > 0 && `about ${span((left / rate) * 1000)} left`,
              ),
            ]
          : []),
        facts(
          whoDecided(context, work),
          'I will post the outcome here.',
          isLong && ['Stop: ', code(`${context.settings.prefix}stop-job ${id}`)],
        ),
      ],
    },
  };
}

/** The title of an outcome whose own answer was lost in a crash. */
const reconciledTitles: Record<'done' | 'partial' | 'running', readonly [Mark, string]> = {
  done: ['✅', 'Done:'],
  partial: ['⚠️', 'Partly done:'],
  running: ['⏳', 'Still running:'],
};

function singleReply(
  context: RefusalContext,
  about: About,
  attempt: Attempt,
  audit: readonly number[],
): Reply {
  const { command } = about;
  if (attempt.answer !== undefined) {
    const { status = 'done' } = attempt.answer;
    return { command: command.name, status, audit, answer: attempt.answer };
  }
  const what = code(
    attempt.target === undefined
      ? writeInvocation(command, about.invocation)
      : `${command.name} ${attempt.target}`,
  );
  switch (attempt.status) {
    case 'done':
    case 'partial':
    case 'running': {
      const [mark, title] = reconciledTitles[attempt.status];
      return {
        command: command.name,
        status: attempt.status,
        audit,
        answer: {
          mark: isForever(about, attempt) ? '⚠️' : mark,
          title: [bold(title), ' ', what],
          body: isForever(about, attempt)
            ? [line('It stays in force: the reply was lost, so no timer could be set.')]
            : [],
        },
      };
    }
    case 'failed':
      if (attempt.error === undefined && attempt.why !== undefined) {
        return {
          command: command.name,
          status: 'failed',
          audit,
          answer: notDone(attempt.why),
          error: { code: 'failed', message: attempt.why },
        };
      }
      return attempt.error === undefined
        ? {
            command: command.name,
            status: 'failed',
            audit,
            answer: notDone('it was interrupted before it was carried out'),
            error: { code: 'interrupted', message: 'interrupted before it was carried out' },
          }
        : refusalReply(context, command.name, attempt.error, audit);
    case 'unknown':
      return {
        command: command.name,
        status: 'unknown',
        audit,
        answer: {
          mark: '⚠️',
          title: [bold('Not known whether it was done: '), what],
          body: [
            line(
              attempt.isOpen === true
                ? 'The homeserver did not reply, and may still be working on it. I will check again and post the result here.'
                : 'The request was sent, and no reply came. Check before you retry.',
            ),
          ],
        },
        error: { code: 'unknown', message: 'no answer came' },
      };
  }
}

/** `3 more reports about this user are open.` */
function waitingBlocks(waiting: readonly OpenItemCount[]): Block[] {
  const items = waiting.reduce((sum, about) => sum + about.items, 0);
  const whom = waiting.length === 1 ? 'this user' : `${waiting.length} of these users`;
  return items === 0
    ? []
    : [line(`${count(items, 'more report')} about ${whom} ${items === 1 ? 'is' : 'are'} open.`)];
}

function waitingNext([first]: readonly OpenItemCount[]): string[] {
  return first === undefined ? [] : [`resolve --sender ${first.sender}`];
}

/** What happened to the timers of an account, which is named if there are several. */
function timerBlocks(
  { command, invocation: { forMs } }: About,
  { answer, status, timer, stopped = [], kept }: Attempt,
  account?: string,
): Block[] {
  const named = account === undefined ? [] : [code(account), ': '];
  const blocks = stopped.map(({ id, runAt }) =>
    line(
      ...named,
      command.timed === true
        ? `This no longer ends at ${dateTime(runAt)}: timer ${id} was stopped.`
        : `Timer ${id}, which would have ended this at ${dateTime(runAt)}, was stopped.`,
    ),
  );
  if (kept !== undefined) {
    const { id, runAt } = kept;
    return [line(...named, `This still ends at ${dateTime(runAt)}, by timer ${id}.`)];
  }
  return forMs !== undefined && status === 'done' && answer !== undefined && timer === undefined
    ? [line(...named, 'This was already in force without an end, so it stays.')]
    : blocks;
}

/** Done for a time, but without the timer that ends it: after a crash, the state before is not known. */
function isForever({ invocation }: About, { status, timer }: Attempt): boolean {
  return invocation.forMs !== undefined && status === 'done' && timer === undefined;
}

function notDone(why: string): Answer {
  return {
    mark: '❌' satisfies Mark,
    title: [bold('Not done: '), ...sentence(why)],
    body: [line('Nothing was changed. Resend the command if you still want it.')],
  };
}

/** `Asked by Ana, confirmed by Ben · reason: spam · 412 ms · audit #1043` */
function trailOf(
  context: NamesContext,
  { id, invocation, confirmer }: About,
  attempts: readonly Attempt[],
  audit: readonly number[],
): Block[] {
  if (audit.length === 0) {
    return [];
  }
  const { reason } = invocation;
  const took = attempts.reduce((sum, { tookMs = 0 }) => sum + tookMs, 0);
  return [
    facts(
      whoDecided(context, { invocation, confirmer }),
      reason !== undefined && `reason: ${withoutLinks(reason)}`,
      ...attempts.flatMap(({ timer }) =>
        timer === undefined ? [] : [`until ${dateTime(timer.runAt)}, timer ${timer.id}`],
      ),
      took > 0 && audit.length <= maxListed && `${took} ms`,
      audit.length <= maxListed
        ? `audit ${audit.map((entry) => `#${entry}`).join(' ')}`
        : `operation ${id}`,
    ),
  ];
}

/** `Asked by Ana, confirmed by Ben` */
function whoDecided(
  context: NamesContext,
  { invocation: { actor }, confirmer }: Pick<About, 'invocation' | 'confirmer'>,
): string {
  const asker = askerName(context.members, actor);
  if (confirmer === undefined) {
    return `Asked by ${asker}`;
  }
  return actor.kind === 'person' && confirmer === actor.user
    ? `Asked and confirmed by ${asker}`
    : `Asked by ${asker}, confirmed by ${nameOf(context.members, confirmer)}`;
}
