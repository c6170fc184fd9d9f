import { homeserverNames, traitsIn } from '../app/homeservers.ts';
import { loadCommands } from '../chat/command/load-commands.ts';
import { createRegistry } from '../chat/command/registry.ts';
import { placesOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { createCardActions } from '../reports/cards/card-actions.ts';
import type { CardAction } from '../reports/cards/card-actions.ts';
import { createRules } from '../reports/rules/rule.ts';
import type { Rule } from '../reports/rules/rule.ts';

/** Used if the homeserver's name is not known: command lines can be checked without it. */
const anyServer = 'localhost';

/**
 * @param reportedOn the homeservers on which something was reported
 * @throws SetupError a rule can't be used
 */
export async function configuredRules(
  config: Config,
  reportedOn: readonly string[] = [],
): Promise<Rule[]> {
  return createRules(config.reports.rules, await contextOf(config, reportedOn));
}

/** @throws SetupError an action can't be used */
export async function configuredActions(config: Config): Promise<CardAction[]> {
  return createCardActions(config.reports.actions, await contextOf(config, []));
}

async function contextOf(config: Config, reportedOn: readonly string[]) {
  const serverName = config.homeserver.serverName ?? reportedOn[0] ?? anyServer;
  const { prefix } = config.commands;
  return {
    registry: createRegistry(await loadCommands(), prefix),
    serverName,
    homeservers: homeserverNames(config, serverName),
    prefix,
    commandRoles: config.roles.commands,
    traitsOf: traitsIn(config),
    places: placesOf(config),
  };
}
