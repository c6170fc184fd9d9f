#!/usr/bin/env node
import { parseArgs } from 'node:util';

import { createCall, startApp } from './app.ts';
import { loadConfig } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { LawspeakerError, SetupError, UsageError } from './errors.ts';
import { createLog } from './observability/log.ts';
import { checkSetup } from './setup.ts';
import { openStore } from './store/store.ts';
import { version } from './version.ts';

const usage = `Usage: lawspeaker COMMAND [--config FILE]

  start          run the bot
  check-config   check the configuration and ask the homeserver about it
  audit verify   check the chain of the audit log, without the bot
  --version, --help

FILE is config/lawspeaker.yaml unless it is given.`;

/** Exit statuses: done, failed, usage or configuration error. */
const exit = { done: 0, failed: 1, usage: 2 } as const;

async function main(argv: readonly string[]): Promise<number> {
  const { command, configFile } = readCommandLine(argv);
  switch (command) {
    case 'help':
      console.log(usage);
      return exit.done;
    case 'version':
      console.log(version);
      return exit.done;
    case 'start':
      return start(loadConfig(configFile, process.env));
    case 'check-config':
      return checkConfig(loadConfig(configFile, process.env), configFile);
    case 'audit verify':
      return verifyAuditLog(loadConfig(configFile, process.env));
    default:
      throw new UsageError(
        command === '' ? 'No command was given.' : `There is no command ${command}.`,
      );
  }
}

function readCommandLine(argv: readonly string[]): { command: string; configFile: string } {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        config: { type: 'string', short: 'c', default: 'config/lawspeaker.yaml' },
        help: { type: 'boolean', short: 'h', default: false },
        version: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(
      error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : 'usage',
    );
  }
  const { values, positionals } = parsed;
  const command = values.help ? 'help' : values.version ? 'version' : positionals.join(' ');
  return { command, configFile: values.config };
}

/** Runs until a signal or a fault that waiting can't mend. */
async function start(config: Config): Promise<number> {
  const log = createLog(config.log);
  const stopped = Promise.withResolvers<'signal'>();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'stopping');
      stopped.resolve('signal');
    });
  }
  const app = await Promise.race([startApp(config, log), stopped.promise]);
  if (app === 'signal') {
    return exit.done;
  }
  try {
    await Promise.race([app.ended, stopped.promise]);
  } finally {
    await app.stop();
  }
  return exit.done;
}

async function checkConfig(config: Config, configFile: string): Promise<number> {
  console.log(`${configFile}: readable, every key is known`);
  const store = await openStore(config.database.path);
  await store.close();
  console.log(`${config.database.path}: can be written`);
  const log = createLog({ ...config.log, level: 'silent' });
  const setup = await checkSetup(config, createCall(config, log, new AbortController().signal));
  console.log(`${config.homeserver.url}: Synapse ${setup.serverVersion}, the token is valid`);
  console.log(`${setup.botUser}: a server admin`);
  console.log(`${setup.room}: joined as the management room`);
  return exit.done;
}

async function verifyAuditLog(config: Config): Promise<number> {
  const store = await openStore(config.database.path, { readonly: true });
  const { count, head, fault } = await store.auditLog.verify();
  await store.close();
  if (fault !== undefined) {
    console.error(`The audit log was tampered with: row ${fault.id} is ${fault.kind}.`);
    console.error(`The ${count} rows before it are in order.`);
    return exit.failed;
  }
  console.log(`${count} rows in order, head ${head}`);
  return exit.done;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = report(error);
}
// What is still open (a connection kept alive, say) must not hold the process.
process.exit();

/** A fault in the set-up says what to do; only a fault of ours shows its stack. */
function report(error: unknown): number {
  if (!(error instanceof LawspeakerError)) {
    console.error(error);
    return exit.failed;
  }
  console.error(`lawspeaker: ${error.message}`);
  if (error.advice !== undefined) {
    console.error(error.advice);
  }
  if (error instanceof UsageError) {
    console.error(`\n${usage}`);
  }
  return error instanceof SetupError || error instanceof UsageError ? exit.usage : exit.failed;
}
