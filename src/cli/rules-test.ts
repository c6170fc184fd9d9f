import { loadCommands } from '../chat/command/load-commands.ts';
import { createRegistry } from '../chat/command/registry.ts';
import { placesOf } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { readReplayData } from '../reports/rules/replay-input.ts';
import type { ReplayData } from '../reports/rules/replay-input.ts';
import { matchLine, summaryLines } from '../reports/rules/replay-text.ts';
import { replay } from '../reports/rules/replay.ts';
import { createRules } from '../reports/rules/rule.ts';
import type { Rule } from '../reports/rules/rule.ts';
import { masTraits, synapseTraits } from '../services/accounts/traits.ts';
import { openStore } from '../store/store.ts';
import { readDate } from './read-date.ts';

/** Used if the homeserver's name is not known: rules can be checked without it. */
const anyServer = 'localhost';

/** @throws SetupError a rule can't be used */
export async function configuredRules(config: Config, serverName = anyServer): Promise<Rule[]> {
  const registry = createRegistry(await loadCommands(), config.commands.prefix);
  return createRules(config.reports.rules, {
    registry,
    serverName,
    prefix: config.commands.prefix,
    commandRoles: config.roles.commands,
    // The bot starts with `mas` only if the homeserver delegates its accounts, and otherwise only without.
    traits: config.mas === undefined ? synapseTraits : masTraits,
    places: placesOf(config),
  });
}

/** Reads the database, also while the bot uses it, and changes nothing. */
export async function testRules(config: Config, sinceText: string): Promise<void> {
  await configuredRules(config);
  const since = readDate('since', sinceText, Date.now());
  const data = await readStored(config);
  const rules = await configuredRules(config, data.serverName);
  if (rules.length === 0) {
    console.log('There are no rules: reports.rules is empty.');
  }
  const { maxActionsPerHour } = config.reports;
  const replayed = replay(data, rules, { since, maxActionsPerHour });
  replayed.matches.forEach((match) => console.log(matchLine(match)));
  summaryLines(replayed, rules, since).forEach((line) => console.log(line));
}

async function readStored(config: Config): Promise<ReplayData> {
  const store = await openStore(config.database.path, { readonly: true });
  try {
    return await readReplayData(store);
  } finally {
    await store.close();
  }
}
