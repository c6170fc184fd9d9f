import { bold, code, facts, line, sentence } from '../../chat/answers/answer.ts';
import type { Answer, Block, Mark } from '../../chat/answers/answer.ts';
import { count, dateTime, whole } from '../../chat/answers/phrases.ts';
import { withoutLinks } from '../../chat/answers/untrusted-text.ts';
import type { LeftOut } from '../../chat/command/invocation.ts';
import { writeInvocation } from '../../chat/command/write-invocation.ts';
import { refusalReply } from '../answer/refusal.ts';
import type { RefusalContext } from '../answer/refusal.ts';
import type { Reply } from '../answer/reply.ts';
import { whereShown } from '../at-homeserver.ts';
import type { HomeserversContext } from '../at-homeserver.ts';
import { askerName, nameOf } from '../management-room.ts';
import type { Members } from '../management-room.ts';
import type { Attempt, RunningOperation } from './operation.ts';

export interface NamesContext {
  readonly members: Pick<Members, 'displayName'>;
}

/** What an outcome is about. */
export type About = Pick<RunningOperation, 'command' | 'danger' | 'invocation' | 'confirmer'> &
  Partial<Pick<RunningOperation, 'id' | 'startedAt' | 'units'>> & {
    readonly leftOut?: readonly LeftOut[];
  };

/** Of more targets than this, an outcome lists only those that are not done. */
export const maxListed = 10;

/** The title of an outcome whose own answer was lost in a crash. */
const reconciledTitles: Record<'done' | 'partial' | 'running', readonly [Mark, string]> = {
  done: ['✅', 'Done:'],
  partial: ['⚠️', 'Partly done:'],
  running: ['⏳', 'Still running:'],
};

export function singleReply(
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
      : `${attempt.command ?? command.name} ${attempt.target}`,
  );
  switch (attempt.status) {
    case 'done':
    case 'partial':
    case 'running': {
      const [mark, title] = reconciledTitles[attempt.status];
      if (attempt.did !== undefined && attempt.target !== undefined) {
        return {
          command: command.name,
          status: attempt.status,
          audit,
          answer: {
            mark: attempt.status === 'done' && attempt.wasSo === true ? 'ℹ️' : mark,
            title: [bold(sentenceCase(attempt.did)), ' ', code(attempt.target)],
          },
        };
      }
      return {
        command: command.name,
        status: attempt.status,
        audit,
        answer: {
          mark: isForever(about, attempt) ? '⚠️' : mark,
          title: [bold(title), ' ', what],
          body: isForever(about, attempt)
            ? [line('It stays in force: the reply was lost, so no timer could be set.')]
            : attempt.status === 'partial'
              ? [line('Not all of it: ', ...sentence(reasonOf(attempt)))]
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

/** With a capital letter. */
export function sentenceCase(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** What happened to the timers of an account, which is named if there are several. */
export function timerBlocks(
  { command, invocation: { forMs } }: About,
  { answer, status, step, timer, stopped = [], kept, wasSo, ends, insteadOf }: Attempt,
  account?: string,
): Block[] {
  if (step !== undefined && command.stepsAreRooms !== true) {
    return stopped.map(({ id, runAt, line: undo }) =>
      line(
        `Timer ${id}, which would have run `,
        code(undo),
        ` at ${dateTime(runAt)}, was stopped.`,
      ),
    );
  }
  const named = account === undefined ? [] : [code(account), ': '];
  const blocks = stopped.map(({ id, runAt, line: undo }) =>
    line(
      ...named,
      undo.split(' ', 1)[0] === command.name ||
        (undo.startsWith('undo ') && command.endsTogether !== true)
        ? `Timer ${id}, which would have ended this at ${dateTime(runAt)}, was stopped.`
        : `This no longer ends at ${dateTime(runAt)}: timer ${id} was stopped.`,
    ),
  );
  if (kept !== undefined) {
    const { id, runAt } = kept;
    return [line(...named, `This still ends at ${dateTime(runAt)}, by timer ${id}.`)];
  }
  if (insteadOf !== undefined) {
    const { id, runAt } = insteadOf;
    const before = `It was to end at ${dateTime(runAt)}, by timer ${id}.`;
    return [
      line(
        ...named,
        forMs === undefined ? `${before} Now it has no end.` : `${before} It ends with this now.`,
      ),
      ...blocks,
    ];
  }
  if (command.endsTogether === true) {
    return forMs !== undefined && status === 'done' && wasSo === true && ends === undefined
      ? [line(...named, 'This was already in force without an end, so it stays.')]
      : blocks;
  }
  return forMs !== undefined && status === 'done' && answer !== undefined && timer === undefined
    ? [
        line(
          ...named,
          command.nothingToDo === undefined
            ? 'Nothing undoes this exactly, so it has no end.'
            : 'This was already in force without an end, so it stays.',
        ),
      ]
    : blocks;
}

/** Done for a time, but without the timer that ends it: after a crash, the state before is not known. */
export function isForever({ command, invocation }: About, { status, timer }: Attempt): boolean {
  return (
    command.endsTogether !== true &&
    invocation.forMs !== undefined &&
    status === 'done' &&
    timer === undefined
  );
}

function notDone(why: string): Answer {
  return {
    mark: '❌' satisfies Mark,
    title: [bold('Not done: '), ...sentence(why)],
    body: [line('Nothing was changed. Resend the command if you still want it.')],
  };
}

/** `Asked by Ana, confirmed by Ben · reason: spam · 412 ms · audit #1043` */
export function trailOf(
  context: NamesContext & Pick<HomeserversContext, 'settings'>,
  about: About,
  attempts: readonly Attempt[],
  audit: readonly number[],
): Block[] {
  if (audit.length === 0) {
    return [];
  }
  const { id, invocation, confirmer } = about;
  const { reason } = invocation;
  const where = whereShown(context, about);
  const [{ tookMs = 0 } = {}] = attempts;
  return [
    facts(
      whoDecided(context, { invocation, confirmer }),
      where !== undefined && `on ${where}`,
      reason !== undefined && `reason: ${withoutLinks(reason)}`,
      ...untilTexts(attempts),
      // Calls run side by side, and a part of several may have run in an earlier process: their sum means nothing.
      attempts.length === 1 && tookMs > 0 && `${whole(tookMs)} ms`,
      audit.length === 1 ? `audit #${audit[0]}` : `operation ${id}`,
    ),
  ];
}

/** `until 2026-11-28 00:00 UTC, timers 5, 6`; of many, only how many and when. */
function untilTexts(attempts: readonly Attempt[]): string[] {
  const timers = attempts.flatMap(({ timer }) => timer ?? []);
  if (timers.length <= maxListed) {
    return [...Map.groupBy(timers, ({ runAt }) => dateTime(runAt))].map(([time, same]) => {
      const ids = same.map(({ id }) => id).sort((one, other) => one - other);
      return `until ${time}, ${same.length === 1 ? 'timer' : 'timers'} ${ids.join(', ')}`;
    });
  }
  const times = timers.map(({ runAt }) => runAt);
  const [first, last] = [Math.min(...times), Math.max(...times)].map((at) => dateTime(at));
  const until = first === last ? `until ${last}` : `until ${last} at the latest`;
  return [`${until}, ${count(timers.length, 'timer')}`];
}

/** `Asked by Ana, confirmed by Ben` */
export function whoDecided(
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

/** Why an attempt failed, or what of it was not done. */
export function reasonOf({ error, why }: Attempt): string {
  return error instanceof Error ? error.message : (why ?? 'it was interrupted');
}
