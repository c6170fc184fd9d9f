import { positional } from '../../../chat/command/arguments.ts';
import type { Invocation } from '../../../chat/command/invocation.ts';
import { UsageError } from '../../../core/errors.ts';

export const mediaDescription = 'The mxc:// address of the file, or a link to download it';

/** One file, of this server or of another one. */
export const mediaArgument = positional('media', mediaDescription, { placeholder: 'MEDIA-LINK' });

/**
 * For commands that take a file, or all files of a user or in a room.
 *
 * @throws UsageError none of them is given, or several
 */
export function assertOneOf(given: Readonly<Record<'media' | 'user' | 'room', unknown>>): void {
  const number = Object.values(given).filter((value) => value !== undefined).length;
  if (number !== 1) {
    throw new UsageError(number === 0 ? 'Which file?' : 'Give one of `--user` and `--room`.', {
      advice:
        'Give the address of the file, or `--user` for all files of a user, or `--room` for all files in a room.',
    });
  }
}

/**
 * For commands that change many files. Nothing undoes that exactly: when the time is up, other files may be
 * there, or be quarantined for another reason.
 *
 * @throws UsageError the change is to end by itself
 */
export function assertNoEnd({ forMs }: Pick<Invocation, 'forMs'>): void {
  if (forMs !== undefined) {
    throw new UsageError('`--for` works for one file, not with `--user` or `--room`.', {
      word: '--for',
      advice: 'Name the file, or leave out `--for`.',
    });
  }
}
