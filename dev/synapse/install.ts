import { once } from 'node:events';
import { mkdir, readFile, readdir, realpath, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';

import { SetupError } from '../../src/core/errors.ts';
import { spawnGuarded } from './guarded-child.ts';
import { takeLock } from './install-lock.ts';
import { findPython } from './python.ts';

/** The Synapse that tests and the demo run. */
export const SYNAPSE_VERSION = '1.163.2';

/** Written last: a folder without it holds an interrupted installation. */
const MARKER = 'lawspeaker-installed.json';

/** What the user can do if Synapse can't run on this machine. */
const ALTERNATIVES =
  'Set LAWSPEAKER_PYTHON to another Python, or LAWSPEAKER_TEST_HOMESERVER_URL to a Synapse that runs elsewhere.';

export interface InstallOptions {
  /** Receives short lines that tell the user what is happening. */
  readonly onProgress?: ((line: string) => void) | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Installs Synapse into a virtual environment in the user's cache folder, once: later calls find
 * it there. If two runs install at the same time, the second one waits for the first.
 *
 * @returns the environment's Python; Synapse runs as `<python> -m synapse.app.…`.
 * @throws SetupError no usable Python, no network, the cache folder isn't writable…
 */
export async function installSynapse(options: InstallOptions = {}): Promise<string> {
  const { onProgress = () => undefined, env = process.env } = options;
  if (process.platform === 'win32') {
    throw new SetupError(`Synapse does not run on Windows: use WSL. ${ALTERNATIVES}`);
  }
  const cache = cacheFolder(env);
  const folder = path.join(cache, `synapse-${SYNAPSE_VERSION}`);
  const installed = await findInstalled(folder);
  if (installed !== undefined) return installed;

  const basePython = await findPython(env);
  try {
    await mkdir(cache, { recursive: true });
    const lock = await takeLock(path.join(cache, 'install.lock'), () => {
      onProgress('Another run is installing Synapse; waiting for it…');
    });
    try {
      await removeInterrupted(cache);
      return (await findInstalled(folder)) ?? (await install(basePython, folder, env, onProgress));
    } finally {
      lock[Symbol.dispose]();
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    if (!/^E[A-Z]+$|^SQLITE_/u.test(code)) throw error;
    throw new SetupError(
      `The cache folder ${cache} can't be written (${code}). Free some disk space if it is full ` +
        '(Synapse needs 250 MB), make it writable, or set XDG_CACHE_HOME to another folder.',
    );
  }
}

/** The folder that all checkouts share. The XDG specification says to ignore relative paths. */
function cacheFolder(env: NodeJS.ProcessEnv): string {
  const xdg = env['XDG_CACHE_HOME'];
  if (xdg !== undefined && path.isAbsolute(xdg)) return path.join(xdg, 'lawspeaker');
  const usual = process.platform === 'darwin' ? 'Library/Caches' : '.cache';
  return path.join(env['HOME'] ?? homedir(), usual, 'lawspeaker');
}

/** The Python in `folder`, if the installation is complete and its base Python hasn't changed. */
async function findInstalled(folder: string): Promise<string | undefined> {
  const python = path.join(folder, 'bin', 'python');
  try {
    const marker = JSON.parse(await readFile(path.join(folder, MARKER), 'utf8')) as Marker;
    // The environment only links to its base Python, which may have been upgraded or removed.
    return marker.basePython === (await realpath(python)) ? python : undefined;
  } catch {
    return undefined;
  }
}

interface Marker {
  readonly version: string;
  readonly basePython: string;
}

/** Removes interrupted installations. The caller holds the lock, so nobody is still at work there. */
async function removeInterrupted(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    const folder = path.join(cache, name);
    const isComplete = await readFile(path.join(folder, MARKER)).then(Boolean, () => false);
    if (name.startsWith('synapse-') && !isComplete) await removeFolder(folder);
  }
}

async function install(
  basePython: string,
  folder: string,
  env: NodeJS.ProcessEnv,
  onProgress: (line: string) => void,
): Promise<string> {
  onProgress(`Installing Synapse ${SYNAPSE_VERSION} (once, about a minute)…`);
  // The marker goes first, so that no other run uses what is being removed.
  await rm(path.join(folder, MARKER), { force: true });
  await removeFolder(folder);
  await mkdir(folder);
  try {
    const run = async (python: string, module: string, ...args: string[]) =>
      runModule(python, module, args, { env, cwd: folder });
    const venv = await run(basePython, 'venv', folder);
    if (venv.exitCode !== 0) {
      throw new SetupError(
        `${basePython} can't make a virtual environment: ${lastLine(venv)}. Install its venv module. ${ALTERNATIVES}`,
      );
    }
    const python = path.join(folder, 'bin', 'python');
    onProgress('Fetching packages…');
    // Wheels only: building from source needs a Rust toolchain and many minutes.
    const wheels = ['--only-binary', ':all:', '--no-compile', '--progress-bar', 'off'];
    const network = ['--disable-pip-version-check', '--retries', '2', '--timeout', '20'];
    const synapse = `matrix-synapse==${SYNAPSE_VERSION}`;
    const pip = await run(python, 'pip', 'install', '--no-input', ...wheels, ...network, synapse);
    if (pip.exitCode !== 0) throw pipFailure(pip);

    // On all processors: pip would use one, and the first start would take seconds longer. Some
    // packages ship templates that don't compile, so the exit code says nothing.
    onProgress('Compiling…');
    await run(python, 'compileall', '-q', '-j', '0', 'lib');
    const help = await run(python, 'synapse.app.homeserver', '--help');
    if (help.exitCode !== 0) {
      throw new SetupError(
        `Synapse was installed but can't be imported: ${lastLine(help)}. ${ALTERNATIVES}`,
      );
    }
    const marker: Marker = { version: SYNAPSE_VERSION, basePython: await realpath(python) };
    await writeFile(path.join(folder, MARKER), JSON.stringify(marker));
    onProgress(`Installed Synapse ${SYNAPSE_VERSION} in ${folder}`);
    return python;
  } catch (error) {
    await removeFolder(folder);
    throw error;
  }
}

interface Finished {
  /** null if a signal ended the program. */
  readonly exitCode: number | null;
  /** What the program printed, without empty lines. */
  readonly lines: readonly string[];
}

/** Runs `python -m <module>` to its end. */
async function runModule(
  python: string,
  module: string,
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; cwd: string },
): Promise<Finished> {
  const env = { ...options.env };
  // The user's settings for pip that would put packages outside our environment.
  for (const name of ['TARGET', 'PREFIX', 'ROOT', 'USER', 'CONSTRAINT']) delete env[`PIP_${name}`];
  const child = spawnGuarded({ ...options, python, module, args, output: 'pipe', env });
  const outputs = [child.stdout, child.stderr].filter((output) => output !== null);
  const [texts] = await Promise.all([Promise.all(outputs.map(text)), once(child, 'close')]);
  const lines = texts
    .join('\n')
    .split('\n')
    .filter((line) => line.trim() !== '');
  return { exitCode: child.exitCode, lines };
}

/** Explains a failed pip in one line. pip says why only in words, so this reads them. */
export function pipFailure(pip: Finished): SetupError {
  const output = pip.lines.join('\n');
  const error = pip.lines.findLast((line) => line.startsWith('ERROR:'));
  const why = error?.slice('ERROR:'.length).trim().slice(0, 300) ?? lastLine(pip);
  const reason = /No space left on device/u.test(output)
    ? 'the disk is full. Free some space and try again.'
    : /Retrying \(|NewConnectionError|name resolution|ConnectTimeout|SSLError/u.test(output)
      ? 'pip could not reach the Python package index. Check the network and proxy, or set PIP_INDEX_URL to a mirror, and try again.'
      : /No matching distribution/u.test(output)
        ? `${why}; there may be no wheel of it for this Python and system. ${ALTERNATIVES}`
        : `pip failed: ${why}`;
  return new SetupError(`Synapse was not installed: ${reason}`);
}

function lastLine({ exitCode, lines }: Finished): string {
  return lines.at(-1)?.trim().slice(0, 300) ?? `exit code ${exitCode}`;
}

async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}
