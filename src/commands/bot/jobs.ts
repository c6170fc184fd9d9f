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
  answer({ now, prefix }, jobs) {
    const [first] = jobs;
    if (first === undefined) {
      return { mark: 'ℹ️', title: ['No timers set'], data: [] };
    }
    return {
      mark: 'ℹ️',
      title: [bold(count(jobs.length, 'timer'))],
      body: [
        {
          kind: 'table',
          columns: [{ title: '#', align: 'right' }, { title: 'When' }, { title: 'What, for whom' }],
          rows: jobs.map((job) => [
            [String(job.id)],
            [`${ago(job.runAt, now)} (${dateTime(job.runAt)})`],
            [code(`${prefix}${job.line}`), ' for ', code(job.askedBy)],
          ]),
        },
      ],
      next: [`stop-job ${first.id}`],
      data: jobs,
    };
  },
});
