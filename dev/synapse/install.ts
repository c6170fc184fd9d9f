import { randomBytes } from 'node:crypto';
import { mkdir, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { cacheFolder, makeCacheFolder, sweepLeftovers, unwritable } from './cache-folder.ts';
import { takeLock } from './install-lock.ts';
import { pipInstall, runModule } from './pip.ts';
import type { OnProgress } from './pip.ts';
import { findPython } from './python.ts';
import { SetupError, systemCode } from './setup-error.ts';

/** The Synapse that tests and the demo run, and that `shared/facts` describes. */
export const SYNAPSE_VERSION = '1.163.2';

/** Written last: a folder that has it was installed to the end and tried. */
const MARKER = 'lawspeaker-installed.json';

export interface InstalledSynapse {
  /** Path of the virtual environment's Python; Synapse runs as `<python> -m synapse.app.…`. */
  python: string;
  version: string;
}

export interface InstallOptions {
  onProgress?: OnProgress | undefined;
  env?: NodeJS.ProcessEnv | undefined;
}

/**
 * Installs Synapse into a virtual environment in the user's cache folder, once: later calls find
 * it there and return at once. It is built aside and renamed into place, so it's there whole or
 * not at all; a second run at the same time waits for the first.
 *
 * @param onProgress gets short lines fit for a human while something is being done.
 * @throws SetupError no usable Python, no network, cache folder not writable…
 */
export async function installSynapse(options: InstallOptions = {}): Promise<InstalledSynapse> {
  const { onProgress = () => undefined, env = process.env } = options;
  if (process.platform === 'win32') {
    throw new SetupError(
      'Synapse does not run on Windows: use WSL, or set LAWSPEAKER_TEST_HOMESERVER_URL to a ' +
        'Synapse that runs elsewhere.',
    );
  }
  const cache = cacheFolder(env);
  const target = join(cache, `synapse-${SYNAPSE_VERSION}`);
  const ready = await findInstalled(target);
  if (ready) return ready;

  const basePython = await findPython(env);
  await makeCacheFolder(cache);
  try {
    const release = await takeLock(`${target}.lock`, (pid) => {
      onProgress(`Another run (pid ${pid}) is installing Synapse; waiting for it…`);
    });
    try {
      await sweepLeftovers(cache);
      return (await findInstalled(target)) ?? (await buildAndPlace(basePython, target, onProgress));
    } finally {
      await release();
    }
  } catch (error) {
    if (error instanceof SetupError || systemCode(error) === undefined) throw error;
    throw unwritable(cache, error);
  }
}

/** What is installed in `target`, if it is whole and its base Python is still the same one. */
async function findInstalled(target: string): Promise<InstalledSynapse | undefined> {
  const python = environmentPython(target);
  try {
    const marker: unknown = JSON.parse(await readFile(join(target, MARKER), 'utf8'));
    if (typeof marker !== 'object' || marker === null) return undefined;
    // An environment only links to the Python it was made with, which can be upgraded or removed.
    const same = 'basePython' in marker && marker.basePython === (await realpath(python));
    return same ? { python, version: SYNAPSE_VERSION } : undefined;
  } catch {
    return undefined;
  }
}

async function buildAndPlace(
  basePython: string,
  target: string,
  onProgress: OnProgress,
): Promise<InstalledSynapse> {
  const building = `${target}.building-${process.pid}-${randomBytes(4).toString('hex')}`;
  onProgress(`Installing Synapse ${SYNAPSE_VERSION} (once, about a minute)…`);
  try {
    await mkdir(building);
    await build(basePython, building, onProgress);
    await place(building, target);
  } finally {
    await rm(building, { recursive: true, force: true, maxRetries: 5 });
  }

  const installed = await findInstalled(target);
  if (!installed) throw new SetupError(`Synapse was installed in ${target}, but is not there.`);
  await verify(installed.python, target);
  onProgress(`Installed Synapse ${SYNAPSE_VERSION} in ${target}`);
  return installed;
}

async function build(basePython: string, folder: string, onProgress: OnProgress): Promise<void> {
  const made = await runModule(basePython, 'venv', [folder], { cwd: folder });
  if (made.exitCode !== 0) {
    const why = made.lines.findLast((line) => line.trim() !== '') ?? `exit code ${made.exitCode}`;
    throw new SetupError(
      `${basePython} can't make a virtual environment: ${why.slice(0, 300)}. Install its venv ` +
        'module, or set LAWSPEAKER_PYTHON to another Python.',
    );
  }
  const python = environmentPython(folder);
  await pipInstall(python, [`matrix-synapse==${SYNAPSE_VERSION}`], { cwd: folder, onProgress });

  // Compiled now, or the first start would do it and take seconds longer; what can't be compiled
  // (packages ship templates that aren't Python) is no reason to fail.
  onProgress('Compiling…');
  await runModule(python, 'compileall', ['-q', '-j', '0', 'lib'], { cwd: folder });
  await verify(python, folder);
  const marker = { version: SYNAPSE_VERSION, basePython: await realpath(python) };
  await writeFile(join(folder, MARKER), `${JSON.stringify(marker)}\n`);
}

/** Moves the finished folder into place; what is there already stays if it's whole. */
async function place(building: string, target: string): Promise<void> {
  try {
    await rename(building, target);
    return;
  } catch (error) {
    if (!['ENOTEMPTY', 'EEXIST'].includes(systemCode(error) ?? '')) throw error;
  }
  if (await findInstalled(target)) return;
  // Damaged, or its Python is gone: out of the way first, under a name that will be swept.
  const damaged = `${building}00`;
  await rename(target, damaged);
  await rename(building, target);
  await rm(damaged, { recursive: true, force: true, maxRetries: 5 });
}

/** Imports what a start imports, in the environment at `folder`. */
async function verify(python: string, folder: string): Promise<void> {
  const { exitCode, lines } = await runModule(python, 'synapse.app.homeserver', ['--help'], {
    cwd: folder,
  });
  if (exitCode === 0) return;
  const why = lines.findLast((line) => line.trim() !== '') ?? `exit code ${exitCode}`;
  throw new SetupError(
    `Synapse was installed but can't be imported: ${why.slice(0, 300)}. Set LAWSPEAKER_PYTHON to ` +
      'another Python, or LAWSPEAKER_TEST_HOMESERVER_URL to a Synapse that runs elsewhere.',
  );
}

function environmentPython(folder: string): string {
  return join(folder, 'bin', 'python');
}
