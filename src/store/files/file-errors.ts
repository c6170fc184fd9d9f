import { systemCodeOf } from '../../core/system-error.ts';

/**
 * The code of an error of the file system or of SQLite, such as `EACCES` or `SQLITE_FULL`.
 *
 * @returns undefined for any other error
 */
export function fileErrorCode(error: unknown): string | undefined {
  const code = systemCodeOf(error);
  return /^(?:E[A-Z0-9]+|SQLITE_\w+)$/u.test(code) ? code : undefined;
}

/**
 * What to do about an error of the file system or of SQLite, as a sentence.
 *
 * @param code from `fileErrorCode`
 * @param folder where the file is that could not be read or written
 */
export function fileErrorAdvice(code: string | undefined, folder: string): string {
  if (code === 'EROFS') {
    return `The file system of ${folder} is read-only. Mount it for writing; in a container, mount a volume there.`;
  }
  if (/^(?:ENOSPC|EDQUOT|SQLITE_FULL)$/u.test(code ?? '')) {
    return `The disk or the quota is full. Free space on the disk of ${folder}, then try again.`;
  }
  if (/^(?:EACCES|EPERM|SQLITE_(?:AUTH|CANTOPEN|PERM|READONLY)\w*)$/u.test(code ?? '')) {
    return `Run this as the account that the bot runs as, and let that account write to ${folder}.`;
  }
  return `Check the disk, and the permissions of ${folder}.`;
}
