import { bold, code } from '../../chat/answers/answer.ts';
import { positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { TargetError } from '../../core/errors.ts';

export default defineCommand({
  name: 'stop-job',
  synonyms: ['abort', 'stop', 'stop-timer'],
  summary: 'Stops a timer, so that the action stays in force',
  args: { job: positional('integer', 'Timer number', { min: 1, placeholder: 'ID' }) },
  danger: 'change',
  example: 'stop-job 3',
  async run({ args, services, now }) {
    const timer = await services.timers.get(args.job);
    if (timer === undefined) {
      throw new TargetError('unknown', `there is no timer ${args.job}`);
    }
    if (!(await services.timers.stop(timer.id, now))) {
      throw new TargetError('state', `timer ${timer.id} has already ended (${timer.state})`);
    }
    return timer;
  },
  answer: (_, timer) => ({
    mark: '✅',
    title: [bold(`Stopped timer ${timer.id}: `), 'it won’t run ', code(timer.line)],
    next: [timer.line],
    data: timer,
  }),
  reconcile: async ({ args, services }) => services.timers.reconcileStop(args.job),
});
