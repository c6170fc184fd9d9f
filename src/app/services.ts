import type { Config } from '../config/schema.ts';
import { durationMs } from '../core/duration.ts';
import type { Settings } from '../operations/settings.ts';
import type { BotOperations } from '../services/bot/bot-operations.ts';
import { createServices } from '../services/services.ts';
import type { Services } from '../services/services.ts';
import type { Store } from '../store/store.ts';
import type { Homeserver } from './homeserver.ts';
import { rulesForCommands } from './reports.ts';
import type { Timing } from './timing.ts';
import type { Witnesses } from './witnesses.ts';

/** Builds what commands can do on a homeserver. */
export function createConfiguredServices(
  { api, client, delegation, serverName }: Homeserver,
  options: {
    readonly config: Pick<Config, 'audit' | 'reports'>;
    readonly settings: Pick<Settings, 'botUser' | 'managementRoom'>;
    readonly store: Store;
    readonly witnesses: Witnesses;
    readonly bot: BotOperations;
    readonly timing: Pick<Timing, 'roomDeletion'>;
    readonly wakeReports: () => void;
    readonly refreshReports: () => Promise<void>;
  },
): Services {
  const { config, settings, store, witnesses, bot, timing, wakeReports, refreshReports } = options;
  return createServices({
    api,
    client,
    delegation,
    serverName,
    botUser: settings.botUser,
    managementRoom: settings.managementRoom,
    store,
    ...witnesses,
    anchorEveryMs: durationMs(config.audit.anchorEvery.time),
    rules: rulesForCommands(config),
    wakeReports,
    refreshReports,
    bot,
    roomDeletionTimes: timing.roomDeletion,
  });
}
