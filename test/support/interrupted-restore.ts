/**
 * Restores a backup in a process of its own, and stops at one of the steps that change a file. Run it with
 * an `Interruption` in JSON as the only argument. It prints the steps that it has begun, one a line.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

import Database from 'better-sqlite3';

import { LawspeakerError } from '../../src/core/errors.ts';
import { restoreDatabase } from '../../src/store/files/restore.ts';

/** Where a restore stops. */
export interface Interruption {
  readonly file: string;
  readonly backup: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The step, counted from 1, that is not done any more. 0: none. */
  readonly step: number;
  /** `kill` kills the process at that step; else the code of the error that the step fails with. */
  readonly how: string;
  /** Whether the file system has hard links. */
  readonly hasLinks: boolean;
}

type Step = (...parameters: unknown[]) => unknown;

const { file, backup, now, step, how, hasLinks } = JSON.parse(
  process.argv[2] ?? '{}',
) as Interruption;
let begun = 0;

function failure(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Whether a step changes anything: an absent file can't be removed, and closing a database in memory is no step. */
function isChange(name: string, place: unknown): boolean {
  return (
    (name !== 'rmSync' || fs.existsSync(String(place))) &&
    (name !== 'close' || place !== ':memory:')
  );
}

function interrupt(owner: object, name: string): void {
  const steps = owner as Record<string, Step>;
  const original = steps[name];
  if (original === undefined) {
    throw new TypeError(`there is no ${name}`);
  }
  steps[name] = function interrupted(this: unknown, ...parameters: unknown[]) {
    const place = this instanceof Database ? this.name : parameters[0];
    if (!isChange(name, place)) {
      return original.apply(this, parameters);
    }
    begun += 1;
    fs.writeSync(1, `${name}\n`);
    if (begun === step) {
      if (how !== 'kill') {
        throw failure(how);
      }
      process.kill(process.pid, 'SIGKILL');
    }
    return original.apply(this, parameters);
  };
}

for (const name of ['rmSync', 'linkSync', 'copyFileSync', 'renameSync', 'fsyncSync', 'chownSync']) {
  interrupt(fs, name);
}
// A connection that is closed does not fail.
for (const name of how === 'kill' ? ['backup', 'close'] : ['backup']) {
  interrupt(Database.prototype, name);
}
if (!hasLinks) {
  fs.linkSync = () => {
    throw failure('EPERM');
  };
}
syncBuiltinESMExports();

try {
  await restoreDatabase(file, backup, now);
} catch (error) {
  if (!(error instanceof LawspeakerError)) {
    throw error;
  }
  fs.writeSync(2, `${error.message}\n${error.advice ?? ''}\n`);
  process.exitCode = 2;
}
