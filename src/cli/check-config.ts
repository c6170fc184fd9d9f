import { createClient } from '../app/app.ts';
import { checkSetup } from '../app/setup.ts';
import type { Setup } from '../app/setup.ts';
import type { Config } from '../config/schema.ts';
import { createMoves } from '../matrix/room/upgrade.ts';
import { openStore } from '../store/store.ts';
import { configuredRules } from './rules-test.ts';

/** Checks the configuration, the database and the setup on the homeserver. Prints a line for each. */
export async function checkConfig(config: Config, configFile: string): Promise<void> {
  console.log(`${configFile}: valid`);
  const rules = await configuredRules(config);
  console.log(`reports.rules: ${rules.length === 0 ? 'none configured' : `${rules.length} valid`}`);
  const store = await openStore(config.database.path);
  console.log(`${config.database.path}: writable`);
  const client = createClient(config, new AbortController().signal);
  let setup: Setup;
  try {
    setup = await checkSetup(config, client, createMoves(store.syncState));
  } finally {
    await store.close();
  }
  console.log(`${config.homeserver.url}: Synapse ${setup.serverVersion}, the token is valid`);
  console.log(`${setup.botUser}: a server admin`);
  console.log(`${setup.room}: joined as the management room`);
  if (setup.room !== setup.configuredRoom) {
    console.log(
      `The room ${setup.configuredRoom} was replaced: set managementRoom to ${setup.room}.`,
    );
  }
}
