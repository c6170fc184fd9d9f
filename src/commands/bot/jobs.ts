import { bold, code } from '../../chat/answers/answer.ts';
import { ago, count, dateTime } from '../../chat/answers/phrases.ts';
import { defineCommand } from '../../chat/command/declaration.ts';

export default defineCommand({
  name: 'jobs',
  synonyms: ['scheduled', 'tasks', 'timers'],
  summary: 'Lists timers: what the bot will undo, and when',
  args: {},
  danger: 'read',
  example: 'jobs',
  run: async ({ services }) => services.timers.pending(),
  answer({ now, prefix }, timers) {
    const [first] = timers;
    if (first === undefined) {
      return { mark: 'ℹ️', title: ['No timers set'], data: [] };
    }
    return {
      mark: 'ℹ️',
      title: [bold(count(timers.length, 'timer'))],
      body: [
        {
          kind: 'table',
          columns: [{ title: '#', align: 'right' }, { title: 'When' }, { title: 'What, for whom' }],
          rows: timers.map((timer) => [
            [String(timer.id)],
            [`${ago(timer.runAt, now)} (${dateTime(timer.runAt)})`],
            [code(`${prefix}${timer.line}`), ' for ', code(timer.askedBy)],
          ]),
        },
      ],
      next: [`stop-job ${first.id}`],
      data: timers,
    };
  },
});
