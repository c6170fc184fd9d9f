import { statSync } from 'node:fs';
import type { Stats } from 'node:fs';
import path from 'node:path';

import { systemCodeOf } from './system-error.ts';

/** A file or folder that other users of this machine can use, and what to do. Each is a sentence. */
export interface OpenPlace {
  readonly message: string;
  readonly advice: string;
}

/**
 * Whether other users of this machine can use a file or folder: its mode has one of these bits, and they can
 * enter all folders on the way.
 *
 * @param bits for example 0o077: the group and everybody else may do anything
 * @returns false if the file does not exist, or if it is hidden
 */
export function isOpenToOthers(place: string, bits: number): boolean {
  const found = statOf(place);
  return (
    typeof found === 'object' && (found.mode & bits) !== 0 && isReachable(path.resolve(place), bits)
  );
}

/** Whether this process can't enter the folder that a file is in, so that it can't know who can use it. */
export function isHidden(place: string): boolean {
  return statOf(place) === 'hidden';
}

function statOf(place: string): Stats | 'hidden' | undefined {
  try {
    return statSync(place, { throwIfNoEntry: false });
  } catch (error) {
    if (systemCodeOf(error) === 'EACCES') {
      return 'hidden';
    }
    throw error;
  }
}

function isReachable(place: string, bits: number): boolean {
  const folder = path.dirname(place);
  const enter = ((bits & 0o070) === 0 ? 0 : 0o010) | ((bits & 0o007) === 0 ? 0 : 0o001);
  return folder === place || ((statSync(folder).mode & enter) !== 0 && isReachable(folder, bits));
}
