import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { SetupError } from '../../src/core/errors.ts';

/** From Synapse's own lower bound to the newest Python for which its dependencies have wheels. */
const minors = [14, 13, 12, 11, 10] as const;
const supported = `Python 3.${minors.at(-1)} to 3.${minors[0]}`;
const commands = [...minors.map((minor) => `python3.${minor}`), 'python3', 'python'];

/** Prints `<major> <minor> <venv, or - without it> <path>`; Python 2 can run it. */
const probe = `
import sys
try:
    import ensurepip, venv
    found = 'venv'
except ImportError:
    found = '-'
print('%d %d %s %s' % (sys.version_info[:2] + (found, sys.executable)))
`;

/**
 * Finds a Python that can run Synapse and make virtual environments: `LAWSPEAKER_PYTHON` if it is
 * set, else the first suitable one on PATH.
 *
 * @returns its path; the real one if the command is a version manager's shim
 * @throws SetupError if no Python is suitable
 */
export async function findPython(env: NodeJS.ProcessEnv): Promise<string> {
  const chosen = env['LAWSPEAKER_PYTHON'];
  const problems: string[] = [];
  for (const command of chosen ? [chosen] : commands) {
    const run = promisify(execFile)(command, ['-c', probe], { env, timeout: 15_000 });
    // Without an answer, the command doesn't exist, or is a shim without a Python.
    const answer = await run.then(({ stdout }) => stdout.trim().split(' ')).catch(() => []);
    const [major, minor, venv, ...path] = answer;
    const version = `${major}.${minor}`;
    if (path.length === 0) {
      continue;
    } else if (major !== '3' || Number(minor) < minors[4]) {
      problems.push(`${command} is Python ${version}, too old`);
    } else if (Number(minor) > minors[0]) {
      problems.push(`${command} is Python ${version}, too new`);
    } else if (venv === '-') {
      const advice = `on Debian and Ubuntu: apt install python${version}-venv`;
      problems.push(`${command} is Python ${version} without venv or ensurepip; ${advice}`);
    } else {
      return path.join(' ');
    }
  }
  const found = problems.join('; ');
  throw new SetupError(
    chosen
      ? `LAWSPEAKER_PYTHON=${chosen} can't run Synapse (${found || "it can't be run"}). Set it to ${supported}, or unset it to search PATH.`
      : `No Python on PATH can run Synapse (${found || 'none was found'}). Install ${supported} with its venv module, or set LAWSPEAKER_PYTHON.`,
  );
}
