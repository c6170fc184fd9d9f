import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count } from '../../chat/answers/phrases.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { DeniedError } from '../../core/errors.ts';
import { cut } from '../../core/text.ts';
import type { Stopped } from '../../services/services.ts';

const maxLineLength = 100;

export default defineCommand({
  name: 'stop-job',
  synonyms: ['abort', 'stop', 'stop-timer'],
  summary: 'Stops an operation that runs, is scheduled, or is a timer',
  does: [
    'keep an operation that runs from beginning anything more, and say what is done already',
    'cancel an operation that is scheduled',
    'cancel a timer, so that the action stays in force',
  ],
  doesNot: ['take back what is done: see undo', 'interrupt what the homeserver is already doing'],
  args: {
    job: positional('integer', 'The number of the operation', {
      min: 1,
      placeholder: 'ID',
      question: 'Which operation?',
    }),
  },
  danger: 'change',
  example: 'stop-job 3',
  async run({ args, services, actor }) {
    if (actor.kind === 'rule') {
      throw new DeniedError('rules can’t stop operations');
    }
    return services.bot.stop({ operation: args.job, by: actor.user });
  },
  answer: (_, stopped) => answerOf(stopped),
  reconcile: async ({ args, services }) => services.operations.reconcileStop(args.job),
});

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
  const { targets, done, failed, inFlight, notBegun, doneTargets } = stopped;
  const others = done - doneTargets.length;
  const number = (value: number) => value.toLocaleString('en-US');
  return {
    mark: '✅',
    title: [bold(`Stopping operation ${id}: `), what],
    body: [
      facts(
        `${number(done)} of ${number(targets)} done`,
        failed > 0 && `${number(failed)} failed`,
        inFlight > 0 && `${number(inFlight)} in progress, which will end`,
        `${number(notBegun)} not begun, which stay as they are`,
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
