import { statSync } from 'node:fs';
import path from 'node:path';

/**
 * Whether other users of this machine can use a file or folder: its mode has one of these bits, and they can
 * enter all folders on the way.
 *
 * @param bits for example 0o077: the group and everybody else may do anything
 * @returns false if there is no such file
 */
export function isOpenToOthers(place: string, bits: number): boolean {
  const found = statSync(place, { throwIfNoEntry: false });
  return found !== undefined && (found.mode & bits) !== 0 && isReachable(path.resolve(place), bits);
}

function isReachable(place: string, bits: number): boolean {
  const folder = path.dirname(place);
  const enter = bits & 0o011;
  return folder === place || ((statSync(folder).mode & enter) !== 0 && isReachable(folder, bits));
}
