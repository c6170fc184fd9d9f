import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer, Block, Inline, Mark, Status } from '../../chat/answers/answer.ts';
import { count, dateTime } from '../../chat/answers/phrases.ts';
import { memberName, withoutLinks } from '../../chat/answers/untrusted-text.ts';
import type { Actor } from '../../chat/command/invocation.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import type { UserId } from '../../core/ids.ts';
import { cut } from '../../core/text.ts';
import type { OpenItemCount } from '../../store/tables/report-items.ts';
import { refusalReply, sentence } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import { leftOutBlocks } from '../confirm/preview.ts';
import type { House } from '../house.ts';
import type { Confirmed } from '../stages.ts';
import type { Attempt } from './attempt.ts';

/** What outcomes need of the work that they end. */
type Work = Pick<Confirmed, 'command' | 'danger' | 'invocation' | 'confirmer'> &
  Partial<Pick<Confirmed, 'leftOut'>>;

/**
 * The answer to work that has ended.
 *
 * @param waiting what else waits about those whom it dealt with
 */
export function outcomeReply(
  house: House,
  work: Work,
  attempts: readonly Attempt[],
  waiting: readonly OpenItemCount[] = [],
): Reply {
  const audit = attempts.flatMap((attempt) => attempt.audit ?? []);
  const [only] = attempts;
  const reports = [...leftOutBlocks(work.leftOut ?? []), ...waitingBlocks(waiting)];
  const trail = trailOf(house, work, attempts, audit);
  if (only !== undefined && attempts.length === 1) {
    const { answer, ...rest } = singleReply(house, work, only, audit);
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
            const { answer } = singleReply(house, work, attempt, []);
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

/** What stands in the place of a confirmation while the work takes its time. */
export function runningReply(house: House, work: Confirmed, done: number): Reply {
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
      body: [facts(whoDecided(house, work), 'I say here how it ended.')],
    },
  };
}

/** How work is told whose own words were lost in a crash. */
const seenToEnd: Record<'done' | 'partial' | 'running', readonly [Mark, string]> = {
  done: ['✅', 'Done:'],
  partial: ['⚠️', 'Partly done:'],
  running: ['⏳', 'Still running:'],
};

function singleReply(house: House, work: Work, attempt: Attempt, audit: readonly number[]): Reply {
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
      const [mark, title] = seenToEnd[attempt.status];
      return {
        command: command.name,
        status: attempt.status,
        audit,
        answer: {
          mark: isForever(work, attempt) ? '⚠️' : mark,
          title: [bold(title), ' ', what],
          body: isForever(work, attempt)
            ? [line('It stays: with its answer got lost what takes it back, and no timer is set.')]
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
        : refusalReply(house, command.name, attempt.error, audit);
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
                ? 'No answer came, and the homeserver may still be at work on it. I will ask it again and say here what I find.'
                : 'It was sent and no answer came. Look before you send it again.',
            ),
          ],
        },
        error: { code: 'unknown', message: 'no answer came' },
      };
  }
}

/** `3 more reports about it wait.` */
function waitingBlocks(waiting: readonly OpenItemCount[]): Block[] {
  const items = waiting.reduce((sum, about) => sum + about.items, 0);
  const whom = waiting.length === 1 ? 'it' : `${waiting.length} of these accounts`;
  return items === 0
    ? []
    : [line(`${count(items, 'report')} about ${whom} still ${items === 1 ? 'waits' : 'wait'}.`)];
}

function waitingNext([first]: readonly OpenItemCount[]): string[] {
  return first === undefined ? [] : [`resolve --sender ${first.sender}`];
}

/** What became of the timers of an account; it is named where there are several. */
function timerBlocks(
  { command, invocation: { forMs } }: Work,
  { answer, status, job, stopped = [], kept }: Attempt,
  account?: string,
): Block[] {
  const named = account === undefined ? [] : [code(account), ': '];
  const blocks = stopped.map(({ id, runAt }) =>
    line(
      ...named,
      command.timed === true
        ? `It no longer ends at ${dateTime(runAt)}: timer ${id} was stopped.`
        : `Timer ${id}, which would have ended this at ${dateTime(runAt)}, was stopped.`,
    ),
  );
  if (kept !== undefined) {
    const { id, runAt } = kept;
    return [line(...named, `It ends at ${dateTime(runAt)} as before, by timer ${id}.`)];
  }
  return forMs !== undefined && status === 'done' && answer !== undefined && job === undefined
    ? [line(...named, 'It was so before and for good, so nothing ends after that time.')]
    : blocks;
}

/** Done for a time, and without the timer that ends it: who saw no answer can't know what was before. */
function isForever({ invocation }: Work, { status, job }: Attempt): boolean {
  return invocation.forMs !== undefined && status === 'done' && job === undefined;
}

function notDone(why: string): Answer {
  return {
    mark: '❌' satisfies Mark,
    title: [bold('Not done: '), ...sentence(why)],
    body: [line('Nothing was changed. Send the command again if it is still wanted.')],
  };
}

/** `Asked by Ana, confirmed by Ben · reason: spam · 412 ms · audit #1043` */
function trailOf(
  house: House,
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
      whoDecided(house, { invocation, confirmer }),
      reason !== undefined && `reason: ${withoutLinks(reason)}`,
      ...attempts.flatMap(({ job }) =>
        job === undefined ? [] : [`until ${dateTime(job.runAt)}, job ${job.id}`],
      ),
      took > 0 && `${took} ms`,
      `audit ${audit.map((id) => `#${id}`).join(' ')}`,
    ),
  ];
}

/** `Asked by Ana, confirmed by Ben` */
function whoDecided(
  house: House,
  { invocation: { actor }, confirmer }: Pick<Work, 'invocation' | 'confirmer'>,
): string {
  const asker = askerName(house, actor);
  if (confirmer === undefined) {
    return `Asked by ${asker}`;
  }
  return actor.kind === 'person' && confirmer === actor.user
    ? `Asked and confirmed by ${asker}`
    : `Asked by ${asker}, confirmed by ${nameOf(house, confirmer)}`;
}

/** Who asked, for people. */
export function askerName(house: House, actor: Actor): string {
  switch (actor.kind) {
    case 'person':
      return nameOf(house, actor.user);
    case 'rule':
      return `rule ${actor.name}`;
    case 'timer':
      return `the timer of ${nameOf(house, actor.user)}`;
  }
}

/** How a member of the room is called there, with the ID. */
export function nameOf(house: House, user: UserId): string {
  return memberName(user, house.members.displayName(user));
}
