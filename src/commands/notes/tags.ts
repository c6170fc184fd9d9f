import { bold, code } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import {
  allInPieces,
  checkOffset,
  listAnswer,
  listFlags,
  pageAfter,
  pageSize,
  readList,
} from '../../chat/command/list.ts';
import { quote } from '../../chat/reading/tokenize.ts';
import { cut } from '../../core/text.ts';
import type { Tag } from '../../services/services.ts';
import { checkTagName } from './parts/tag-name.ts';

export default defineCommand({
  name: 'tags',
  synonyms: ['labels', 'list-tags', 'tagged'],
  summary: 'Lists who or what is tagged',
  does: ['list the newest first'],
  doesNot: ['list tags that have ended'],
  args: {
    name: positional('word', 'Only this tag', { optional: true, placeholder: 'NAME' }),
    target: flag('target', 'Only the tags of this user or room'),
    ...listFlags,
  },
  danger: 'read',
  example: 'tags known-spammer',
  check(args, context) {
    checkOffset(args, context);
    if (args.name !== undefined) {
      checkTagName(
        args.name,
        `For the tags of a user or room, write \`--target ${quote(cut(args.name, 255))}\`.`,
      );
    }
  },
  async run({ args, services, now }) {
    const query = { name: args.name, subject: args.target };
    return readList<Tag>(args, {
      async page() {
        const { limit = pageSize, from } = args;
        const before = from === undefined ? undefined : Number(from);
        const [found, total] = await Promise.all([
          services.tags.list(query, now, { limit: limit + 1, before }),
          services.tags.count(query, now),
        ]);
        return pageAfter(found, limit, total, ({ id }) => String(id));
      },
      all: () =>
        allInPieces<Tag, number>(
          async ({ limit, after }) => services.tags.list(query, now, { limit, before: after }),
          ({ id }) => id,
        ),
    });
  },
  answer: (context, listing) =>
    listAnswer(context, listing, {
      noun: 'tag',
      nothing: [
        bold('Nobody and nothing'),
        ' has ',
        ...(context.args.name === undefined ? ['a tag'] : ['the tag ', code(context.args.name)]),
      ],
      columns: [
        {
          title: 'Who',
          name: 'subject',
          show: ({ subject }) => [code(cut(subject, 255))],
          value: ({ subject }) => subject,
        },
        {
          title: 'Tag',
          name: 'name',
          show: ({ name }) => [code(name)],
          value: ({ name }) => name,
        },
        {
          title: 'Since',
          name: 'at',
          show: ({ at, author, expiresAt }) => [
            `${ago(at, context.now)} by `,
            code(cut(author, 255)),
            expiresAt === null ? '' : `, ends ${ago(expiresAt, context.now)}`,
          ],
          value: ({ at }) => at,
        },
        { name: 'author', value: ({ author }) => author },
        { name: 'expires_at', value: ({ expiresAt }) => expiresAt },
      ],
    }),
});
