import { bold, code } from '../../chat/answers/answer.ts';
import type { Content } from '../../chat/answers/answer.ts';
import { ago } from '../../chat/answers/phrases.ts';
import { inert } from '../../chat/answers/untrusted-text.ts';
import { positional } from '../../chat/command/arguments.ts';
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
import { isoTime } from '../../core/iso-time.ts';
import { cut } from '../../core/text.ts';
import type { Note } from '../../services/services.ts';

/** Characters of a note that are shown. Files have the whole text. */
const shownText = 300;

export default defineCommand({
  name: 'notes',
  synonyms: ['comments', 'list-notes', 'remarks'],
  summary: 'Lists notes about users and rooms',
  does: ['list the newest first', `show the first ${shownText} characters; files have all`],
  doesNot: ['list removed notes'],
  args: {
    target: positional('target', 'Only about this user or room', { optional: true }),
    ...listFlags,
  },
  danger: 'read',
  example: 'notes @mallory:example.com',
  check: checkOffset,
  async run({ args, services }) {
    return readList<Note>(args, {
      async page() {
        const { limit = pageSize, from, target } = args;
        const before = from === undefined ? undefined : Number(from);
        const [found, total] = await Promise.all([
          services.notes.list(target, { limit: limit + 1, before }),
          services.notes.count(target),
        ]);
        return pageAfter(found, limit, total, ({ id }) => String(id));
      },
      all: () =>
        allInPieces<Note, number>(
          async ({ limit, after }) => services.notes.list(args.target, { limit, before: after }),
          ({ id }) => id,
        ),
    });
  },
  answer(context, listing) {
    const { target } = context.args;
    const about: Content = target === undefined ? [] : [' about ', code(cut(target, 255))];
    return listAnswer(context, listing, {
      noun: 'note',
      of: about,
      nothing: [bold('No notes'), ...about],
      columns: [
        {
          title: 'Note',
          name: 'id',
          show: ({ id, at }) => [bold(`${id}`), `, ${ago(at, context.now)}`],
          value: ({ id }) => id,
        },
        {
          title: 'About',
          name: 'subject',
          show: ({ subject, author }) => [
            ...(target === undefined ? ['about ', code(cut(subject, 255)), ' '] : []),
            'by ',
            code(cut(author, 255)),
          ],
          value: ({ subject }) => subject,
        },
        {
          title: 'Text',
          name: 'text',
          show: ({ text }) => ['“', inert(text, shownText), '”'],
          value: ({ text }) => text,
        },
        { name: 'author', value: ({ author }) => author },
        { name: 'at', value: ({ at }) => isoTime(at) },
      ],
    });
  },
});
