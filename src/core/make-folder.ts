import { mkdirSync, statSync } from 'node:fs';
import path from 'node:path';

import { systemCodeOf } from './system-error.ts';

/**
 * Creates a folder, and those above it that are missing. Unlike `mkdirSync` with `recursive`, it also
 * returns where the file system has no room for folders, such as `/proc`.
 *
 * @param mode of the folders that it creates
 * @throws Error of the file system
 */
export function makeFolder(folder: string, mode: number): void {
  if (isFolder(folder)) {
    return;
  }
  const above = path.dirname(path.resolve(folder));
  if (above !== folder) {
    makeFolder(above, mode);
  }
  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    // Another process may have been faster.
    if (systemCodeOf(error) !== 'EEXIST' || !isFolder(folder)) {
      throw error;
    }
  }
}

function isFolder(place: string): boolean {
  return statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
}
