import { line } from '../../chat/answers/answer.ts';
import type { Block } from '../../chat/answers/answer.ts';
import { count, whole } from '../../chat/answers/phrases.ts';
import type { LeftOut } from '../../chat/command/invocation.ts';
import type { Parsed } from '../stages.ts';

/** More accounts than this are summarized, with the list in a file. */
export const maxShown = 10;
/** At most this many of the accounts that stand out, or are left out, are named. */
export const maxNamed = 5;

/** `Left out: @a:x (is already deactivated), @b:x (is a server admin) and 3 others` */
export function leftOutBlocks(leftOut: readonly LeftOut[]): Block[] {
  return leftOut.length === 0 ? [] : [line(`Left out: ${leftOutText(leftOut)}`)];
}

export function leftOutText(leftOut: readonly LeftOut[]): string {
  const named = leftOut.slice(0, maxNamed).map(({ user, why }) => `${user} (${why})`);
  const rest = leftOut.length - named.length;
  return `${named.join(', ')}${rest === 0 ? '' : ` and ${count(rest, 'other')}`}`;
}

/** How many accounts of a file were not taken, because it says that they are done. */
export function skippedBlocks({
  fileLines,
  fileDone = 0,
}: Pick<Parsed, 'fileDone' | 'fileLines'>): Block[] {
  const taken = fileLines?.size ?? 0;
  return fileDone === 0
    ? []
    : [
        line(
          `Took ${whole(taken)} of the file’s ${count(taken + fileDone, 'account')}: it says that the ${fileDone === 1 ? 'other one is' : `other ${whole(fileDone)} are`} done.`,
        ),
      ];
}
