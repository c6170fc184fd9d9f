#!/usr/bin/env node
import { createClient, startApp } from './app/app.ts';
import { checkSetup } from './app/setup.ts';
import type { Setup } from './app/setup.ts';
import { loadCommands } from './chat/command/load-commands.ts';
import { createRegistry } from './chat/command/registry.ts';
import { readValue } from './chat/reading/values.ts';
import { exportAuditLog, listAudit, readAuditRequest } from './cli/audit.ts';
import { backup } from './cli/backup.ts';
import { readCommandLine } from './cli/command-line.ts';
import { outputTo } from './cli/output.ts';
import { loadConfig, placesOf } from './config/load.ts';
import type { Config } from './config/schema.ts';
import { LawspeakerError, SetupError, UsageError } from './core/errors.ts';
import { version } from './core/version.ts';
import { createMoves } from './matrix/room/upgrade.ts';
import { createLog } from './observability/log.ts';
import { readReplayData } from './reports/rules/replay-input.ts';
import type { ReplayData } from './reports/rules/replay-input.ts';
import { matchLine, summaryLines } from './reports/rules/replay-text.ts';
import { replay } from './reports/rules/replay.ts';
import { createRules } from './reports/rules/rule.ts';
import type { Rule } from './reports/rules/rule.ts';
import { openStore } from './store/store.ts';

const usage = `Usage: lawspeaker COMMAND [--config FILE]

  start          run the bot
  check-config   check the configuration, also with the homeserver
  audit verify   check the hash chain of the audit log
  audit list     show the newest entries of the audit log
  audit export   print all entries, oldest first
                 both take --by @user:server, --target, --command, --status,
                 --since 7d, --until, --limit, --format jsonl or csv
  backup FILE    copy the database to a new file; the bot may be running
  rules test     show what the rules would have done with the reports of the
                 last 30 days; other periods: --since 7d, --since 2026-11-01
  --version, --help

The default FILE is config/lawspeaker.yaml.`;

/** Writes to standard output. */
const print = outputTo(process.stdout, () => process.exit(exit.done));

/** Exit statuses: done, failed, usage or configuration error. */
const exit = { done: 0, failed: 1, usage: 2 } as const;

async function main(argv: readonly string[]): Promise<number> {
  const { command, configFile, operand, options } = readCommandLine(argv);
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
    case 'audit list':
    case 'audit export': {
      const request = readAuditRequest(options, Date.now());
      const { database } = loadConfig(configFile, process.env);
      await (command === 'audit list' ? listAudit : exportAuditLog)(database.path, request, print);
      return exit.done;
    }
    case 'rules test':
      return testRules(loadConfig(configFile, process.env), options.since ?? '30d');
    case 'backup':
      await backup(loadConfig(configFile, process.env), operand, print);
      return exit.done;
    default:
      throw new UsageError(`Unknown command: ${command}.`);
  }
}

/** Runs until a signal, or until an error that waiting doesn't fix. */
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
  console.log(`${configFile}: valid`);
  const rules = await rulesOf(config);
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
  return exit.done;
}

async function verifyAuditLog(config: Config): Promise<number> {
  const store = await openStore(config.database.path, { readonly: true });
  const posted = await store.anchor.get();
  const { count, head, fault } = await store.auditLog.verify(posted);
  await store.close();
  const postedText =
    posted === undefined
      ? 'No head has been posted in the room yet.'
      : `Posted in the room at ${new Date(posted.at).toISOString()}: row ${posted.count}, head ${posted.head}`;
  if (fault !== undefined) {
    console.error(`The audit log was tampered with: row ${fault.id} is ${fault.kind}.`);
    console.error(`The ${count} rows before it are in order.`);
    console.error(postedText);
    return exit.failed;
  }
  console.log(`${count} rows in order, head ${head}`);
  console.log(postedText);
  return exit.done;
}

/** Used if the homeserver's name is not known: rules can be checked without it. */
const anyServer = 'localhost';

/** @throws SetupError a rule can't be used */
async function rulesOf(config: Config, serverName = anyServer): Promise<Rule[]> {
  const registry = createRegistry(await loadCommands());
  return createRules(config.reports.rules, {
    registry,
    serverName,
    prefix: config.commands.prefix,
    commandRoles: config.roles.commands,
    places: placesOf(config),
  });
}

/** Reads the database, also while the bot uses it, and changes nothing. */
async function testRules(config: Config, sinceText: string): Promise<number> {
  await rulesOf(config);
  const since = readSince(sinceText);
  const data = await readStored(config);
  const rules = await rulesOf(config, data.serverName);
  if (rules.length === 0) {
    console.log('There are no rules: reports.rules is empty.');
  }
  const { maxActionsPerHour } = config.reports;
  const replayed = replay(data, rules, { since, maxActionsPerHour });
  replayed.matches.forEach((match) => console.log(matchLine(match)));
  summaryLines(replayed, rules, since).forEach((line) => console.log(line));
  return exit.done;
}

async function readStored(config: Config): Promise<ReplayData> {
  const store = await openStore(config.database.path, { readonly: true });
  try {
    return await readReplayData(store);
  } finally {
    await store.close();
  }
}

/** Milliseconds since 1970. @throws UsageError */
function readSince(text: string): number {
  const date = readValue(
    text,
    { place: 'flag', kind: 'date', options: {} },
    { serverName: anyServer, now: Date.now(), prefix: '' },
  );
  return Number(date);
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.exitCode = report(error);
}
// Open connections must not keep the process alive.
process.exit();

/** Prints an error: expected errors with advice, internal errors with their stack. */
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
