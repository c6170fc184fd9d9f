import { statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';

import { systemCodeOf } from './system-error.ts';

/**
 * Whether other users of this machine can use a file or folder: its mode has one of these bits, and they can
 * enter all folders on the way.
 *
 * @param bits for example 0o077: the group and everybody else may do anything
 * @returns false if there is no such file, or if this process can't enter the folder that it is in
 */
export function isOpenToOthers(place: string, bits: number): boolean {
  const found = lookAt(place);
  return found !== undefined && (found.mode & bits) !== 0 && isReachable(path.resolve(place), bits);
}

function lookAt(place: string): Stats | undefined {
  try {
    return statSync(place, { throwIfNoEntry: false });
  } catch (error) {
    if (systemCodeOf(error) === 'EACCES') {
      return undefined;
    }
    throw error;
  }
}

function isReachable(place: string, bits: number): boolean {
  const folder = path.dirname(place);
  const enter = bits & 0o011;
  return folder === place || ((statSync(folder).mode & enter) !== 0 && isReachable(folder, bits));
}
