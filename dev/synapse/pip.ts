import { once } from 'node:events';
import { createInterface } from 'node:readline';

import { endChild, spawnGuarded } from './guarded-child.ts';
import { SetupError } from './setup-error.ts';

export type OnProgress = (line: string) => void;

/** Often enough to show life, seldom enough to be read. */
const PROGRESS_INTERVAL_MS = 2_000;

/** Settings of the user's pip that would put packages elsewhere than in our environment. */
const MISLEADING = ['PIP_TARGET', 'PIP_PREFIX', 'PIP_ROOT', 'PIP_USER', 'PIP_CONSTRAINT'];

/**
 * Runs `python -m <module>` to its end, in `cwd`, and hands each line it prints to `onLine`. It
 * can't outlive this process.
 *
 * @returns the exit code (-1 when a signal ended it) and all that it printed.
 */
export async function runModule(
  python: string,
  module: string,
  args: readonly string[],
  { cwd, onLine }: { cwd: string; onLine?: (line: string) => void },
): Promise<{ exitCode: number; lines: string[] }> {
  const env = { ...process.env };
  for (const name of MISLEADING) delete env[name];
  const child = spawnGuarded({ python, module, args, output: 'pipe', env, cwd });
  const lines: string[] = [];
  const hear = (line: string): void => {
    lines.push(line);
    onLine?.(line);
  };
  if (child.stdout) createInterface(child.stdout).on('line', hear);
  if (child.stderr) createInterface(child.stderr).on('line', hear);
  try {
    const [code] = await once(child, 'close');
    return { exitCode: typeof code === 'number' ? code : -1, lines };
  } finally {
    await endChild(child, 0);
  }
}

/**
 * Installs packages from wheels only: a machine without a wheel would need a Rust toolchain and
 * many minutes, and is better told so at once.
 *
 * @throws SetupError when pip fails.
 */
export async function pipInstall(
  python: string,
  requirements: readonly string[],
  { cwd, onProgress }: { cwd: string; onProgress: OnProgress },
): Promise<void> {
  const quiet = ['--no-input', '--disable-pip-version-check', '--progress-bar', 'off'];
  const network = ['--retries', '2', '--timeout', '20'];
  // Compiled afterwards on all processors; pip would use one.
  const args = ['install', ...quiet, ...network, '--only-binary', ':all:', '--no-compile'];
  const onLine = progressOfPip(onProgress);
  const { exitCode, lines } = await runModule(python, 'pip', [...args, ...requirements], {
    cwd,
    onLine,
  });
  if (exitCode !== 0) throw pipFailure(exitCode, lines);
}

/** Turns pip's lines into few and short ones. */
function progressOfPip(onProgress: OnProgress): (line: string) => void {
  let packages = 0;
  let lastMs = Date.now();
  return (line) => {
    if (line.startsWith('Installing collected packages')) {
      onProgress(`Unpacking ${line.split(',').length} packages…`);
      return;
    }
    if (line.startsWith('WARNING: Retrying')) {
      onProgress('The package index does not answer; trying again…');
      return;
    }
    const name = /^Collecting ([\w.-]+)/.exec(line)?.[1];
    if (name === undefined) return;
    packages += 1;
    if (Date.now() - lastMs < PROGRESS_INTERVAL_MS) return;
    lastMs = Date.now();
    onProgress(`Fetching packages: ${packages}, now ${name}…`);
  };
}

/** pip tells why only in words, so its words are read, but only to word our own line. */
export function pipFailure(exitCode: number, lines: readonly string[]): SetupError {
  const text = lines.join('\n');
  if (/No space left on device/.test(text)) {
    return new SetupError('Synapse was not installed: the disk is full. Make room and try again.');
  }
  const lastError = lines.findLast((line) => line.startsWith('ERROR:'))?.slice('ERROR:'.length);
  const network = /(?:Retrying \(|NewConnectionError|name resolution|ConnectTimeout|SSLError)/;
  if (network.test(text)) {
    return new SetupError(
      'Synapse was not installed: the Python package index could not be reached. Check the ' +
        'network and proxy, or point pip at a mirror (PIP_INDEX_URL), and try again.',
    );
  }
  if (/No matching distribution/.test(text)) {
    return new SetupError(
      `Synapse was not installed: ${lastError?.trim() ?? 'a package is missing'}; there may be ` +
        'no wheel of it for this Python and system. Set LAWSPEAKER_PYTHON to another Python, or ' +
        'LAWSPEAKER_TEST_HOMESERVER_URL to a Synapse that runs elsewhere.',
    );
  }
  const why = lastError ?? lines.findLast((line) => line.trim() !== '') ?? `exit code ${exitCode}`;
  return new SetupError(`Synapse was not installed: pip failed: ${why.trim().slice(0, 300)}`);
}
