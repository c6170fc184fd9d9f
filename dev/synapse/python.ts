import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { SetupError, systemCode } from './setup-error.ts';

const execFileAsync = promisify(execFile);

/** Synapse's own lower bound, and the newest Python for which its dependencies have wheels. */
const OLDEST_MINOR = 10;
const NEWEST_MINOR = 14;
const SUPPORTED = `Python 3.${OLDEST_MINOR} to 3.${NEWEST_MINOR}`;
const PROBE_TIMEOUT_MS = 15_000;

/**
 * Prints `<implementation> <major> <minor> <missing module or -> <executable>`, the last for what
 * hides behind a version manager's stand-in. Must parse on Python 2 too.
 */
const PROBE = `
import sys
missing = '-'
for name in ('venv', 'ensurepip'):
    try:
        __import__(name)
    except ImportError:
        missing = name
        break
implementation = getattr(getattr(sys, 'implementation', None), 'name', 'python2')
version = sys.version_info
print(' '.join([implementation, str(version[0]), str(version[1]), missing, sys.executable]))
`;

type Probe =
  | { outcome: 'usable'; executable: string }
  | { outcome: 'absent' }
  | { outcome: 'unusable'; why: string };

/**
 * Finds a Python that Synapse runs on and that can make virtual environments: the one that
 * `LAWSPEAKER_PYTHON` names, else the first of python3.14 … python3.10, python3, python on PATH
 * that will do.
 *
 * @returns its path.
 * @throws SetupError when there is none.
 */
export async function findPython(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const chosen = env['LAWSPEAKER_PYTHON'];
  if (chosen !== undefined && chosen !== '') {
    const probe = await probePython(chosen, env);
    if (probe.outcome === 'usable') return probe.executable;
    const why = probe.outcome === 'absent' ? "it can't be run" : probe.why;
    throw new SetupError(
      `LAWSPEAKER_PYTHON=${chosen} can't be used for Synapse: ${why}. ` +
        `Set it to ${SUPPORTED}, or unset it to search PATH.`,
    );
  }

  const reasons: string[] = [];
  for (const command of candidates()) {
    const probe = await probePython(command, env);
    if (probe.outcome === 'usable') return probe.executable;
    if (probe.outcome === 'unusable') reasons.push(`${command}: ${probe.why}`);
  }
  const found = reasons.length === 0 ? 'no Python is on PATH' : reasons.join('; ');
  throw new SetupError(
    `No Python that Synapse can run on (${found}). Install ${SUPPORTED} with its venv module, ` +
      `or set LAWSPEAKER_PYTHON to one.`,
  );
}

function candidates(): string[] {
  const names: string[] = [];
  for (let minor = NEWEST_MINOR; minor >= OLDEST_MINOR; minor--) names.push(`python3.${minor}`);
  return [...names, 'python3', 'python'];
}

async function probePython(command: string, env: NodeJS.ProcessEnv): Promise<Probe> {
  let output: string;
  try {
    const result = await execFileAsync(command, ['-c', PROBE], { env, timeout: PROBE_TIMEOUT_MS });
    output = result.stdout;
  } catch (error) {
    // ENOENT: not there. A number: it ran and failed, as version managers' stand-ins do for the
    // versions that aren't switched on. Both mean "look at the next one".
    if (systemCode(error) !== 'EACCES') return { outcome: 'absent' };
    return { outcome: 'unusable', why: 'it may not be run (EACCES)' };
  }

  const [implementation = '', major = '', minor = '', missing = '', ...path] = output
    .trim()
    .split(' ');
  const version = `${major}.${minor}`;
  if (!/^\d+\.\d+$/.test(version)) return { outcome: 'unusable', why: 'it is no Python' };
  if (Number(major) !== 3 || Number(minor) < OLDEST_MINOR) {
    return { outcome: 'unusable', why: `it is Python ${version}, too old` };
  }
  if (Number(minor) > NEWEST_MINOR) {
    return { outcome: 'unusable', why: `it is Python ${version}, too new` };
  }
  if (implementation !== 'cpython') {
    return { outcome: 'unusable', why: `it is ${implementation}, not CPython` };
  }
  if (missing !== '-') {
    const remedy = `on Debian and Ubuntu: apt install python${version}-venv`;
    return { outcome: 'unusable', why: `its ${missing} module is missing (${remedy})` };
  }
  return { outcome: 'usable', executable: path.join(' ') };
}
