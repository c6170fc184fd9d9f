import { loadCommands } from '../chat/command/load-commands.ts';
import { createRegistry } from '../chat/command/registry.ts';
import { placesOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { createCardActions } from '../reports/cards/card-actions.ts';
import type { CardAction } from '../reports/cards/card-actions.ts';
import { createRules } from '../reports/rules/rule.ts';
import type { Rule } from '../reports/rules/rule.ts';
import { masTraits, synapseTraits } from '../services/accounts/traits.ts';

/** Used if the homeserver's name is not known: command lines can be checked without it. */
const anyServer = 'localhost';

/** @throws SetupError a rule can't be used */
export async function configuredRules(config: Config, serverName = anyServer): Promise<Rule[]> {
  return createRules(config.reports.rules, await contextOf(config, serverName));
}

/** @throws SetupError an action can't be used */
export async function configuredActions(config: Config): Promise<CardAction[]> {
  return createCardActions(config.reports.actions, await contextOf(config, anyServer));
}

async function contextOf(config: Config, serverName: string) {
  const { prefix } = config.commands;
  return {
    registry: createRegistry(await loadCommands(), prefix),
    serverName,
    prefix,
    commandRoles: config.roles.commands,
    // The bot starts with `mas` only if the homeserver delegates its accounts, and otherwise only without.
    traits: config.mas === undefined ? synapseTraits : masTraits,
    places: placesOf(config),
  };
}
