import { access, constants, mkdir, readdir, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

import { isAlive } from './guarded-child.ts';
import { SetupError, systemCode } from './setup-error.ts';

/** What an installation leaves when it is broken off: `<name>.building-<pid>-<random>` and such. */
const LEFTOVER = /^synapse-.+\.(?:building|lock)-(?<pid>\d+)-[0-9a-f]+(?:-stale)?$/;

/**
 * The folder that all checkouts share: `lawspeaker` in `$XDG_CACHE_HOME`, else in the user's usual
 * cache folder.
 */
export function cacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const xdg = env['XDG_CACHE_HOME'];
  // The XDG specification has relative paths ignored.
  if (xdg !== undefined && isAbsolute(xdg)) return join(xdg, 'lawspeaker');
  const home = env['HOME'] ?? homedir();
  const usual = process.platform === 'darwin' ? join('Library', 'Caches') : '.cache';
  return join(home, usual, 'lawspeaker');
}

/** @throws SetupError when the folder can't be made. */
export async function makeCacheFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw unwritable(folder, error);
  }
}

/** The SetupError for a failure to write in the cache folder. */
export function unwritable(folder: string, cause: unknown): SetupError {
  const code = systemCode(cause) ?? String(cause);
  const remedy =
    code === 'ENOSPC'
      ? 'The disk is full: make room (Synapse needs 250 MB)'
      : 'Make it writable, or set XDG_CACHE_HOME to a folder that is';
  return new SetupError(`The cache folder ${folder} can't be written (${code}). ${remedy}.`, {
    cause,
  });
}

/**
 * Removes what installations that were broken off left in the cache folder. Those of processes
 * that still run are left alone.
 *
 * @returns the names of what was removed.
 */
export async function sweepLeftovers(folder: string): Promise<string[]> {
  const swept: string[] = [];
  for (const name of await readdir(folder)) {
    const pid = Number(LEFTOVER.exec(name)?.groups?.['pid']);
    if (!Number.isInteger(pid) || isAlive(pid)) continue;
    await rm(join(folder, name), { recursive: true, force: true, maxRetries: 5 });
    swept.push(name);
  }
  return swept;
}
