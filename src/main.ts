#!/usr/bin/env node
// A command loads only what it needs: `--version` must not wait for the bot to be loaded.
import { readCommandLine } from './cli/command-line.ts';
import { exitStatus } from './cli/exit-status.ts';
import { outputTo } from './cli/output.ts';
import { helpLine, usage } from './cli/usage.ts';
import { databasePlace } from './config/database-place.ts';
import { LawspeakerError, SetupError, UsageError } from './core/errors.ts';
import { version } from './core/version.ts';

/** Writes to standard output. */
const print = outputTo(process.stdout, () => process.exit(exitStatus.done));

// What the bot creates is for its own account: databases, keys, backups, configurations.
process.umask(0o077);

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'init') {
    const { init } = await import('./cli/init.ts');
    await init(argv.slice(1), process.env);
    return exitStatus.done;
  }
  const { command, configFile, operand, options } = readCommandLine(argv);
  const readConfig = async () =>
    (await import('./config/load.ts')).loadConfig(configFile, process.env);
  switch (command) {
    case 'help':
      console.log(usage(operand));
      return exitStatus.done;
    case 'version':
      console.log(version);
      return exitStatus.done;
    case 'start': {
      const config = await readConfig();
      const { start } = await import('./cli/start.ts');
      await start(config);
      return exitStatus.done;
    }
    case 'check-config': {
      const { checkConfig } = await import('./cli/check-config.ts');
      return checkConfig(configFile, process.env, options.json);
    }
    case 'audit verify': {
      const config = await readConfig();
      const { verifyAuditLog } = await import('./cli/audit-verify.ts');
      return (await verifyAuditLog(config, { isOffline: options.offline }))
        ? exitStatus.done
        : exitStatus.failed;
    }
    case 'audit list':
    case 'audit export': {
      const { exportAuditLog, listAudit, readAuditRequest } = await import('./cli/audit.ts');
      const request = readAuditRequest(options, Date.now());
      const { database } = await readConfig();
      await (command === 'audit list' ? listAudit : exportAuditLog)(
        databasePlace(database),
        request,
        print,
      );
      return exitStatus.done;
    }
    case 'report': {
      const { printReport, readReportRequest } = await import('./cli/report.ts');
      const request = readReportRequest(options);
      const { database } = await readConfig();
      await printReport(databasePlace(database), request, print);
      return exitStatus.done;
    }
    case 'rules test': {
      const config = await readConfig();
      const { testRules } = await import('./cli/rules-test.ts');
      await testRules(config, options.since ?? '30d');
      return exitStatus.done;
    }
    case 'healthcheck': {
      const config = await readConfig();
      const { healthcheck } = await import('./cli/healthcheck.ts');
      return (await healthcheck(config, print)) ? exitStatus.done : exitStatus.failed;
    }
    case 'backup': {
      const config = await readConfig();
      const { backup } = await import('./cli/backup.ts');
      await backup(config, operand, print);
      return exitStatus.done;
    }
    case 'forget': {
      const config = await readConfig();
      const { forget } = await import('./cli/forget.ts');
      await forget(config, operand, options.yes === true, print);
      return exitStatus.done;
    }
    case 'restore': {
      const config = await readConfig();
      const { restore } = await import('./cli/restore.ts');
      await restore(config, operand, print);
      return exitStatus.done;
    }
    case 'move-database': {
      const from = options.from ?? databasePlace((await readConfig()).database);
      const { copyDatabase } = await import('./cli/move-database.ts');
      await copyDatabase({ from, to: options.to }, print, (message) => console.error(message));
      return exitStatus.done;
    }
    default:
      throw new UsageError(`Unknown command: ${command}.`);
  }
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
    return exitStatus.failed;
  }
  console.error(`lawspeaker: ${error.message}`);
  if (error.advice !== undefined) {
    console.error(error.advice);
  }
  if (error instanceof UsageError) {
    console.error(helpLine(process.argv.slice(2)));
  }
  return error instanceof SetupError || error instanceof UsageError
    ? exitStatus.usage
    : exitStatus.failed;
}
