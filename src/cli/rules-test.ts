import { databasePlace } from '../config/database-place.ts';
import type { Config } from '../config/schema.ts';
import { readReplayData } from '../reports/rules/replay-input.ts';
import type { ReplayData } from '../reports/rules/replay-input.ts';
import { matchLine, summaryLines } from '../reports/rules/replay-text.ts';
import { replay } from '../reports/rules/replay.ts';
import { signUpRulesIn } from '../reports/sign-ups/sign-up-rule.ts';
import { openStore } from '../store/store.ts';
import { configuredRules } from './configured-lines.ts';
import { readDate } from './read-date.ts';

/** Reads the database, also while the bot uses it, and changes nothing. */
export async function testRules(config: Config, sinceText: string): Promise<void> {
  await configuredRules(config);
  const since = readDate('since', sinceText, Date.now());
  const data = await readStored(config);
  const rules = await configuredRules(config, data.serverNames);
  const onSignUps = signUpRulesIn(config.reports.rules);
  if (rules.length + onSignUps.length === 0) {
    console.log('There are no rules: reports.rules is empty.');
  }
  const { maxActionsPerHour } = config.reports;
  const replayed = replay(data, rules, { since, maxActionsPerHour });
  replayed.matches.forEach((match) => console.log(matchLine(match)));
  summaryLines(replayed, rules, since).forEach((line) => console.log(line));
  onSignUps.forEach(({ name }) =>
    console.log(
      `${name}  is about sign-ups, which are not in the database. !recent-users shows them.`,
    ),
  );
}

async function readStored(config: Config): Promise<ReplayData> {
  const store = await openStore(databasePlace(config.database), { readonly: true });
  try {
    return await readReplayData(store);
  } finally {
    await store.close();
  }
}
