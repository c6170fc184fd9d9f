import { bold, code, facts, line } from '../../chat/answers/answer.ts';
import { count, span } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import { UsageError } from '../../core/errors.ts';
import type { BackgroundUpdateStatus } from '../../services/services.ts';

interface Wish {
  readonly enable: boolean;
  readonly disable: boolean;
}

export default defineCommand({
  name: 'background-updates',
  synonyms: ['updates'],
  summary: 'Shows, stops or resumes Synapse’s background database updates',
  does: ['with --disable: let the running update finish its current step, and start no other'],
  doesNot: ['outlast a restart of Synapse, which starts with updates enabled'],
  args: {
    enable: flag('boolean', 'Resume the updates', { default: false }),
    disable: flag('boolean', 'Stop the updates', { default: false }),
  },
  danger: ({ enable, disable }) => (enable || disable ? 'change' : 'read'),
  maxDanger: 'change',
  check({ enable, disable }) {
    if (enable && disable) {
      throw new UsageError('`--disable` contradicts `--enable`.', { word: '--disable' });
    }
  },
  example: 'background-updates --disable --reason "peak hours"',
  endpoints: [
    'GET /_synapse/admin/v1/background_updates/status',
    'GET /_synapse/admin/v1/background_updates/enabled',
    'POST /_synapse/admin/v1/background_updates/enabled',
  ],
  async preview({ args, services }) {
    const wanted = wantedOf(args);
    if (wanted !== undefined) {
      await services.server.assertCanSetBackgroundUpdates(wanted);
    }
    return {
      title: [`${wanted === undefined ? 'Show' : wanted ? 'Resume' : 'Stop'} background updates?`],
      body: [facts(...runningOf(await services.server.backgroundUpdates()))],
    };
  },
  async run({ args, services }) {
    const wanted = wantedOf(args);
    if (wanted !== undefined) {
      await services.server.setBackgroundUpdates(wanted);
    }
    return { wanted, status: await services.server.backgroundUpdates() };
  },
  answer({ role }, { wanted, status }) {
    const { enabled } = status;
    return {
      mark: wanted === undefined ? (enabled ? 'ℹ️' : '⚠️') : '✅',
      title:
        wanted === undefined
          ? ['Background updates are ', bold(enabled ? 'enabled' : 'stopped')]
          : [bold(enabled ? 'Resumed background updates' : 'Stopped background updates')],
      body: [
        ...runningOf(status).map((running) => line(...running)),
        ...(enabled ? [] : [line('A restart of Synapse enables them again.')]),
      ],
      next: role === 'viewer' ? [] : [`background-updates --${enabled ? 'disable' : 'enable'}`],
      data: status,
    };
  },
  undo: (_, { wanted }) =>
    wanted === undefined ? undefined : `background-updates --${wanted ? 'disable' : 'enable'}`,
  reconcile: async ({ args: { enable }, services }) =>
    services.server.reconcileBackgroundUpdates(enable),
});

function wantedOf({ enable, disable }: Wish): boolean | undefined {
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
