import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import type { Answer } from '../../chat/answers/answer.ts';
import { count, span } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { UsageError, orUndefined } from '../../core/errors.ts';
import { updateJobs } from '../../services/services.ts';
import type { BackgroundUpdateStatus, UpdateJob } from '../../services/services.ts';

interface Flags {
  readonly enable: boolean;
  readonly disable: boolean;
}

export default defineCommand({
  name: 'background-updates',
  synonyms: ['updates'],
  summary: 'Shows, starts, stops or resumes Synapse’s background database updates',
  does: [
    'with --disable: let the running update finish its current step, and start no other',
    'with --start populate_stats_process_rooms: count members and messages of all rooms again',
    'with --start regenerate_directory: build the user directory again',
    'with --start event_resign: sign events of this server again, with its current key',
  ],
  doesNot: [
    'outlast a restart of Synapse, which starts with updates enabled',
    'cancel an update that was started',
  ],
  args: {
    enable: flag('boolean', 'Resume the updates', { default: false }),
    disable: flag('boolean', 'Stop the updates', { default: false }),
    start: flag('choice', `Start one of these updates: ${updateJobs.join(', ')}`, {
      choices: updateJobs,
      placeholder: 'NAME',
    }),
  },
  danger: ({ enable, disable, start }) =>
    enable || disable || start !== undefined ? 'change' : 'read',
  maxDanger: 'change',
  check({ enable, disable, start }) {
    if (enable && disable) {
      throw new UsageError('`--disable` contradicts `--enable`.', { word: '--disable' });
    }
    if (start !== undefined && (enable || disable)) {
      throw new UsageError('`--start` can’t be combined with `--enable` or `--disable`.', {
        word: '--start',
      });
    }
  },
  example: 'background-updates --disable --reason "peak hours"',
  endpoints: [
    'GET /_synapse/admin/v1/background_updates/status',
    'GET /_synapse/admin/v1/background_updates/enabled',
    'POST /_synapse/admin/v1/background_updates/enabled',
    'POST /_synapse/admin/v1/background_updates/start_job',
  ],
  async preview({ args, services }) {
    const wanted = wantedOf(args);
    if (wanted !== undefined) {
      await services.server.assertCanSetBackgroundUpdates(wanted);
    }
    return {
      title:
        args.start === undefined
          ? [`${wanted === undefined ? 'Show' : wanted ? 'Resume' : 'Stop'} background updates?`]
          : ['Start the background update ', code(args.start), '?'],
      body: [facts(...runningOf(await services.server.backgroundUpdates()))],
    };
  },
  async run({ args, services }) {
    const wanted = wantedOf(args);
    if (wanted !== undefined) {
      await services.server.setBackgroundUpdates(wanted);
    }
    if (args.start !== undefined) {
      await services.server.startBackgroundUpdate(args.start);
    }
    const status = services.server.backgroundUpdates();
    const isChange = wanted !== undefined || args.start !== undefined;
    // A change is done even if the server doesn't say what is running now.
    return { wanted, status: isChange ? await orUndefined(status) : await status };
  },
  answer({ args: { start }, role }, { wanted, status }) {
    if (start !== undefined) {
      return startedAnswer(start, status);
    }
    const enabled = status?.enabled ?? wanted === true;
    return {
      mark: wanted === undefined ? (enabled ? 'ℹ️' : '⚠️') : '✅',
      title:
        wanted === undefined
          ? ['Background updates are ', bold(enabled ? 'enabled' : 'stopped')]
          : [bold(enabled ? 'Resumed background updates' : 'Stopped background updates')],
      body: [
        ...(status === undefined ? [unknownStatus] : runningOf(status).map((one) => line(...one))),
        ...(enabled ? [] : [line('A restart of Synapse enables them again.')]),
      ],
      next: role === 'viewer' ? [] : [`background-updates --${enabled ? 'disable' : 'enable'}`],
      data: status ?? { enabled },
    };
  },
  undo: (_, { wanted }) =>
    wanted === undefined ? undefined : `background-updates --${wanted ? 'disable' : 'enable'}`,
  reconcile: async ({ args: { enable, start }, services: { server } }) =>
    start === undefined ? server.reconcileBackgroundUpdates(enable) : server.reconcileStart(start),
});

const unknownStatus = line('Synapse did not say what is running now.');

function startedAnswer(start: UpdateJob, status: BackgroundUpdateStatus | undefined): Answer {
  const title = [bold('Started the background update '), code(start)];
  const next = ['background-updates'];
  if (status === undefined) {
    return { mark: '✅', title, body: [unknownStatus], next, data: { started: start } };
  }
  return {
    mark: status.enabled ? '✅' : '⚠️',
    title,
    body: [
      status.enabled
        ? line('Synapse runs it in the background, after those that it has started.')
        : line('Background updates are stopped, so it waits until somebody resumes them.'),
    ],
    next: status.enabled ? next : ['background-updates --enable'],
    data: { ...status, started: start },
  };
}

function wantedOf({ enable, disable }: Flags): boolean | undefined {
  return enable ? true : disable ? false : undefined;
}

function runningOf({ currentUpdates }: BackgroundUpdateStatus) {
  const running = Object.entries(currentUpdates);
  return running.length === 0
    ? [['None are running.']]
    : running.map(([database, { name, totalItemCount, totalDurationMs }]) => [
        'Running: ',
        code(name),
        ` in ${database}`,
        totalItemCount === null ? '' : `, ${count(totalItemCount, 'row')} done`,
        totalDurationMs === null ? '' : ` in ${span(totalDurationMs)}`,
      ]);
}
