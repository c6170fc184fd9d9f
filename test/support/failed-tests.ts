import { relative } from 'node:path';

import type { Reporter, TestCase, TestModule } from 'vitest/node';

const longestReason = 300;

/** Lists at the very end, a line each, what has failed: the last page of a long log then tells enough. */
export default class FailedTests implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap((module) => [
      ...module.errors().map((error) => lineFor(module, 'could not be run', error.message)),
      ...[...module.children.allTests('failed')].map((test) =>
        lineFor(module, test.fullName, reasonFor(test)),
      ),
    ]);
    if (lines.length > 0) {
      process.stdout.write(`Failed:\n${lines.join('\n')}\n`);
    }
  }
}

function reasonFor(test: TestCase): string {
  return test.result().errors?.[0]?.message ?? '';
}

function lineFor({ moduleId }: TestModule, name: string, reason: string): string {
  const file = relative(process.cwd(), moduleId);
  return `  ${file} > ${name}: ${reason.replaceAll(/\s+/gu, ' ').slice(0, longestReason)}`;
}
