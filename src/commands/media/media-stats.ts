import { nameAndIdCell } from '../../chat/answers/account.ts';
import { bold } from '../../chat/answers/answer.ts';
import { count, size } from '../../chat/answers/phrases.ts';
import { flag } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import {
  checkOffset,
  listAnswer,
  listFlags,
  pageQuery,
  readList,
  sortFlags,
} from '../../chat/command/list.ts';
import { idWord } from '../../chat/reading/values.ts';
import { UsageError } from '../../core/errors.ts';
import { mediaUsageOrders } from '../../services/services.ts';

export default defineCommand({
  name: 'media-stats',
  synonyms: ['disk', 'disk-usage', 'storage', 'top-uploaders', 'usage'],
  summary: 'Shows how much each user has uploaded',
  does: ['list the users with the largest uploads first, by default'],
  doesNot: ['count files from other servers', 'list users who have uploaded nothing'],
  args: {
    search: flag('text', 'Part of the user ID or display name'),
    ...sortFlags(mediaUsageOrders),
    ...listFlags,
  },
  danger: 'read',
  example: 'media-stats --order-by media_count --dir b',
  endpoints: ['GET /_synapse/admin/v1/statistics/users/media'],
  check(args, context) {
    checkAscii('search', args.search);
    checkOffset(args, context);
  },
  run: async ({ args, services }) =>
    readList(
      args,
      services.media.usage({
        ...pageQuery(args),
        searchTerm: args.search,
        // By default, the accounts that use most space come first.
        orderBy: args.orderBy ?? 'media_length',
        dir: args.dir ?? (args.orderBy === undefined ? 'b' : undefined),
      }),
    ),
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'account',
      of: [' with files'],
      nothing: [bold('No accounts with files'), ' found'],
      ...(listing.rows[0] === undefined
        ? {}
        : { next: [`media ${idWord(listing.rows[0].userId)}`] }),
      columns: [
        {
          title: 'User',
          name: 'user_id',
          show: ({ userId, displayname }) => nameAndIdCell({ name: userId, displayname }),
          value: ({ userId }) => userId,
        },
        {
          name: 'displayname',
          value: ({ displayname }) => displayname,
        },
        {
          title: 'Files',
          name: 'media_count',
          show: ({ mediaCount, mediaLength }) => [
            bold(size(mediaLength)),
            ` in ${count(mediaCount, 'file')}`,
          ],
          value: ({ mediaCount }) => mediaCount,
        },
        {
          name: 'media_length',
          value: ({ mediaLength }) => mediaLength,
        },
      ],
    }),
});

/**
 * For search words of endpoints that accept only ASCII.
 *
 * @throws UsageError
 */
function checkAscii(flag: string, text: string | undefined): void {
  if (text !== undefined && !/^[\x20-\x7E]+$/u.test(text)) {
    throw new UsageError(
      text === '' ? `\`--${flag}\` needs a value.` : `\`--${flag}\` can only hold ASCII letters.`,
      { word: text, advice: 'Synapse searches here for ASCII alone.' },
    );
  }
}
