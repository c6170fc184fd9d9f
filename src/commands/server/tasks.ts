import { code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { checkOffset, listAnswer, listFlags, pageOf } from '../../chat/command/list.ts';
import { cut } from '../../core/text.ts';
import { taskStatuses } from '../../services/services.ts';
import type { ScheduledTask } from '../../services/services.ts';

/** What Synapse calls its tasks, and what they do. */
const actions: Readonly<Record<string, string>> = {
  shutdown_and_purge_room: 'deletes room',
  purge_room: 'deletes data of room',
  purge_history: 'deletes history of',
  redact_all_events: 'redacts messages of',
  update_join_states: 'updates profile of',
};

export default defineCommand({
  name: 'tasks',
  synonyms: ['scheduled-tasks', 'synapse-jobs', 'running'],
  summary: 'Lists what Synapse itself is doing in the background',
  does: [
    'list deletions of rooms, purges of history and redactions of the last 7 days',
    'say why a task failed',
  ],
  doesNot: [
    'list what this bot is doing (see !jobs)',
    'list updates of the database (see !background-updates)',
    'stop a task: Synapse can’t',
  ],
  args: {
    status: flag('choice', 'Only tasks in this state', { choices: taskStatuses, bare: true }),
    room: flag('room', 'Only tasks about this room'),
    ...listFlags,
  },
  danger: 'read',
  example: 'tasks --status failed',
  endpoints: ['GET /_synapse/admin/v1/scheduled_tasks'],
  check: checkOffset,
  async run({ args, services }) {
    const { status, room } = args;
    const tasks = await services.server.tasks({
      resourceId: room,
      status: status === undefined ? undefined : [status],
    });
    return pageOf(tasks, args);
  },
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'task',
      of: [' of Synapse in the last 7 days'],
      nothing: ['Synapse has no such tasks of the last 7 days'],
      columns: [
        {
          title: 'Task',
          name: 'action',
          show: taskText,
          value: ({ action }) => action,
        },
        {
          title: 'State',
          name: 'status',
          show: ({ status, timestampMs, error }) => [
            `${status}, ${ago(timestampMs, context.now)}`,
            error === null ? '' : `: ${inert(error, 120)}`,
          ],
          value: ({ status }) => status,
        },
        { name: 'id', value: ({ id }) => id },
        { name: 'resource_id', value: ({ resourceId }) => resourceId },
        { name: 'timestamp_ms', value: ({ timestampMs }) => timestampMs },
        { name: 'error', value: ({ error }) => error },
      ],
    }),
});

function taskText({ action, resourceId }: ScheduledTask): Content {
  const what = actions[action] ?? cut(action, 40);
  return resourceId === null ? [what] : [`${what} `, code(cut(resourceId, 80))];
}
