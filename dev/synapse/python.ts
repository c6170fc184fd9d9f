import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { SetupError } from '../../src/core/errors.ts';

/** Synapse's own lower bound, and the newest Python for which its dependencies have wheels. */
const OLDEST_MINOR = 10;
const NEWEST_MINOR = 14;
const SUPPORTED = `Python 3.${OLDEST_MINOR} to 3.${NEWEST_MINOR}`;
const COMMANDS = [14, 13, 12, 11, 10]
  .map((minor) => `python3.${minor}`)
  .concat('python3', 'python');

/** Prints `<implementation> <major> <minor> <missing module or -> <path>`; Python 2 can parse it. */
const PROBE = `
import sys
missing = '-'
for name in ('ensurepip', 'venv'):
    try:
        __import__(name)
    except ImportError:
        missing = name
implementation = getattr(getattr(sys, 'implementation', None), 'name', 'python2')
print(' '.join([implementation] + [str(n) for n in sys.version_info[:2]] + [missing, sys.executable]))
`;

/**
 * Finds a Python that can run Synapse and make virtual environments: `LAWSPEAKER_PYTHON` if it is
 * set, else the first suitable one on PATH.
 *
 * @returns its path; the real one if the command is a version manager's shim.
 * @throws SetupError if no Python is suitable.
 */
export async function findPython(env: NodeJS.ProcessEnv): Promise<string> {
  const chosen = env['LAWSPEAKER_PYTHON'];
  const problems: string[] = [];
  for (const command of chosen ? [chosen] : COMMANDS) {
    const [implementation, major, minor, missing, ...path] = await probe(command, env);
    if (path.length === 0) continue;
    const version = `${major}.${minor}`;
    const problem =
      Number(major) < 3 || Number(minor) < OLDEST_MINOR
        ? `Python ${version}, too old`
        : Number(minor) > NEWEST_MINOR
          ? `Python ${version}, too new`
          : implementation !== 'cpython'
            ? `${implementation}, not CPython`
            : missing !== '-'
              ? `without ${missing}; on Debian and Ubuntu: apt install python${version}-venv`
              : undefined;
    if (problem === undefined) return path.join(' ');
    problems.push(`${command} is ${problem}`);
  }
  const found = problems.join('; ');
  throw new SetupError(
    chosen
      ? `LAWSPEAKER_PYTHON=${chosen} can't run Synapse (${found || "it can't be run"}). Set it to ${SUPPORTED}, or unset it to search PATH.`
      : `No Python on PATH can run Synapse (${found || 'none was found'}). Install ${SUPPORTED} with its venv module, or set LAWSPEAKER_PYTHON.`,
  );
}

/** @returns nothing if the command doesn't exist, or is a shim without a Python. */
async function probe(command: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const run = promisify(execFile)(command, ['-c', PROBE], { env, timeout: 15_000 });
  return run.then(
    ({ stdout }) => stdout.trim().split(' '),
    () => [],
  );
}
