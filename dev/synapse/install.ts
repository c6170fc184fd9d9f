import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

import { SetupError } from '../../src/core/errors.ts';
import { guarded } from './guarded-child.ts';
import { withLock } from './install-lock.ts';
import { findPython } from './python.ts';

/** The Synapse that tests and the demo run. */
export const synapseVersion = '1.163.2';

/** Written last: a folder without it holds an interrupted installation. */
const markerName = 'lawspeaker-installed.json';

/** What the user can do if Synapse can't run on this machine. */
const alternatives =
  'Set LAWSPEAKER_PYTHON to another Python, or LAWSPEAKER_TEST_HOMESERVER_URL to a Synapse that runs elsewhere.';

export interface InstallOptions {
  /** Receives short lines that tell the user what is happening. */
  readonly onProgress?: (line: string) => void;
  readonly env?: NodeJS.ProcessEnv;
}

/**
 * Installs Synapse into a virtual environment in the user's cache folder, once: later calls find
 * it there. If two runs install at the same time, the second one waits for the first.
 *
 * @returns the environment's Python; Synapse runs as `<python> -m synapse.app.…`
 * @throws SetupError no usable Python, no network, the cache folder isn't writable…
 */
export async function installSynapse(options: InstallOptions = {}): Promise<string> {
  const { onProgress = () => undefined, env = process.env } = options;
  if (process.platform === 'win32') {
    throw new SetupError(`Synapse does not run on Windows: use WSL. ${alternatives}`);
  }
  const cache = cacheFolder(env);
  const folder = path.join(cache, `synapse-${synapseVersion}`);
  const installed = await findInstalled(folder);
  if (installed !== undefined) {
    return installed;
  }
  const basePython = await findPython(env);
  try {
    await mkdir(cache, { recursive: true });
    return await withLock(
      path.join(cache, 'install.lock'),
      () => onProgress('Another run is installing Synapse; waiting for it…'),
      async () => (await findInstalled(folder)) ?? install(basePython, folder, env, onProgress),
    );
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!/^E[A-Z]+$|^SQLITE_/u.test(code)) {
      throw error;
    }
    throw new SetupError(
      `The cache folder ${cache} can't be written (${code}). Free some disk space if it is full ` +
        '(Synapse needs 250 MB), make it writable, or set XDG_CACHE_HOME to another folder.',
    );
  }
}

/** The folder that all checkouts share. The XDG specification says to ignore relative paths. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg !== undefined && path.isAbsolute(xdg)) {
    return path.join(xdg, 'lawspeaker');
  }
  const usual = process.platform === 'darwin' ? 'Library/Caches' : '.cache';
  return path.join(env['HOME'] ?? homedir(), usual, 'lawspeaker');
}

/** The Python in `folder`, if the installation is complete and its base Python hasn't changed. */
async function findInstalled(folder: string): Promise<string | undefined> {
  const python = path.join(folder, 'bin', 'python');
  try {
    const marker = JSON.parse(await readFile(path.join(folder, markerName), 'utf8')) as {
      basePython: string;
    };
    // The environment only links to its base Python, which may have been upgraded or removed.
    return marker.basePython === (await realpath(python)) ? python : undefined;
  } catch {
    return undefined;
  }
}

/** The caller holds the lock: nobody else installs. */
async function install(
  basePython: string,
  folder: string,
  env: NodeJS.ProcessEnv,
  onProgress: (line: string) => void,
): Promise<string> {
  onProgress(`Installing Synapse ${synapseVersion} (once, a minute or two)…`);
  const python = path.join(folder, 'bin', 'python');
  const marker = path.join(folder, markerName);
  // The marker goes first, so that no other run uses what is being removed.
  await rm(marker, { force: true });
  await removeIncomplete(path.dirname(folder));
  await mkdir(folder);
  try {
    const venv = await run(basePython, 'venv', [folder], env);
    if (venv !== undefined) {
      throw new SetupError(
        `${basePython} can't make a virtual environment: ${venv.at(-1)}. Install its venv module. ${alternatives}`,
      );
    }
    onProgress('Fetching packages…');
    const pip = await run(python, 'pip', pipArguments, env);
    if (pip !== undefined) {
      throw pipFailure(pip);
    }
    const help = await run(python, 'synapse.app.homeserver', ['--help'], env);
    if (help !== undefined) {
      throw new SetupError(
        `Synapse was installed but can't be imported: ${help.at(-1)}. ${alternatives}`,
      );
    }
    await writeFile(marker, JSON.stringify({ basePython: await realpath(python) }));
  } finally {
    await removeIncomplete(path.dirname(folder));
  }
  onProgress(`Installed Synapse ${synapseVersion} in ${folder}`);
  return python;
}

async function removeIncomplete(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const folder = path.join(cache, name);
    if (name.startsWith('synapse-') && !existsSync(path.join(folder, markerName))) {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** Wheels only: building from source needs a Rust toolchain and many minutes. */
const pipArguments = [
  'install --no-input --only-binary :all: --progress-bar off',
  '--disable-pip-version-check --retries 2 --timeout 20',
  `matrix-synapse==${synapseVersion}`,
].flatMap((part) => part.split(' '));

/**
 * Runs `python -m <module>` to its end.
 *
 * @returns its exit code and the lines that it printed, if it failed
 */
async function run(
  python: string,
  module: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[] | undefined> {
  // The user's settings for pip that would put packages outside our environment.
  const unset = ['TARGET', 'PREFIX', 'ROOT', 'USER', 'CONSTRAINT'];
  const options = {
    env: { ...env, ...Object.fromEntries(unset.map((name) => [`PIP_${name}`, undefined])) },
    maxBuffer: 2 ** 26,
  };
  try {
    await promisify(execFile)(python, guarded(module, args), options);
    return undefined;
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: unknown };
    const lines = `exit code ${String(code)}\n${stdout}\n${stderr}`.split('\n');
    return lines.map((line) => line.trim().slice(0, 300)).filter((line) => line !== '');
  }
}

/**
 * Explains a failed pip in one line. pip says why only in words, so this reads them.
 *
 * @param lines what it printed
 */
export function pipFailure(lines: readonly string[]): SetupError {
  const output = lines.join('\n');
  const error = lines.findLast((line) => line.startsWith('ERROR:')) ?? lines.at(-1) ?? '';
  const why = error.replace('ERROR:', '').trim();
  const reason = /No space left on device/u.test(output)
    ? 'the disk is full. Free some space and try again.'
    : /Retrying \(|NewConnectionError|name resolution|ConnectTimeout|SSLError/u.test(output)
      ? 'pip could not reach the Python package index. Check the network and proxy, or set PIP_INDEX_URL to a mirror, and try again.'
      : /No matching distribution/u.test(output)
        ? `${why}; there may be no wheel of it for this Python and system. ${alternatives}`
        : `pip failed: ${why}`;
  return new SetupError(`Synapse was not installed: ${reason}`);
}
