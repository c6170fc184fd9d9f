import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count, when, whole } from '../../chat/answers/phrases.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
import { DeniedError, TargetError, UsageError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import type { OpenOperation, Stopped } from '../../services/services.ts';
import { linesOf, progressText } from './parts/open-operation.ts';

const maxLineLength = 100;

export default defineCommand({
  name: 'stop-job',
  synonyms: ['abort', 'stop', 'stop-timer'],
  summary: 'Stops a running or scheduled operation, or a timer',
  does: [
    'let a running operation finish what it has started, and start nothing more',
    'cancel an operation that is scheduled',
    'cancel a timer, so that the action stays in force',
  ],
  doesNot: ['undo what is done (see !undo)', 'interrupt what the homeserver is already doing'],
  args: {
    job: positional(
      'integer',
      'The number of the operation; without it, shows what can be stopped',
      {
        min: 1,
        optional: true,
        placeholder: 'ID',
      },
    ),
  },
  // Without a number it stops nothing.
  danger: ({ job }) => (job === undefined ? 'read' : 'change'),
  maxDanger: 'change',
  role: 'moderator',
  example: 'stop-job 3',
  async preview(context) {
    const { job } = context.args;
    if (job === undefined) {
      throw whichOne(context, await context.services.operations.open());
    }
    return { title: [code(`${context.prefix}stop-job ${job}`)], body: [] };
  },
  async run(context) {
    const { args, services, actor } = context;
    if (actor.kind === 'rule') {
      throw new DeniedError('rules can’t stop operations');
    }
    if (args.job === undefined) {
      throw whichOne(context, await services.operations.open());
    }
    return services.bot.stop({ operation: args.job, by: actor.user });
  },
  answer: (_, stopped) => answerOf(stopped),
  reconcile: async ({ args: { job }, services }) =>
    job === undefined ? 'not_done' : services.operations.reconcileStop(job),
});

/** At most this many operations are named. */
const maxNamed = 5;

/** Asks which operation is meant. Even the only one is not stopped before somebody has named it. */
function whichOne(
  context: Pick<Context, 'now' | 'prefix' | 'registry' | 'role'>,
  open: readonly OpenOperation[],
): TargetError | UsageError {
  if (open.length === 0) {
    return new TargetError('state', 'nothing is running or scheduled');
  }
  const lines = open.slice(0, maxNamed).map((one) => {
    const { id, notBefore } = one.operation;
    const what = linesOf(context, one).shortLine.replaceAll('`', '’');
    const how = progressText(one) ?? when(notBefore, context.now);
    return `\`${context.prefix}stop-job ${id}\` stops \`${what}\`: ${how}`;
  });
  const others = open.length - lines.length;
  return new UsageError('Which operation?', {
    advice: [
      ...lines,
      ...(others === 0 ? [] : [`And ${count(others, 'other')}: see \`${context.prefix}jobs\`.`]),
    ].join('\n'),
  });
}

function answerOf(stopped: Stopped): Answer {
  const { id, kind, timer } = stopped;
  const what = code(stopped.shortLine);
  if (kind !== 'running') {
    const name = kind === 'timer' ? `timer ${id}` : `operation ${id}`;
    const { line: whole } = stopped;
    return {
      mark: '✅',
      title: [bold(`Stopped ${name}: `), 'it won’t run ', what],
      // A longer line can’t be read, and can hardly be copied.
      next: whole.length <= maxLineLength ? [whole] : [],
      data: timer ?? { id, kind, line: cut(whole, maxLineLength), state: 'cancelled' },
    };
  }
  const { counted, targets, done, failed, inFlight, cutShort, notBegun, doneTargets } = stopped;
  const finishing = inFlight - cutShort;
  const others = done - doneTargets.length;
  return {
    mark: '✅',
    title: [bold(`Stopping operation ${id}: `), what],
    body: [
      facts(
        `${whole(done)} of ${count(targets, counted)} done`,
        failed > 0 && `${whole(failed)} failed`,
        finishing > 0 && `${whole(finishing)} in progress, which will finish`,
        cutShort > 0 && `${whole(cutShort)} in progress, which will stop after the current step`,
        `${whole(notBegun)} not started, which stay as they are`,
      ),
      ...(doneTargets.length === 0
        ? []
        : [
            line(
              'Already done: ',
              doneTargets.join(', '),
              others > 0 ? ` and ${count(others, 'other')}` : '',
            ),
          ]),
      line('The answer to the command shows how it ends.'),
    ],
    next: [`audit --operation ${id}`],
    data: { id, kind, state: 'running', targets, done, failed, inFlight, notBegun, doneTargets },
  };
}
