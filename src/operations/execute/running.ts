import { bold, code, facts } from '../../chat/answers/answer.ts';
import { count, span, whole } from '../../chat/answers/phrases.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import { present } from '../../core/present.ts';
import type { DeliverContext } from '../answer/reply.ts';
import { postOutcome } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import type { Settings } from '../settings.ts';
import { operationField, progressOf, stepsData } from './operation-field.ts';
import { whoDecided } from './single-outcome.ts';
import type { NamesContext } from './single-outcome.ts';
import type { Work } from './work.ts';

/** What saying how far an operation has got needs. */
export type RunningContext = NamesContext & {
  readonly settings: Pick<Settings, 'prefix'>;
  now(): number;
};

/** The text that replaces a confirmation while the operation takes its time, and how far it has got. */
export function runningReply(context: RunningContext, work: Work): Reply {
  const { command, invocation, units, id } = work;
  const attempts = units.flatMap(({ attempt }) => attempt ?? []);
  const { ended, failed, targets, finished } = progressOf(work);
  const seconds = Math.max(1, (context.now() - work.startedAt) / 1000);
  const leftMs = (units.length - ended) * ((seconds * 1000) / ended);
  const isLong = units.length > 1;
  // The steps of one account differ too much: one does not tell how long another takes.
  const hasRate = targets > 1;
  const steps = stepsData(work);
  return {
    command: command.name,
    status: 'running',
    audit: [],
    ...operationField(work, 'running', attempts),
    answer: {
      ...present({ data: steps === undefined ? undefined : { steps } }),
      mark: '⏳',
      title: isLong
        ? [bold(`Running: ${command.name}`), `, ${soFar(work)}`]
        : [bold('Running: '), code(shortLine(command, invocation))],
      body: [
        ...(isLong && ended > 0 && (hasRate || failed > 0)
          ? [
              facts(
                failed > 0 && `${whole(failed)} failed`,
                hasRate && finished > 0 && perTime(finished / seconds),
                hasRate && leftMs > 0 && `about ${span(leftMs)} left`,
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

/** `22 of 140 accounts so far`; of one account, its steps. */
function soFar(work: Work): string {
  const { ended, targets, finished } = progressOf(work);
  if (targets === 1) {
    const noun = work.invocation.reversals === undefined ? 'step' : 'action';
    return `${whole(ended)} of ${count(work.units.length, noun)} so far`;
  }
  const noun = work.units.every(({ target }) => target !== undefined) ? 'account' : 'action';
  return `${whole(finished)} of ${count(targets, noun)} so far`;
}

/** `2.5 per second`, or `18 per minute` if it is slower than one per second. */
function perTime(perSecond: number): string {
  return perSecond < 1
    ? `${Math.max(1, Math.round(perSecond * 60))} per minute`
    : `${perSecond.toFixed(1)} per second`;
}

/** Shows that an operation runs, and how far it has got, unless its outcome is there already. */
export async function showRunning(
  context: RunningContext & DeliverContext,
  work: Work,
): Promise<void> {
  const { origin } = work.invocation;
  const isShown = await context.store.transaction(
    async (tables) => {
      if (work.isTold) {
        return false;
      }
      const part = (await tables.outbox.has(origin.event, 'running'))
        ? (`progress-${context.now()}` as const)
        : 'running';
      await postOutcome(context, tables, origin, runningReply(context, work), part);
      return true;
    },
    { repeatable: true },
  );
  if (isShown) {
    context.deliver(origin.event);
  }
}
