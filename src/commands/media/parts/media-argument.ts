import { nameAndId } from '../../../chat/answers/account.ts';
import type { Inline } from '../../../chat/answers/answer.ts';
import { requireRoom, roomNameAndId } from '../../../chat/answers/room.ts';
import { positional } from '../../../chat/command/arguments.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import type { Invocation } from '../../../chat/command/invocation.ts';
import { UsageError } from '../../../core/errors.ts';
import type { RoomId } from '../../../core/ids.ts';
import type { Account } from '../../../services/services.ts';

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
 * Whose files many are, or in which room: `of Mallory @mallory:example.com`.
 *
 * @throws TargetError this server doesn't know the room
 */
export async function ofOrIn(
  context: Pick<Context, 'services' | 'prefix' | 'now'>,
  { user, room }: { readonly user: Account | undefined; readonly room: RoomId | undefined },
): Promise<Inline[]> {
  if (user !== undefined) {
    return ['of ', ...nameAndId(user)];
  }
  return room === undefined ? [] : ['in ', ...roomNameAndId(await requireRoom(context, room))];
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
