import { bold, code, facts } from '../../chat/answers/answer.ts';
import { span, whole } from '../../chat/answers/phrases.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import { present } from '../../core/present.ts';
import type { DeliverContext } from '../answer/reply.ts';
import { postOutcome } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import type { Settings } from '../settings.ts';
import { countsOf, operationField, stepsData } from './operation-field.ts';
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
  const { ended, failed } = countsOf(work);
  const seconds = Math.max(1, (context.now() - work.startedAt) / 1000);
  const rate = ended / seconds;
  const left = units.length - ended;
  const isLong = units.length > 1;
  // The steps of one account differ too much: one does not tell how long another takes.
  const hasRate = new Set(units.map(({ position }) => position)).size > 1;
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
        ? [bold(`Running: ${command.name}`), `, ${whole(ended)} of ${whole(units.length)} so far`]
        : [bold('Running: '), code(shortLine(command, invocation))],
      body: [
        ...(isLong && ended > 0 && (hasRate || failed > 0)
          ? [
              facts(
                failed > 0 && `${whole(failed)} failed`,
                hasRate && `${rate.toFixed(1)} per second`,
                hasRate && left > 0 && `about ${span((left / rate) * 1000)} left`,
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
