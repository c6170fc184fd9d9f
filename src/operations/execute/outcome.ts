import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Inline, Mark, Status } from '../../chat/answers/answer.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { cut } from '../../core/text.ts';
import type { OpenItemCount } from '../../store/tables/report-items.ts';
import type { Timer } from '../../store/tables/timers.ts';
import { refusalReply, sentence } from '../answer/refusal.ts';
import type { RefusalContext } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import { leftOutBlocks } from '../confirm/preview.ts';
import { askerName, nameOf } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import type { Confirmed } from '../stages.ts';

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
  /** If it was done in this process. */
  readonly answer?: Answer;
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

/** The operation that an outcome is about. */
type Work = Pick<Confirmed, 'command' | 'danger' | 'invocation' | 'confirmer'> &
  Partial<Pick<Confirmed, 'leftOut'>>;

/**
 * The answer to an operation that has ended.
 *
 * @param waiting other pending reports about the accounts that it dealt with
 */
export function outcomeReply(
  context: OutcomeContext,
  work: Work,
  attempts: readonly Attempt[],
  waiting: readonly OpenItemCount[] = [],
): Reply {
  const audit = attempts.flatMap((attempt) => attempt.audit ?? []);
  const [only] = attempts;
  const reports = [...leftOutBlocks(work.leftOut ?? []), ...waitingBlocks(waiting)];
  const trail = trailOf(context, work, attempts, audit);
  if (only !== undefined && attempts.length === 1) {
    const { answer, ...rest } = singleReply(context, work, only, audit);
    const next = [...waitingNext(waiting), ...(answer.next ?? [])];
    const timers = timerBlocks(work, only);
    const body = [...(answer.body ?? []), ...timers, ...reports, ...trail];
    return { ...rest, answer: { ...answer, body, next } };
  }
  const done = attempts.filter(({ status }) => status === 'done').length;
  const isUnknown = attempts.some((attempt) => attempt.status === 'unknown');
  const status: Status =
    done === attempts.length ? 'done' : done > 0 ? 'partial' : isUnknown ? 'unknown' : 'failed';
  return {
    command: work.command.name,
    status,
    audit,
    answer: {
      mark: status === 'done' ? '✅' : status === 'failed' ? '❌' : '⚠️',
      title: [bold(`${work.command.name}: ${done} of ${attempts.length} done`)],
      body: [
        {
          kind: 'list',
          items: attempts.map((attempt): Inline[] => {
            const { answer } = singleReply(context, work, attempt, []);
            return [
              `${answer.mark} `,
              ...answer.title,
              ...(attempt.status === 'failed' && attempt.target !== undefined
                ? [' ', code(attempt.target)]
                : []),
            ];
          }),
        },
        ...attempts.flatMap((attempt) => timerBlocks(work, attempt, attempt.target)),
        ...reports,
        ...trail,
      ],
      next: waitingNext(waiting),
      data: attempts.map(({ target, status: one, audit: entry }) => ({
        userId: target,
        status: one,
        audit: entry,
      })),
    },
  };
}

/** The text that replaces a confirmation while the operation takes its time. */
export function runningReply(context: NamesContext, work: Confirmed, done: number): Reply {
  const { command, invocation, accounts } = work;
  return {
    command: command.name,
    status: 'running',
    audit: [],
    answer: {
      mark: '⏳',
      title:
        accounts.length > 1
          ? [
              bold(`Running: ${command.name}`),
              `, ${done} of ${count(accounts.length, 'account')} so far`,
            ]
          : [bold('Running: '), code(cut(writeInvocation(command, invocation), 200))],
      body: [facts(whoDecided(context, work), 'I will post the outcome here.')],
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
  work: Work,
  attempt: Attempt,
  audit: readonly number[],
): Reply {
  const { command } = work;
  if (attempt.answer !== undefined) {
    const { status = 'done' } = attempt.answer;
    return { command: command.name, status, audit, answer: attempt.answer };
  }
  const what = code(
    attempt.target === undefined
      ? writeInvocation(command, work.invocation)
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
          mark: isForever(work, attempt) ? '⚠️' : mark,
          title: [bold(title), ' ', what],
          body: isForever(work, attempt)
            ? [line('It stays in force: the reply was lost, so no timer could be set.')]
            : [],
        },
      };
    }
    case 'failed':
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
  { command, invocation: { forMs } }: Work,
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
function isForever({ invocation }: Work, { status, timer }: Attempt): boolean {
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
  { invocation, confirmer }: Work,
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
      took > 0 && `${took} ms`,
      `audit ${audit.map((id) => `#${id}`).join(' ')}`,
    ),
  ];
}

/** `Asked by Ana, confirmed by Ben` */
function whoDecided(
  context: NamesContext,
  { invocation: { actor }, confirmer }: Pick<Work, 'invocation' | 'confirmer'>,
): string {
  const asker = askerName(context.members, actor);
  if (confirmer === undefined) {
    return `Asked by ${asker}`;
  }
  return actor.kind === 'person' && confirmer === actor.user
    ? `Asked and confirmed by ${asker}`
    : `Asked by ${asker}, confirmed by ${nameOf(context.members, confirmer)}`;
}
