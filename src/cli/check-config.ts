import type { Check } from './check-config/check.ts';
import { runChecks } from './check-config/checks.ts';
import { exitStatus } from './exit-status.ts';

/**
 * Checks the configuration, the files that it names, and the set-up on the homeserver. Prints a line for
 * each check, and below it what to do; what fails goes to standard error.
 *
 * @param isJson whether to print `{ ok, checks: [{ name, ok, message, advice }] }` instead
 * @returns the exit status: 2 if the set-up is wrong, 1 if only the homeserver is away
 */
export async function checkConfig(
  file: string,
  environment: NodeJS.ProcessEnv,
  isJson = false,
): Promise<number> {
  const checks = await runChecks(file, environment);
  if (isJson) {
    printJson(checks);
  } else {
    checks.forEach(printCheck);
  }
  const failures = checks.filter(({ ok }) => !ok);
  if (failures.length === 0) {
    return exitStatus.done;
  }
  return failures.some(({ isLasting }) => isLasting === true)
    ? exitStatus.usage
    : exitStatus.failed;
}

function printJson(checks: readonly Check[]): void {
  const shown = checks.map(({ name, ok, message, advice }) => ({ name, ok, message, advice }));
  console.log(JSON.stringify({ ok: checks.every(({ ok }) => ok), checks: shown }, null, 2));
}

function printCheck({ ok, message, advice, isNextStep }: Check): void {
  if (!ok) {
    console.error(`lawspeaker: ${message}`);
    if (advice !== null) {
      console.error(advice);
    }
    return;
  }
  const warning = isNextStep === true ? '' : 'Warning: ';
  console.log(advice === null ? message : `${warning}${message}\n  ${advice}`);
}
