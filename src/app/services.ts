import type { HomeserverName } from '../chat/reading/values.ts';
import type { Config } from '../config/schema.ts';
import { durationMs } from '../core/duration.ts';
import type { BotOperations } from '../services/bot/bot-operations.ts';
import type { DirectRooms } from '../services/rooms/direct-rooms.ts';
import { createHomeserverServices, createServices } from '../services/services.ts';
import type { HomeserverServices, Services } from '../services/services.ts';
import { transactionIdFor } from '../store/store.ts';
import type { Store } from '../store/store.ts';
import type { Homeserver } from './homeserver.ts';
import { rulesForCommands } from './reports.ts';
import type { Timing } from './timing.ts';
import type { Witnesses } from './witnesses.ts';

/** What the services of all homeservers share. */
interface SharedParts {
  readonly store: Store;
  readonly bot: BotOperations;
  readonly directRooms: DirectRooms;
  readonly timing: Pick<Timing, 'roomDeletion'>;
  readonly homeservers: readonly HomeserverName[];
  readonly wakeReports: () => void;
  readonly refreshReports: () => Promise<void>;
}

/** Builds what commands can do on one homeserver. */
export function createServicesOn(
  { api, botUser, client, delegation, serverName }: Homeserver,
  { timing, ...shared }: Omit<SharedParts, 'bot'>,
): HomeserverServices {
  return createHomeserverServices({
    api,
    client,
    delegation,
    serverName,
    botUser,
    ...shared,
    botAccount: {
      async redact({ room, event, reason, by }) {
        await client.events.redact(room, event, transactionIdFor(by, `redact ${event}`), reason);
      },
      joinRoom: client.rooms.join,
    },
    roomDeletionTimes: timing.roomDeletion,
  });
}

/** Builds what commands can do: on the first homeserver, and with what the bot keeps itself. */
export function createConfiguredServices(
  homeserver: HomeserverServices,
  {
    config,
    witnesses,
    ...shared
  }: Pick<SharedParts, 'bot' | 'directRooms' | 'store' | 'wakeReports'> & {
    readonly config: Pick<Config, 'audit' | 'reports'>;
    readonly witnesses: Witnesses;
  },
): Services {
  return createServices({
    homeserver,
    ...shared,
    ...witnesses,
    anchorEveryMs: durationMs(config.audit.anchorEvery.time),
    rules: rulesForCommands(config),
  });
}
