import { bold, code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import { flag, positional } from '../../chat/command/arguments.ts';
import { defineCommand } from '../../chat/command/declaration.ts';
import type { Context } from '../../chat/command/declaration.ts';
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
import { idWord, readUser } from '../../chat/reading/values.ts';
import { orUndefined } from '../../core/errors.ts';
import { isoTime } from '../../core/iso-time.ts';
import { present } from '../../core/present.ts';
import { cut } from '../../core/text.ts';
import type { Tag } from '../../services/services.ts';
import { checkTagName } from './parts/tag-name.ts';

/** At most this many rooms with a part of the name are looked at. */
const maxRooms = 20;

export default defineCommand({
  name: 'tags',
  synonyms: ['labels', 'list-tags', 'tagged'],
  summary: 'Lists who or what is tagged',
  does: ['list the newest first'],
  doesNot: ['list tags that have ended'],
  args: {
    name: positional('word', 'Only this tag', { optional: true, placeholder: 'NAME' }),
    target: flag('target', 'Only the tags of this user or room', { bare: true }),
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
  async run({ args, services, serverName, now }) {
    const { name, target } = args;
    const query = { name, subject: target };
    const listing = await readList<Tag>(args, {
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
    const isNone = name !== undefined && target === undefined && listing.total === 0;
    return {
      listing,
      meant: isNone ? await meantBy(name, { services, serverName, now }) : undefined,
    };
  },
  answer: (context, { listing, meant }) =>
    listAnswer(context, listing, {
      noun: 'tag',
      ...present({ none: meant?.said, next: meant?.next }),
      nothing: nothingTagged(context.args),
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
          value: ({ at }) => isoTime(at),
        },
        { name: 'author', value: ({ author }) => author },
        {
          name: 'expires_at',
          value: ({ expiresAt }) => (expiresAt === null ? null : isoTime(expiresAt)),
        },
      ],
    }),
});

function nothingTagged({
  name,
  target,
}: Readonly<Record<'name' | 'target', string | undefined>>): Content {
  if (target === undefined) {
    return [
      bold('Nobody and nothing'),
      ' has ',
      ...(name === undefined ? ['a tag'] : ['the tag ', code(name)]),
    ];
  }
  return [
    bold('No tags'),
    ...(name === undefined ? [] : [' ', code(name)]),
    ' on ',
    code(cut(target, 255)),
  ];
}

/** What else somebody may have meant who asked for a tag that nobody has. */
async function meantBy(
  name: string,
  { services, serverName, now }: Pick<Context, 'now' | 'serverName' | 'services'>,
): Promise<{ readonly said: Content; readonly next: string[] } | undefined> {
  const user = readUser(name, serverName);
  const alias = `#${name}:${serverName}`;
  // Whether somebody has that name is only a hint: the list does not depend on it.
  const [account, page] = await Promise.all([
    user && orUndefined(services.accounts.find(user)),
    orUndefined(services.rooms.list({ searchTerm: name, limit: maxRooms }).page()),
  ]);
  const room = page?.rows.find(({ canonicalAlias }) => canonicalAlias === alias);
  const subject = account?.name ?? (room && alias);
  if (subject !== undefined) {
    return {
      said: [`If you mean the ${account === undefined ? 'room' : 'user'}, write `, code(subject)],
      next: [`tags ${idWord(subject)}`],
    };
  }
  const similar = await services.tags.similar(name, now);
  return similar === undefined
    ? undefined
    : { said: ['Did you mean the tag ', code(similar), '?'], next: [`tags ${similar}`] };
}
