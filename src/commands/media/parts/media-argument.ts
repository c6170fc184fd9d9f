import { nameAndId } from '../../../chat/answers/account.ts';
import type { Inline } from '../../../chat/answers/answer.ts';
import { requireRoom, roomNameAndId } from '../../../chat/answers/room.ts';
import { positional } from '../../../chat/command/arguments.ts';
import type { CheckContext } from '../../../chat/command/declaration.ts';
import { UsageError } from '../../../core/errors.ts';
import type { MxcUri, RoomId, UserId } from '../../../core/ids.ts';
import type { Account } from '../../../services/services.ts';

export const filesDescription =
  'The mxc:// addresses of one or more files, or links to download them';

/** Files, of this server or of others. */
export const filesArgument = positional('media', filesDescription, {
  many: true,
  placeholder: 'MEDIA-LINK',
});

/** The most files that one command names. */
export const maxFiles = 100;

/** @throws UsageError more files than one command takes */
export function assertNotTooManyFiles({ media }: { readonly media: readonly MxcUri[] }): void {
  if (media.length > maxFiles) {
    throw new UsageError(`One command takes at most ${maxFiles} files.`, {
      advice: `These are ${media.length}. Send the rest in another message.`,
    });
  }
}

/** The files that a command acts on: some by their addresses, or all of some users, or all in a room. */
export const manyFilesFlags = ['user', 'room', 'matching', 'fromFile'] as const;

/**
 * For commands that take files, or all files of users or in a room.
 *
 * @throws UsageError none of them is given, or several, or too many files
 */
export function assertOneOf(
  given: {
    readonly media: readonly MxcUri[];
    readonly user: readonly UserId[];
    readonly room: RoomId | undefined;
  },
  { isSearched = false }: Pick<CheckContext, 'isSearched'>,
): void {
  const { media, user, room } = given;
  const isOfUsers = user.length > 0 || isSearched;
  const number = [media.length > 0, isOfUsers, room !== undefined].filter(Boolean).length;
  if (number !== 1) {
    throw new UsageError(number === 0 ? 'Which file?' : 'Give one of `--user` and `--room`.', {
      advice:
        'Give the address of the file, or `--user` for all files of a user, or `--room` for all files in a room.',
    });
  }
  assertNotTooManyFiles(given);
}

/**
 * Whose files many are, or in which room: `of Mallory @mallory:example.com`.
 *
 * @throws TargetError this server doesn't know the room
 */
export async function ofOrIn(
  context: Parameters<typeof requireRoom>[0],
  { user, room }: { readonly user: Account | undefined; readonly room: RoomId | undefined },
): Promise<Inline[]> {
  if (user !== undefined) {
    return ['of ', ...nameAndId(user)];
  }
  return room === undefined ? [] : ['in ', ...roomNameAndId(await requireRoom(context, room))];
}

/**
 * For commands that change files. A timer belongs to one file: what ends the change of several would also end what
 * somebody has since decided about one of them. Nothing undoes a change of all files of users or in a room exactly:
 * when the time is up, other files may be there, or be quarantined for another reason.
 *
 * @throws UsageError the change is not that of one file that is named
 */
export function assertOneFile({ media }: { readonly media: readonly MxcUri[] }): void {
  if (media.length > 1) {
    throw new UsageError('`--for` works for one file at a time.', {
      word: '--for',
      advice: `These are ${media.length}. Send one command for each file, or leave out \`--for\`.`,
    });
  }
  if (media.length === 0) {
    throw new UsageError(
      '`--for` works for a file that you name, not for those of users or rooms.',
      {
        word: '--for',
        advice: 'Name the file, or leave out `--for`.',
      },
    );
  }
}
