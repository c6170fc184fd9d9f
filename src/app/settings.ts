import type { Config } from '../config/schema.ts';
import { durationMs } from '../core/duration.ts';
import type { Settings } from '../operations/settings.ts';
import type { SyncState } from '../store/tables/sync-state.ts';
import type { Homeserver } from './homeserver.ts';
import { homeserverNames } from './homeservers.ts';
import type { Setup } from './setup/setup.ts';

/**
 * The homeserver that stored commands are about if they name none: the one that was the first when the database began.
 */
export async function unnamedServerIn(
  state: Pick<SyncState, 'get' | 'set'>,
  first: string,
): Promise<string> {
  const stored = await state.get(unnamedName);
  if (stored === undefined) {
    await state.set(unnamedName, first);
  }
  return stored ?? first;
}

const unnamedName = 'homeserver.unnamed';

/** What the stages need to know of the configuration, and of what the homeserver told about it. */
export function settingsFrom(
  config: Pick<
    Config,
    'bulk' | 'commands' | 'confirmation' | 'homeserver' | 'otherHomeservers' | 'reports'
  >,
  { botUser, room }: Pick<Setup, 'botUser' | 'room'>,
  { serverName, requestTimeoutMs }: Pick<Homeserver, 'requestTimeoutMs' | 'serverName'>,
  unnamedServer: string,
): Settings {
  return {
    prefix: config.commands.prefix,
    announcesCommands: config.commands.announce,
    maxAgeMs: durationMs(config.commands.maxAge),
    confirmationExpiresAfterMs: durationMs(config.confirmation.expiresAfter),
    reconcileAfterMs: requestTimeoutMs,
    confirmation: config.confirmation,
    proposalExpiresAfterMs: durationMs(config.reports.proposalExpiresAfter),
    maxRuleActionsPerHour: config.reports.maxActionsPerHour,
    parallelism: config.bulk.parallelism,
    homeservers: homeserverNames(config, serverName),
    unnamedServer,
    serverName,
    botUser,
    managementRoom: room,
  };
}
