import { positional } from '../../../chat/command/arguments.ts';
import type { Context } from '../../../chat/command/declaration.ts';
import { idWord } from '../../../chat/reading/values.ts';
import { TargetError } from '../../../core/errors.ts';
import { parseUserId, serverNameOf } from '../../../core/ids.ts';

/** Whom or what a note or a tag is about. */
export const subjectArgument = positional('target', 'A user of any server, or a room', {
  implied: true,
});

/**
 * Makes sure that an account of this server exists: a bare word is read as the name of one, and may be a word of the
 * text. Users of other servers, and rooms, need not be known here.
 *
 * @throws TargetError there is no such account
 */
export async function assertSubject(
  { services, serverName }: Pick<Context, 'services' | 'serverName'>,
  subject: string,
): Promise<void> {
  const user = parseUserId(subject);
  if (
    user !== undefined &&
    serverNameOf(user) === serverName &&
    (await services.accounts.find(user)) === undefined
  ) {
    const lower = parseUserId(user.toLowerCase());
    const isMeant =
      lower !== undefined && lower !== user && (await services.accounts.find(lower)) !== undefined;
    throw new TargetError(
      'unknown_user',
      `there is no account ${user}`,
      isMeant
        ? `Nothing was changed. Did you mean \`${lower}\`?`
        : 'Nothing was changed. The user or room comes first, then the text or the tag.',
    );
  }
}

/** What to look at next: all that is known about it. */
export function nextAbout(subject: string): string[] {
  return [`history ${idWord(subject)}`];
}
