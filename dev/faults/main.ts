import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { seededFaults } from './faults.ts';
import type { SeededFault } from './faults.ts';

/**
 * Puts each fault into the code in turn, runs the test that must notice it, and restores the file.
 * Arguments select the faults whose name or file contains one of them. The exit status is 1 if a fault
 * is not noticed.
 */
const root = fileURLToPath(new URL('../../', import.meta.url));

/** The names of the tests that fail. */
async function failingTests(test: string): Promise<string[]> {
  const vitest = ['vitest', 'run', '--reporter=tap-flat', '--maxWorkers=1', test];
  const output = await new Promise<string>((resolve) => {
    execFile('npx', vitest, { cwd: root }, (_error, stdout) => resolve(stdout));
  });
  return [...output.matchAll(/^not ok \d+ - (?<name>.*?)(?: # time=.*)?$/gmu)].flatMap(
    ({ groups }) => groups?.['name'] ?? [],
  );
}

/** Whether a test notices the fault. */
async function isNoticed({ name, file, right, wrong, test }: SeededFault): Promise<boolean> {
  const path = `${root}${file}`;
  const code = readFileSync(path, 'utf8');
  if (code.split(right).length !== 2) {
    console.log(`✗ ${name}: ${file} no longer contains the code`);
    return false;
  }
  const restore = () => writeFileSync(path, code);
  process.once('exit', restore);
  writeFileSync(
    path,
    code.replace(right, () => wrong),
  );
  const [first] = await failingTests(test);
  restore();
  process.off('exit', restore);
  console.log(first === undefined ? `✗ ${name}: nothing fails in ${test}` : `✓ ${name}: ${first}`);
  return first !== undefined;
}

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => process.exit(1));
}
const words = process.argv.slice(2);
const chosen = seededFaults.filter(
  ({ name, file }) =>
    words.length === 0 || words.some((word) => name.includes(word) || file.includes(word)),
);
let noticed = 0;
for (const fault of chosen) {
  noticed += (await isNoticed(fault)) ? 1 : 0;
}
console.log(`${noticed} of ${chosen.length} faults noticed`);
process.exitCode = noticed === chosen.length ? 0 : 1;
