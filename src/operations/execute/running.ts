import { bold, code, facts, line, sentence } from '../../chat/answers/answer.ts';
import { count, nameSome, span, whole } from '../../chat/answers/phrases.ts';
import { shortLine } from '../../chat/command/write-invocation.ts';
import type { StoreError } from '../../core/errors.ts';
import { present } from '../../core/present.ts';
import type { DeliverContext } from '../answer/reply.ts';
import { postOutcome } from '../answer/reply.ts';
import type { Reply } from '../answer/reply.ts';
import type { Settings } from '../settings.ts';
import { operationField, progressOf, stepsData, unitNoun } from './operation-field.ts';
import type { RunningOperation } from './operation.ts';
import { whoDecided } from './single-outcome.ts';
import type { NamesContext } from './single-outcome.ts';
import { isWaiting, serversWaitedFor } from './waiting.ts';

/** What saying how far an operation has got needs. */
export type RunningContext = NamesContext & {
  readonly settings: Pick<Settings, 'prefix'>;
  now(): number;
};

/** The text that replaces a confirmation while the operation takes its time, and how far it has got. */
export function runningReply(context: RunningContext, operation: RunningOperation): Reply {
  const { command, invocation, units, id } = operation;
  const attempts = units.flatMap(({ attempt }) => attempt ?? []);
  const { ended, failed, targets, finished } = progressOf(operation);
  const seconds = Math.max(1, (context.now() - operation.startedAt) / 1000);
  const leftMs = timeLeftMs(operation, context.now());
  const isLong = units.length > 1;
  const waits = isWaiting(operation);
  const servers = nameSome(serversWaitedFor(operation));
  const state = waits ? `Waiting for ${servers}: ` : 'Running: ';
  // The steps of one account differ too much: one does not tell how long another takes.
  const hasRate = targets > 1;
  const steps = stepsData(operation);
  return {
    command: command.name,
    status: 'running',
    audit: [],
    ...operationField(operation, 'running', attempts),
    answer: {
      ...present({ data: steps === undefined ? undefined : { steps } }),
      mark: '⏳',
      title: isLong
        ? [bold(`${state}${command.name}`), `, ${soFar(operation)}`]
        : [bold(state), code(shortLine(command, invocation))],
      body: [
        ...(isLong && ended > 0 && (hasRate || failed > 0)
          ? [
              facts(
                failed > 0 && `${whole(failed)} failed`,
                hasRate && !waits && finished > 0 && perTime(finished / seconds),
                // Nobody knows when a homeserver will answer again.
                hasRate && leftMs > 0 && servers === '' && `about ${span(leftMs)} left`,
              ),
            ]
          : []),
        ...(waits || servers === ''
          ? []
          : [line(`What is to be done on ${servers} waits until it answers again.`)]),
        facts(
          whoDecided(context, operation),
          waits
            ? `When ${operation.waitsFor.size === 1 ? 'it answers' : 'they answer'} again, I will continue, and post the outcome here.`
            : 'I will post the outcome here.',
          isLong && ['Stop: ', code(`${context.settings.prefix}stop-job ${id}`)],
        ),
      ],
    },
  };
}

/** The same while the operation can't go on, because the database can't be written. */
export function pausedReply(
  context: RunningContext,
  operation: RunningOperation,
  { code: errorCode, message }: StoreError,
): Reply {
  const { command, invocation, units } = operation;
  const reply = runningReply(context, operation);
  return {
    ...reply,
    answer: {
      ...reply.answer,
      mark: '⚠️',
      title: [
        bold('Waiting: '),
        units.length > 1
          ? `${command.name}, ${soFar(operation)}`
          : code(shortLine(command, invocation)),
      ],
      body: [
        line(...sentence(message)),
        line(
          'When I can write again, I ask the homeserver what was done, and go on. I will post the outcome here.',
        ),
        facts(whoDecided(context, operation)),
      ],
    },
    error: { code: errorCode, message },
  };
}

/** `22 of 140 accounts so far`; of one account, its steps. */
function soFar(operation: RunningOperation): string {
  const { ended, targets, finished } = progressOf(operation);
  if (targets === 1) {
    return `${whole(ended)} of ${count(operation.units.length, unitNoun(operation))} so far`;
  }
  const noun = operation.units.every(({ target }) => target !== undefined) ? 'account' : 'action';
  return `${whole(finished)} of ${count(targets, noun)} so far`;
}

/** `2.5 per second`, or `18 per minute` if it is slower than one per second. */
function perTime(perSecond: number): string {
  return perSecond < 1
    ? `${Math.max(1, Math.round(perSecond * 60))} per minute`
    : `${perSecond.toFixed(1)} per second`;
}

/**
 * How long, in milliseconds, the rest of an operation takes if it goes on as before; infinite before anything has
 * ended.
 */
export function timeLeftMs(operation: RunningOperation, now: number): number {
  const { ended } = progressOf(operation);
  return (operation.units.length - ended) * (Math.max(1000, now - operation.startedAt) / ended);
}

/** For this long, the bot's reactions stay on the confirmation: removing them takes as much as two messages. */
const reactionsStayMs = 10_000;

/** Shows that an operation runs, and how far it has got, unless its outcome is there already. */
export async function showRunning(
  context: RunningContext & DeliverContext,
  operation: RunningOperation,
): Promise<void> {
  const { origin } = operation.invocation;
  const waits = isWaiting(operation);
  const isShown = await context.store.transaction(
    async (tables) => {
      if (operation.isTold) {
        return false;
      }
      const part = (await tables.outbox.has(origin.event, 'running'))
        ? (`${waits ? 'waiting' : 'progress'}-${context.now()}` as const)
        : 'running';
      await postOutcome(context, tables, origin, runningReply(context, operation), {
        part,
        keepsReactions: !waits && context.now() - operation.startedAt < reactionsStayMs,
      });
      return true;
    },
    { repeatable: true },
  );
  if (isShown) {
    context.deliver(origin.event);
  }
}
