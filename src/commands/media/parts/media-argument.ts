import { positional } from '../../../chat/command/arguments.ts';
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
